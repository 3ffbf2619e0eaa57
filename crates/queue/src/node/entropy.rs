//! What the engine needs of the unforeseeable, from one seed.

use std::fmt;

use anteroom_protocol::mac::Key;

/// Gives 32 bytes for each step. Who does not know the seed cannot tell any of them from the others.
pub(super) struct Entropy {
    key: Key,
    steps: u64,
}

impl Entropy {
    pub(super) fn new(seed: [u8; 32]) -> Self {
        Self { key: Key::new(&seed).derive("entropy"), steps: 0 }
    }

    /// Never the same twice.
    pub(super) fn next(&mut self) -> [u8; 32] {
        self.steps += 1;
        *self.key.sign(&[&self.steps.to_be_bytes()]).as_bytes()
    }
}

impl fmt::Debug for Entropy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Entropy(..)")
    }
}
