//! Engines that are broken on purpose: in whole worlds, each is caught by the checker of the invariant it breaks.

use std::collections::BTreeSet;

use anteroom_queue::broken::{self, Broken};
use anteroom_simulator::{Class, Scenario};

const I1: &str = "I1 never over-admit";
const PAUSE: &str = "I1 nobody passes a pause";
const I2: &str = "I2 first come, first served";
const I3: &str = "I3 nobody loses their place";
const I4: &str = "I4 one place, one admission";
const I5: &str = "I5 work-conserving";
const CAP: &str = "I1 no more inside than may be";
const I6: &str = "I6 fair draw";
const I7: &str = "I7 waiting is free";
const I10: &str = "I10 nothing forged gets in";

/// So many worlds catch most.
const SEEDS: std::ops::Range<u64> = 1..101;
const VISITORS: u32 = 300;

fn broken_invariants(scenario: Scenario) -> BTreeSet<&'static str> {
    let verdicts = scenario.run().verdicts.into_iter();
    verdicts.filter(|verdict| verdict.violation_count > 0).map(|verdict| verdict.invariant).collect()
}

/// The first world in which an engine that is broken in this way is caught by this checker, and by which others.
fn first_caught(broken: Broken, class: Class, checker: &str) -> Option<(u64, BTreeSet<&'static str>)> {
    let broken_in =
        |seed| (seed, broken::with(broken, || broken_invariants(Scenario::new(class, seed, VISITORS))));
    SEEDS.map(broken_in).find(|(_, caught)| caught.contains(checker))
}

macro_rules! is_caught {
    ($($name:ident: $broken:ident in $class:ident by $checker:expr;)+) => {$(
        #[test]
        fn $name() {
            let caught = first_caught(Broken::$broken, Class::$class, $checker);
            println!("{:?} is caught: {caught:?}", Broken::$broken);
            assert!(caught.is_some());
        }
    )+};
}

is_caught! {
    i1_gate_that_does_not_count_is_caught: GateForgets in Ordinary by I1;
    i1_pause_that_keeps_nobody_out_is_caught: PausePasses in Ordinary by PAUSE;
    i2_line_that_lets_some_overtake_is_caught: LineIgnoresOrder in Ordinary by I2;
    i3_room_that_calls_everybody_late_is_caught: LateAtOnce in Ordinary by I3;
    i4_place_given_twice_is_caught: GivesTwice in Ordinary by I4;
    i4_ticket_that_is_good_forever_is_caught: AdmitsTwice in Ordinary by I4;
    i3_state_that_nothing_heals_is_caught: NoHealing in LateLoss by I3;
    i4_key_that_holds_two_places_is_caught: KeysIgnored in Sale by I4;
    i1_limit_that_limits_nobody_is_caught: CapIgnored in Sale by CAP;
    i6_draw_that_gives_the_order_of_coming_is_caught: BiasedDraw in Sale by I6;
    i5_room_that_replaces_nobody_is_caught: NoReplacement in Ordinary by I5;
    i7_record_of_everybody_who_waits_is_caught: ListsVisitors in Ordinary by I7;
    i7_state_that_grows_with_the_line_is_caught: StateGrows in Ordinary by I7;
}

#[test]
fn i10_desk_that_takes_any_key_is_caught() {
    let scenario = |seed| Scenario { trusts_any_key: true, ..Scenario::new(Class::Ordinary, seed, VISITORS) };
    assert!(SEEDS.map(scenario).any(|scenario| broken_invariants(scenario).contains(I10)));
}

#[test]
fn engine_is_whole_again_afterwards() {
    let hash = || Scenario::new(Class::Ordinary, 1, 30).run().trace_hash;
    let before = hash();
    assert_ne!(broken::with(Broken::GateForgets, hash), before);
    assert_eq!(hash(), before);
}
