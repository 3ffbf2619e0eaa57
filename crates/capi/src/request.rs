//! A caller's request as the connector looks at one.

use anteroom_connector::view::Headers;

use crate::abi::AnteroomPair;
use crate::failure::Failure;
use crate::memory::Lent;

/// A caller's headers, read where they lie.
pub(crate) struct LentHeaders<'a> {
    lent: Lent<'a>,
    pairs: &'a [AnteroomPair],
}

impl<'a> LentHeaders<'a> {
    pub(crate) fn new(lent: Lent<'a>, first: *const AnteroomPair, len: usize) -> Result<Self, Failure> {
        Ok(Self { lent, pairs: lent.pairs(first, len, "a header of the request")? })
    }

    /// The values of a header that are UTF-8. A visitor writes them, so one that is not must not fail the request.
    #[inline]
    fn values(&self, name: &str) -> impl Iterator<Item = &'a str> {
        let Self { lent, pairs } = *self;
        pairs.iter().filter_map(move |pair| {
            if pair.name.len != name.len() {
                return None;
            }
            let known = lent.bytes(pair.name, "").ok()?;
            if !known.eq_ignore_ascii_case(name.as_bytes()) {
                return None;
            }
            lent.text(pair.value, "").ok()
        })
    }
}

impl Headers for LentHeaders<'_> {
    fn get(&self, name: &str) -> Option<&str> {
        self.values(name).next()
    }

    fn for_each<'a>(&'a self, name: &str, each: &mut dyn FnMut(&'a str)) {
        self.values(name).for_each(each);
    }
}
