//! Whole worlds: clean, always the same, and broken on purpose.

use anteroom_simulator::trace::{Entry, Fact, Place, Trace};
use anteroom_simulator::{Class, Scenario};

use crate::story::{broken, visitor};

fn world(seed: u64, visitors: u32) -> Scenario {
    Scenario::new(Class::Ordinary, seed, visitors)
}

#[test]
fn worlds_keep_every_invariant() {
    for class in [Class::Ordinary, Class::Lossy, Class::Sale, Class::LateLoss] {
        let summary = anteroom_simulator::run_many(class, 1, 8, 200);
        assert!(summary.is_clean(), "{summary}");
    }
}

#[test]
fn same_seed_makes_the_same_world() {
    for seed in 1..=4 {
        let (first, second) = (world(seed, 60).run(), world(seed, 60).run());
        assert_eq!(first.trace_hash, second.trace_hash, "seed {seed}");
        assert!(first.counts.admissions > 20, "{first}");
    }
    assert_ne!(world(1, 60).run().trace_hash, world(2, 60).run().trace_hash);
    assert_ne!(world(1, 60).run().trace_hash, world(1, 61).run().trace_hash);
}

/// A world whose facts are changed as if the room were broken in one way.
fn broken_on_purpose(mut change: impl FnMut(usize, &mut Fact)) -> Vec<&'static str> {
    let mut trace: Trace = world(3, 100).trace();
    assert!(broken(&trace).is_empty());
    for (number, entry) in trace.entries.iter_mut().enumerate() {
        change(number, &mut entry.fact);
    }
    broken(&trace)
}

#[test]
fn room_that_lets_in_twice_as_many_is_caught() {
    let mut trace = world(3, 100).trace();
    let twins: Vec<_> = trace
        .entries
        .iter()
        .enumerate()
        .filter_map(|(number, entry)| match entry.fact {
            Fact::Admitted { at, committed, .. } => {
                let queue_id = visitor(u32::try_from(number).unwrap());
                let fact = Fact::Admitted { queue_id, at, committed };
                Some(Entry { fact, ..*entry })
            }
            _ => None,
        })
        .collect();
    trace.entries.extend(twins);
    assert!(broken(&trace).contains(&"I1 never over-admit"));
}

#[test]
fn room_with_half_the_outflow_it_took_is_caught() {
    let caught = broken_on_purpose(|_, fact| {
        if let Fact::Configured { outflow_per_minute, burst, .. } = fact {
            *outflow_per_minute = outflow_per_minute.div_ceil(2);
            *burst = 1;
        }
    });
    assert!(caught.contains(&"I1 never over-admit"), "{caught:?}");
}

#[test]
fn room_that_gives_places_backwards_is_caught() {
    let caught = broken_on_purpose(|_, fact| {
        if let Fact::Joined { place: Place { tag, .. }, .. } = fact {
            *tag = 1_000_000 - *tag;
        }
    });
    assert!(caught.contains(&"I2 first come, first served"), "{caught:?}");
}

#[test]
fn room_that_gives_every_place_twice_is_caught() {
    let caught = broken_on_purpose(|_, fact| {
        if let Fact::Joined { place: Place { tag, .. }, .. } = fact {
            *tag /= 2;
        }
    });
    assert!(caught.contains(&"I4 one place, one admission"), "{caught:?}");
}

#[test]
fn room_that_lets_in_only_half_of_what_it_could_is_caught() {
    let is_kept = |entry: &Entry| !matches!(entry.fact, Fact::Admitted { at, .. } if at.as_millis() % 2 == 0);
    let is_caught = |seed| {
        let mut trace = world(seed, 300).trace();
        trace.entries.retain(is_kept);
        broken(&trace).contains(&"I5 work-conserving")
    };
    // In some worlds something is wrong all the time, and nothing can be measured.
    assert!((1..40).any(is_caught));
}

#[test]
fn crowd_is_served_and_always_the_same() {
    let report = anteroom_simulator::run_crowd(1, 3_000);
    assert!(report.is_clean(), "{report}");
    assert!(report.counts.admissions > 2_500, "{report}");
    assert_eq!(report.trace_hash, anteroom_simulator::run_crowd(1, 3_000).trace_hash);
    assert_ne!(report.trace_hash, anteroom_simulator::run_crowd(2, 3_000).trace_hash);
}
