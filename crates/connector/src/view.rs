//! A borrowed look at one request, in plain texts, so that any host can fill it: an HTTP library, a C caller, a
//! proxy. Nothing in here is trusted or even well-formed; the connector is total over it.

use std::net::IpAddr;

/// One request as the visitor's browser made it.
#[derive(Clone, Copy)]
pub struct RequestView<'a> {
    /// The real method as it stands in the request line, never one from an override header.
    pub method: &'a str,
    /// The absolute address as the browser sees it (scheme, public host, port only when it is not the scheme's
    /// own, path, query), with any queue token still in it.
    pub url: &'a str,
    /// The request's headers, cookies among them.
    pub headers: &'a dyn Headers,
    /// The visitor's address, from the connection or from a trusted proxy's header. `None` when it is not known:
    /// then nothing is compared with it.
    pub client_ip: Option<IpAddr>,
    /// The beginning of the body, where the host offers it for triggers that look at it.
    pub body: Option<&'a str>,
}

/// The headers of one request.
///
/// The connector asks for names in lower case. An implementation compares them without regard to case. A value
/// that is not UTF-8 may be left out or be handed over with replacement characters: both are harmless, since no
/// genuine cookie or queue token holds such a byte.
pub trait Headers {
    /// The first value of this header.
    fn get(&self, name: &str) -> Option<&str>;

    /// Calls `each` with every value of this header, in the order of the request.
    ///
    /// A host that leaves out all but the first value makes visitors queue again when their cookies came in
    /// several `cookie` headers; it never lets anybody in.
    fn for_each<'a>(&'a self, name: &str, each: &mut dyn FnMut(&'a str));
}

/// Headers as pairs of name and value, for tests and for small hosts.
impl<N: AsRef<str>, V: AsRef<str>> Headers for [(N, V)] {
    fn get(&self, name: &str) -> Option<&str> {
        self.iter().find(|(known, _)| is_same(known.as_ref(), name)).map(|(_, value)| value.as_ref())
    }

    fn for_each<'a>(&'a self, name: &str, each: &mut dyn FnMut(&'a str)) {
        for (_, value) in self.iter().filter(|(known, _)| is_same(known.as_ref(), name)) {
            each(value.as_ref());
        }
    }
}

/// Most names differ in their length or in their first letter, which is seen without a call.
#[inline(always)]
fn is_same(known: &str, name: &str) -> bool {
    let first = |text: &str| text.as_bytes().first().map(u8::to_ascii_lowercase);
    known.len() == name.len()
        && first(known) == first(name)
        && (known == name || known.eq_ignore_ascii_case(name))
}

impl<N: AsRef<str>, V: AsRef<str>, const LEN: usize> Headers for [(N, V); LEN] {
    fn get(&self, name: &str) -> Option<&str> {
        Headers::get(self.as_slice(), name)
    }

    fn for_each<'a>(&'a self, name: &str, each: &mut dyn FnMut(&'a str)) {
        Headers::for_each(self.as_slice(), name, each);
    }
}

impl<N: AsRef<str>, V: AsRef<str>> Headers for Vec<(N, V)> {
    fn get(&self, name: &str) -> Option<&str> {
        Headers::get(self.as_slice(), name)
    }

    fn for_each<'a>(&'a self, name: &str, each: &mut dyn FnMut(&'a str)) {
        Headers::for_each(self.as_slice(), name, each);
    }
}
