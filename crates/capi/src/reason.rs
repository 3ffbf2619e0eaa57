//! The reasons of the connector as numbers, which stay what they are, and as texts.

use std::sync::LazyLock;

use anteroom_connector::decision::{Reason, TokenFault};

use crate::abi::AnteroomText;

/// No reason: nothing is decided.
pub const ANTEROOM_REASON_NONE: u32 = 0;
/// A `HEAD` or `OPTIONS` request.
pub const ANTEROOM_REASON_METHOD_NOT_GUARDED: u32 = 1;
/// No action's triggers match.
pub const ANTEROOM_REASON_NO_ACTION_MATCHES: u32 = 2;
/// An ignore action matches.
pub const ANTEROOM_REASON_IGNORED: u32 = 3;
/// The accepted cookie is good.
pub const ANTEROOM_REASON_COOKIE_ACCEPTED: u32 = 4;
/// The queue token is good.
pub const ANTEROOM_REASON_TOKEN_ACCEPTED: u32 = 5;
/// The queue token was not signed with this account's key, or was altered.
pub const ANTEROOM_REASON_TOKEN_SIGNATURE: u32 = 6;
/// The queue token is for a room that the action does not accept.
pub const ANTEROOM_REASON_TOKEN_ROOM: u32 = 7;
/// The queue token was to be used earlier.
pub const ANTEROOM_REASON_TOKEN_EXPIRED: u32 = 8;
/// The queue token is bound to another address.
pub const ANTEROOM_REASON_TOKEN_ADDRESS: u32 = 9;
/// There is neither a queue token nor an accepted cookie.
pub const ANTEROOM_REASON_NOTHING_TO_SHOW: u32 = 10;
/// The accepted cookie is over or not genuine.
pub const ANTEROOM_REASON_COOKIE_REFUSED: u32 = 11;
/// The accepted cookie is bound to another address.
pub const ANTEROOM_REASON_COOKIE_OF_ANOTHER_ADDRESS: u32 = 12;
/// The queue id has been used as often as it may be.
pub const ANTEROOM_REASON_USAGE_LIMIT_REACHED: u32 = 13;
/// The room did not say whether the queue id may be used again, and the visitor is refused.
pub const ANTEROOM_REASON_NOT_VERIFIED: u32 = 14;
/// The room lets the visitor pass without queueing.
pub const ANTEROOM_REASON_DIRECTLY_PASSED: u32 = 15;
/// The room did not say whether the visitor may pass without queueing, and they pass.
pub const ANTEROOM_REASON_DIRECT_PASS_FAILED: u32 = 16;
/// The debug token's time is over.
pub const ANTEROOM_REASON_DEBUG_TOKEN_EXPIRED: u32 = 17;
/// The debug token was not signed with this account's key, or was altered.
pub const ANTEROOM_REASON_DEBUG_TOKEN_REFUSED: u32 = 18;
/// A cancel action ended the visitor's pass.
pub const ANTEROOM_REASON_CANCELLED: u32 = 19;
/// A cancel action found no pass to end.
pub const ANTEROOM_REASON_NOTHING_TO_CANCEL: u32 = 20;
/// No integration config is in force.
pub const ANTEROOM_REASON_NO_CONFIG: u32 = 21;

const NO_CONFIG_TEXT: &str = "no integration config is in force\0";

/// The number and text of a reason.
pub(crate) fn of(reason: Reason) -> (u32, AnteroomText) {
    let number = number(reason);
    // The texts stand in the order of their numbers, which begin at 1; a test holds that.
    let text = usize::try_from(number).ok().and_then(|number| TEXTS.get(number.wrapping_sub(1)));
    (number, text.map_or(AnteroomText::EMPTY, |text| AnteroomText::of_terminated(text)))
}

/// The number and text for when there is no config.
pub(crate) const fn no_config() -> (u32, AnteroomText) {
    (ANTEROOM_REASON_NO_CONFIG, AnteroomText::of_terminated(NO_CONFIG_TEXT))
}

/// One of each number, in their order.
const ALL: [Reason; 20] = [
    Reason::MethodNotGuarded,
    Reason::NoActionMatches,
    Reason::Ignored,
    Reason::CookieAccepted,
    Reason::TokenAccepted,
    Reason::TokenRefused(TokenFault::Signature),
    Reason::TokenRefused(TokenFault::Room),
    Reason::TokenRefused(TokenFault::Expired),
    Reason::TokenRefused(TokenFault::Address),
    Reason::NothingToShow,
    Reason::CookieRefused,
    Reason::CookieOfAnotherAddress,
    Reason::UsageLimitReached,
    Reason::NotVerified,
    Reason::DirectlyPassed,
    Reason::DirectPassFailed,
    Reason::DebugTokenRefused(TokenFault::Expired),
    Reason::DebugTokenRefused(TokenFault::Signature),
    Reason::Cancelled,
    Reason::NothingToCancel,
];

/// Each text of [`ALL`], with a zero byte at its end.
static TEXTS: LazyLock<[String; 20]> = LazyLock::new(|| ALL.map(|reason| format!("{reason}\0")));

const fn number(reason: Reason) -> u32 {
    match reason {
        Reason::MethodNotGuarded => ANTEROOM_REASON_METHOD_NOT_GUARDED,
        Reason::NoActionMatches => ANTEROOM_REASON_NO_ACTION_MATCHES,
        Reason::Ignored => ANTEROOM_REASON_IGNORED,
        Reason::CookieAccepted => ANTEROOM_REASON_COOKIE_ACCEPTED,
        Reason::TokenAccepted => ANTEROOM_REASON_TOKEN_ACCEPTED,
        Reason::TokenRefused(TokenFault::Signature) => ANTEROOM_REASON_TOKEN_SIGNATURE,
        Reason::TokenRefused(TokenFault::Room) => ANTEROOM_REASON_TOKEN_ROOM,
        Reason::TokenRefused(TokenFault::Expired) => ANTEROOM_REASON_TOKEN_EXPIRED,
        Reason::TokenRefused(TokenFault::Address) => ANTEROOM_REASON_TOKEN_ADDRESS,
        Reason::NothingToShow => ANTEROOM_REASON_NOTHING_TO_SHOW,
        Reason::CookieRefused => ANTEROOM_REASON_COOKIE_REFUSED,
        Reason::CookieOfAnotherAddress => ANTEROOM_REASON_COOKIE_OF_ANOTHER_ADDRESS,
        Reason::UsageLimitReached => ANTEROOM_REASON_USAGE_LIMIT_REACHED,
        Reason::NotVerified => ANTEROOM_REASON_NOT_VERIFIED,
        Reason::DirectlyPassed => ANTEROOM_REASON_DIRECTLY_PASSED,
        Reason::DirectPassFailed => ANTEROOM_REASON_DIRECT_PASS_FAILED,
        Reason::DebugTokenRefused(TokenFault::Expired) => ANTEROOM_REASON_DEBUG_TOKEN_EXPIRED,
        Reason::DebugTokenRefused(_) => ANTEROOM_REASON_DEBUG_TOKEN_REFUSED,
        Reason::Cancelled => ANTEROOM_REASON_CANCELLED,
        Reason::NothingToCancel => ANTEROOM_REASON_NOTHING_TO_CANCEL,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_reason_has_a_number_of_its_own_and_its_text() {
        for (at, reason) in ALL.into_iter().enumerate() {
            let (number, text) = of(reason);
            assert_eq!(usize::try_from(number).unwrap(), at + 1);
            assert_eq!(text.len, reason.to_string().len());
        }
    }
}
