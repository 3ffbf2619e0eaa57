//! Enqueue tokens that a host makes itself, for an invitation or for a page that links to the waiting room.

use anteroom_protocol::enqueue_token::{NewEnqueueToken, NewPayload, Origin, token_id};
use anteroom_protocol::problem::Problem;
use anteroom_protocol::secret::Secret;
use anteroom_protocol::time::Timestamp;

use crate::abi::*;
use crate::decide::address;
use crate::engine::{custom_data, unknown};
use crate::failure::{AnteroomStatus, Failure, guarded};
use crate::memory::{self, Lent};

/// Makes an enqueue token (QT1). With a token id it depends on nothing but what is given; without one, it takes random
/// bytes from the operating system.
///
/// # Safety
/// `given` and what it points at must be readable, `token` writable, `error` null or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn anteroom_enqueue_token_create(
    given: *const AnteroomEnqueueToken,
    token: *mut AnteroomOwnedText,
    error: *mut AnteroomOwnedText,
) -> AnteroomStatus {
    let call = || {
        if token.is_null() {
            return Err(Failure::null("the place for the token"));
        }
        // SAFETY: it is writable, as the caller promised.
        unsafe { memory::give_text(token, None) };
        // SAFETY: as the caller promised; nothing of it is kept.
        let lent = unsafe { Lent::new() };
        let text = seal(lent, &lent.read(given)?)?;
        // SAFETY: it is writable, as the caller promised.
        unsafe { memory::give_text(token, Some(&text)) };
        Ok(())
    };
    // SAFETY: as the caller promised.
    unsafe { guarded(error, call) }
}

fn seal(lent: Lent<'_>, given: &AnteroomEnqueueToken) -> Result<String, Failure> {
    let customer_id = lent.text(given.customer_id, "customer_id")?;
    let secret_key = lent.text(given.secret_key, "secret_key")?;
    let named = [
        ("customer_id", customer_id, "the id of the account"),
        ("secret_key", secret_key, "the account's secret key"),
    ];
    let problems = named
        .into_iter()
        .filter(|(_, text, _)| text.is_empty())
        .map(|(name, _, expected)| Problem::new(name, "an empty text", expected))
        .collect::<Vec<_>>();
    if !problems.is_empty() {
        return Err(Failure::Config(problems));
    }
    let prefix = lent.given(given.token_id_prefix, "token_id_prefix")?;
    let id = match lent.given(given.token_id, "token_id")? {
        Some(id) => id.to_owned(),
        None => {
            let mut random = [0; 16];
            getrandom::fill(&mut random).map_err(|_| Failure::Entropy)?;
            token_id(prefix, random)
        }
    };
    let custom_data = custom_data(lent, given.custom_data, given.custom_data_len, "custom_data")?;
    let payload = NewPayload {
        relative_quality: (given.has_relative_quality != 0).then_some(given.relative_quality),
        key: Some(lent.text(given.key, "key")?).filter(|_| given.has_key != 0),
        custom_data: &custom_data,
        origin: match given.origin {
            ANTEROOM_ORIGIN_CONNECTOR => Origin::Connector,
            ANTEROOM_ORIGIN_INVITE_ONLY => Origin::InviteOnly,
            ANTEROOM_ORIGIN_AKAMAI_BOT_MANAGER => Origin::AkamaiBotManagerHeaderValidator,
            other => return Err(unknown("origin", other)),
        },
    };
    let token = NewEnqueueToken {
        token_id: &id,
        customer_id,
        event_id: lent.given(given.event_id, "event_id")?,
        issued_at: Timestamp::from_millis(given.issued_at_ms),
        expires_at: (given.has_expiry != 0).then(|| Timestamp::from_millis(given.expires_at_ms)),
        client_ip: address(lent, given.client_ip)?,
        forwarded_for: lent.given(given.forwarded_for, "forwarded_for")?,
        payload: (given.has_payload != 0).then_some(payload),
    };
    Ok(token.seal(&Secret::new(secret_key.to_owned())))
}
