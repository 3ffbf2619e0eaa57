//! Engines that are broken on purpose, for the tests that show that somebody would notice. Never part of a program.
//!
//! The hooks are single conditions that ask `is`. Without the feature `broken`, which only tests may turn on
//! (`cargo xtask structure` looks), it is a constant `false` and nothing of them is left. With the feature nothing is
//! broken either, until a test says what is, for its own thread and for as long as `with` lasts.

/// A way in which the engine can be broken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Broken {
    /// I1: the gate does not count whom it lets through.
    GateForgets,
    /// I1: a pause keeps nobody out.
    PausePasses,
    /// I2: every fourth visitor is given a place that lies before those of others who came earlier.
    LineIgnoresOrder,
    /// I3: neither tickets that the state does not know nor what a process remembers heals anything.
    NoHealing,
    /// I3: whoever does not come at once is late.
    LateAtOnce,
    /// I4: every fourth visitor is given the place of the one before.
    GivesTwice,
    /// I4: nobody looks whether an id was let in before.
    AdmitsTwice,
    /// I5: nobody is called in place of those who did not come.
    NoReplacement,
    /// I4: nobody looks whether a key holds a place already.
    KeysIgnored,
    /// The limit of people inside limits nobody.
    CapIgnored,
    /// I6: the draw gives everybody the place of their entry.
    BiasedDraw,
    /// I7: a record is kept of everybody who waits.
    ListsVisitors,
    /// I7: the state grows with the line.
    StateGrows,
}

#[cfg(feature = "broken")]
std::thread_local! {
    static NOW: std::cell::Cell<Option<Broken>> = const { std::cell::Cell::new(None) };
}

/// Whether the engine is to be broken in this way.
#[cfg(not(feature = "broken"))]
#[inline]
pub(crate) const fn is(_: Broken) -> bool {
    false
}

/// Whether the engine is to be broken in this way.
#[cfg(feature = "broken")]
pub(crate) fn is(broken: Broken) -> bool {
    NOW.get() == Some(broken)
}

/// Does something with an engine that is broken in this way, on this thread.
#[cfg(feature = "broken")]
pub fn with<T>(broken: Broken, body: impl FnOnce() -> T) -> T {
    struct Whole;
    impl Drop for Whole {
        fn drop(&mut self) {
            NOW.set(None);
        }
    }
    let _whole_afterwards = Whole;
    NOW.set(Some(broken));
    body()
}
