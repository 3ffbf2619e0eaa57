//! Addresses of a waiting room, as a connector writes them (protocol 6.1 to 6.5).

use std::fmt::{self, Write as _};
use std::net::IpAddr;

use crate::client_ip::ClientIpText;
use crate::encode::{enc, enc_into, utf16_hex};
use crate::time::Timestamp;

/// Where a browser finds a waiting room: everything before the path of a request to it, ending in `/`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RoomAddress(String);

impl RoomAddress {
    /// The address of a queue domain and path prefix, as they stand in the integration config. Always https.
    ///
    /// ```
    /// use anteroom_protocol::redirect::RoomAddress;
    ///
    /// assert_eq!(RoomAddress::new("queue.shop.example", "/spring").as_str(), "https://queue.shop.example/spring/");
    /// ```
    pub fn new(queue_domain: &str, path_prefix: &str) -> Self {
        Self::with_origin(&format!("https://{queue_domain}"), path_prefix)
    }

    /// The same behind an origin with its scheme, such as `http://127.0.0.1:8602`: for demos and tests.
    pub fn with_origin(origin: &str, path_prefix: &str) -> Self {
        let mut address = origin.to_owned();
        let prefix = path_prefix.strip_prefix('/').unwrap_or(path_prefix);
        for piece in ["", prefix] {
            address.push_str(piece);
            if !address.ends_with('/') {
                address.push('/');
            }
        }
        Self(address)
    }

    /// The text, ending in `/`.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Where a visitor queues (6.2). An empty target is left out, and so is an empty enqueue token.
    pub fn enqueue_url(&self, common: &CommonQuery<'_>, enqueue_token: Option<&str>, target: &str) -> String {
        let mut url = self.begin("?", target);
        common.write(&mut url);
        if let Some(token) = enqueue_token.filter(|token| !token.is_empty()) {
            url.push_str("&enqueuetoken=");
            url.push_str(token);
        }
        push_encoded(&mut url, "&t=", target);
        url
    }

    /// Where a visitor learns why a queue token or accepted cookie was refused (6.3). The token is encoded, so
    /// that whatever a client sends stays one value; the bytes of a genuine token are the same.
    pub fn error_url(
        &self,
        common: &CommonQuery<'_>,
        code: &str,
        reason: Option<&InvalidReason<'_>>,
        token: Option<&str>,
        now: Timestamp,
        target: &str,
    ) -> String {
        let mut url = self.begin("error/", target);
        url.push_str(code);
        url.push_str("/?");
        common.write(&mut url);
        if let Some(reason) = reason {
            push_encoded(&mut url, "&icr=", &reason.to_string());
        }
        push_encoded(&mut url, "&queueittoken=", token.unwrap_or_default());
        // Writing to a String cannot fail.
        let _ = write!(url, "&ts={}", now.as_seconds());
        push_encoded(&mut url, "&t=", target);
        url
    }

    /// Where a visitor gives up their place in these rooms (6.5), each with the queue id of a valid accepted
    /// cookie, if there was one.
    pub fn cancel_url<'a>(
        &self,
        customer: &str,
        rooms: impl IntoIterator<Item = (&'a str, Option<&'a str>)>,
        return_url: &str,
    ) -> String {
        let mut url = self.begin("cancel/multiple/", return_url);
        url.push_str(customer);
        url.push_str("?wrl=");
        for (at, (room, queue_id)) in rooms.into_iter().enumerate() {
            if at > 0 {
                url.push('_');
            }
            url.push_str(room);
            if let Some(queue_id) = queue_id.filter(|queue_id| !queue_id.is_empty()) {
                url.push('~');
                url.push_str(queue_id);
            }
        }
        push_encoded(&mut url, "&r=", return_url);
        url
    }

    /// Where a connector asks whether a queue id may be used once more (9.1). Ours: the official one is not public.
    pub fn verify_url(
        &self,
        customer: &str,
        event: &str,
        queue_id: &str,
        usage_limit: Option<u64>,
    ) -> String {
        let mut url = self.begin("api/verify/", "");
        let _ = write!(url, "{}/{}/{}", enc(customer), enc(event), enc(queue_id));
        if let Some(limit) = usage_limit {
            let _ = write!(url, "?limit={limit}");
        }
        url
    }

    /// Where a connector asks whether a visitor may pass without queueing (9.2). Ours: the official one is not public.
    pub fn direct_pass_url(&self, customer: &str, event: &str) -> String {
        let mut url = self.begin("api/directpass/", "");
        let _ = write!(url, "{}/{}", enc(customer), enc(event));
        url
    }

    fn begin(&self, path: &str, target: &str) -> String {
        const REST_LEN: usize = 320;
        let mut url = String::with_capacity(self.0.len() + path.len() + 2 * target.len() + REST_LEN);
        url.push_str(&self.0);
        url.push_str(path);
        url
    }
}

/// The parameters that every request to a waiting room begins with.
#[derive(Clone, Copy, Debug)]
pub struct CommonQuery<'a> {
    /// `c`: the account.
    pub customer: &'a str,
    /// `e`: the waiting room.
    pub event: &'a str,
    /// `ver`: the connector and its version, written raw.
    pub ver: &'a str,
    /// `cver`: the version of the integration config, written raw.
    pub cver: &'a str,
    /// `man`: the name of the action.
    pub man: &'a str,
    /// `cid`: the language of the pages; left out when empty.
    pub culture: &'a str,
    /// `l`: the layout of the pages; left out when empty.
    pub layout: &'a str,
}

impl CommonQuery<'_> {
    fn write(&self, url: &mut String) {
        url.push_str("c=");
        enc_into(url, self.customer);
        url.push_str("&e=");
        enc_into(url, self.event);
        url.push_str("&ver=");
        url.push_str(self.ver);
        url.push_str("&cver=");
        url.push_str(self.cver);
        url.push_str("&man=");
        enc_into(url, self.man);
        push_encoded(url, "&cid=", self.culture);
        push_encoded(url, "&l=", self.layout);
    }
}

/// Details of a refusal because of a changed address, for `icr` (6.4).
#[derive(Clone, Copy)]
pub enum InvalidReason<'a> {
    /// A queue token is bound to another address.
    QueueToken {
        /// The client's address.
        client_ip: IpAddr,
        /// The hashed address that the token is bound to.
        hashed_ip: &'a str,
    },
    /// An accepted cookie is bound to another address.
    AcceptedCookie {
        /// The client's address.
        client_ip: IpAddr,
        /// The hashed address that the cookie is bound to.
        hashed_ip: &'a str,
        /// The cookie's redirect type.
        redirect_type: &'a str,
        /// The cookie's queue id.
        queue_id: Option<&'a str>,
        /// The time of the request.
        now: Timestamp,
    },
}

impl fmt::Debug for InvalidReason<'_> {
    /// Names the kind. The rest says whose address it was.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::QueueToken { .. } => "QueueToken(..)",
            Self::AcceptedCookie { .. } => "AcceptedCookie(..)",
        })
    }
}

impl fmt::Display for InvalidReason<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (Self::QueueToken { client_ip, hashed_ip } | Self::AcceptedCookie { client_ip, hashed_ip, .. }) =
            self;
        write!(f, "ip,cip:{},hip:{hashed_ip}", utf16_hex(ClientIpText::new(*client_ip).as_str()))?;
        if let Self::AcceptedCookie { redirect_type, queue_id, now, .. } = self {
            write!(f, ",r:{redirect_type}")?;
            if let Some(queue_id) = queue_id {
                write!(f, ",q:{queue_id}")?;
            }
            write!(f, ",st:{}", now.as_millis())?;
        }
        Ok(())
    }
}

/// Appends a parameter unless its value is empty.
fn push_encoded(url: &mut String, name: &str, value: &str) {
    if !value.is_empty() {
        url.push_str(name);
        url.push_str(&enc(value));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn path_prefix_loses_one_leading_slash_and_ends_in_one() {
        for (domain, prefix, address) in [
            ("q.example", "", "https://q.example/"),
            ("q.example/", "", "https://q.example/"),
            ("q.example", "/", "https://q.example/"),
            ("q.example", "/a/b/", "https://q.example/a/b/"),
            ("q.example", "a", "https://q.example/a/"),
            ("q.example", "//a", "https://q.example//a/"),
        ] {
            assert_eq!(RoomAddress::new(domain, prefix).as_str(), address, "{domain} {prefix}");
        }
    }
}
