//! One request in, one decision out.

use std::net::IpAddr;

use anteroom_connector::ask::{Answers, Question, Step};
use anteroom_connector::policy::Policy;
use anteroom_connector::settings::Fallback;
use anteroom_connector::view::RequestView;
use anteroom_protocol::time::Timestamp;

use crate::abi::*;
use crate::decision::{self, Made, NOTHING, Owned};
use crate::engine::{AnteroomEngine, unknown};
use crate::failure::{AnteroomStatus, Failure, guarded};
use crate::memory::{self, Lent};
use crate::request::LentHeaders;

/// Decides one request. The engine, the request and the time are all that counts; nothing is remembered.
///
/// A call that fails has decided nothing, and `decision` says `ANTEROOM_OUTCOME_NONE`: do not let such a request pass.
/// Where the visitor is at fault (`ANTEROOM_STATUS_INVALID_UTF8`, or a client address that is none), answer 400.
///
/// # Safety
/// `engine` must be one that was not freed; `request` and what it points at must be readable; `decision` must be
/// writable with its size set, and what it held before was freed or is forgotten; `error` must be null or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn anteroom_decide(
    engine: *const AnteroomEngine,
    request: *const AnteroomRequest,
    decision: *mut AnteroomDecision,
    error: *mut AnteroomOwnedText,
) -> AnteroomStatus {
    let call = || {
        // SAFETY: as the caller promised.
        unsafe { memory::write(decision, NOTHING) }?;
        // SAFETY: as the caller promised; nothing of it is kept.
        let lent = unsafe { Lent::new() };
        let engine = lent.handle(engine, "the engine")?;
        let Made { decision: mut made, owned } = decide(lent, engine, &lent.read(request)?)?;
        made.owned = owned.map_or(std::ptr::null_mut(), |owned| Box::into_raw(owned).cast());
        // SAFETY: as the caller promised. It was written to before, so this cannot fail and lose what is owned.
        unsafe { memory::write(decision, made) }
    };
    // SAFETY: as the caller promised.
    unsafe { guarded(error, call) }
}

/// Gives a decision's memory back and empties the struct. Null, and a struct that was given back before, are left alone.
///
/// # Safety
/// `decision` must be null or lead to a struct as `anteroom_decide` wrote it.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn anteroom_decision_free(decision: *mut AnteroomDecision) {
    let call = || {
        if decision.is_null() {
            return Ok(());
        }
        // SAFETY: as the caller promised; nothing of it is kept.
        let owned = unsafe { Lent::new() }.read(decision.cast_const())?.owned;
        // SAFETY: as the caller promised.
        unsafe { memory::write(decision, NOTHING) }?;
        if !owned.is_null() {
            // SAFETY: it came from `Box::into_raw` in `anteroom_decide`, and nobody else has it.
            drop(unsafe { Box::from_raw(owned.cast::<Owned>()) });
        }
        Ok(())
    };
    // SAFETY: no place for a message is given.
    unsafe { guarded(std::ptr::null_mut(), call) };
}

fn decide(lent: Lent<'_>, engine: &AnteroomEngine, request: &AnteroomRequest) -> Result<Made, Failure> {
    let method = lent.text(request.method, "the request's method")?;
    #[cfg(any(test, feature = "panic-for-tests"))]
    #[allow(clippy::panic, reason = "this is what it is for")]
    if method == "ANTEROOM-PANIC" {
        panic!("a test wants to see a panic");
    }
    let headers = LentHeaders::new(lent, request.headers, request.headers_len)?;
    let url = lent.text(request.url, "the request's url")?;
    let client_ip = address(lent, request.client_ip)?;
    let body = lent.bytes(request.body, "the request's body")?;
    let answers = [("verify", request.verify), ("direct_pass", request.direct_pass)];
    let [verify, direct_pass] = answers.map(|(what, answer)| read_answer(lent, &answer, what));
    let host = Host {
        can_ask: request.can_ask != 0,
        enqueue_token: lent.given(request.enqueue_token, "enqueue_token")?,
        verify: verify?,
        direct_pass: direct_pass?,
    };
    let policy = engine.policy();
    let Some(policy) = policy.as_deref() else {
        return Ok(decision::without_config(engine.fallback() == Fallback::Hold));
    };
    let body = (request.has_body != 0)
        .then(|| String::from_utf8_lossy(&body[..body.len().min(policy.body_bytes_max())]));
    let view = RequestView { method, url, headers: &headers, client_ip, body: body.as_deref() };
    let now = Timestamp::from_seconds(request.now_seconds);
    Ok(step(policy, &view, now, &host))
}

/// What the host says beside the request.
struct Host<'a> {
    can_ask: bool,
    enqueue_token: Option<&'a str>,
    verify: Heard<'a>,
    direct_pass: Heard<'a>,
}

/// What a host heard from a waiting room.
#[derive(Clone, Copy)]
enum Heard<'a> {
    NotAsked,
    Answer(&'a [u8]),
    Failed,
}

fn read_answer<'a>(
    lent: Lent<'a>,
    answer: &AnteroomAnswer,
    what: &'static str,
) -> Result<Heard<'a>, Failure> {
    match answer.state {
        ANTEROOM_ANSWER_NOT_ASKED => Ok(Heard::NotAsked),
        ANTEROOM_ANSWER_GIVEN => lent.bytes(answer.body, what).map(Heard::Answer),
        ANTEROOM_ANSWER_FAILED => Ok(Heard::Failed),
        other => Err(unknown(what, other)),
    }
}

fn step(policy: &Policy, view: &RequestView<'_>, now: Timestamp, host: &Host<'_>) -> Made {
    let mut answers = Answers { enqueue_token: host.enqueue_token.map(str::to_owned), ..Answers::default() };
    loop {
        let question = match policy.step(view, now, &answers) {
            Step::Decided(decided) => return decision::made(&decided, now),
            Step::Ask(question) => question,
        };
        let heard = match &*question {
            Question::Verify(_) => host.verify,
            Question::DirectPass(_) => host.direct_pass,
        };
        match heard {
            Heard::Answer(body) => answers.take(&question, Some(body)),
            Heard::NotAsked if host.can_ask => return decision::question(&question),
            Heard::NotAsked | Heard::Failed => answers.give_up(&question),
        }
    }
}

/// A network address; an empty text is none.
pub(crate) fn address(lent: Lent<'_>, text: AnteroomText) -> Result<Option<IpAddr>, Failure> {
    let text = lent.given(text, "client_ip")?;
    text.map(|text| text.parse::<IpAddr>())
        .transpose()
        .map_err(|_| Failure::Argument("client_ip is not a network address".to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::{anteroom_engine_create, anteroom_engine_free};
    use crate::failure::{ANTEROOM_STATUS_OK, ANTEROOM_STATUS_PANIC};
    use crate::memory::anteroom_text_free;

    fn zeroed<T>() -> T {
        // SAFETY: used for the interface's structs alone, which are made of numbers and pointers.
        unsafe { std::mem::MaybeUninit::zeroed().assume_init() }
    }

    #[test]
    fn panic_becomes_a_status_and_the_engine_lives_on() {
        let settings = AnteroomSettings {
            struct_size: size_of::<AnteroomSettings>(),
            customer_id: AnteroomText::of("acme"),
            secret_key: AnteroomText::of("a made-up key"),
            ..zeroed()
        };
        let mut engine = std::ptr::null_mut();
        // SAFETY: all of it is readable or writable.
        let status = unsafe { anteroom_engine_create(&settings, &mut engine, std::ptr::null_mut()) };
        assert_eq!(status, ANTEROOM_STATUS_OK);
        for (method, expected) in [
            ("GET", ANTEROOM_STATUS_OK),
            ("ANTEROOM-PANIC", ANTEROOM_STATUS_PANIC),
            ("GET", ANTEROOM_STATUS_OK),
        ] {
            let request = AnteroomRequest {
                struct_size: size_of::<AnteroomRequest>(),
                method: AnteroomText::of(method),
                url: AnteroomText::of("https://shop.example/"),
                ..zeroed()
            };
            let mut decision = NOTHING;
            let mut error = AnteroomOwnedText::EMPTY;
            // SAFETY: all of it is readable or writable, and the engine was not freed.
            let status = unsafe { anteroom_decide(engine, &request, &mut decision, &mut error) };
            assert_eq!(status, expected);
            assert_eq!(decision.outcome == ANTEROOM_OUTCOME_NONE, status == ANTEROOM_STATUS_PANIC);
            assert_eq!(error.len > 0, status == ANTEROOM_STATUS_PANIC);
            // SAFETY: the library wrote it.
            unsafe { anteroom_text_free(&mut error) };
            // SAFETY: the library wrote it.
            unsafe { anteroom_decision_free(&mut decision) };
        }
        // SAFETY: it was given out and not freed.
        unsafe { anteroom_engine_free(&mut engine) };
    }
}
