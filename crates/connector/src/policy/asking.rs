//! The questions of a queue action to its waiting room, and what becomes of a use of a queue id by the answer.

use std::time::Duration;

use anteroom_protocol::id::QueueId;
use anteroom_protocol::room_call::{API_KEY_HEADER, DirectPassBody, PROXY_KEY_HEADER, VerifyBody};

use super::action::{QueueAction, Verify};
use super::queue::VER;
use super::visit::Visit;
use crate::ask::{Call, DirectPassQuestion, Question, VerifyAnswer, VerifyQuestion};
use crate::features::{DirectPass, OnFailure};

/// How long a room has to say whether a queue id may be used once more: the visitor waits for it.
const VERIFY_TIMEOUT: Duration = Duration::from_secs(1);

/// How much of each text of a client's a room is told, in bytes: more of it could make the room refuse the question, and
/// a client would decide what happens when questions fail.
const URL_BYTES_MAX: usize = 8 * 1024;
const HEADER_BYTES_MAX: usize = 1024;

/// What becomes of a use of a queue id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verified {
    Allowed,
    AllowedUnanswered,
    Refused,
    RefusedUnanswered,
}

impl Verified {
    pub(super) const fn is_refused(self) -> bool {
        matches!(self, Self::Refused | Self::RefusedUnanswered)
    }
}

/// Whether this queue id may be used once more, where uses are counted. Whoever has none passes uncounted, as in the
/// official connectors.
pub(super) fn verify(
    action: &QueueAction,
    queue_id: Option<QueueId>,
    visit: &Visit<'_>,
) -> Result<Verified, Box<Question>> {
    let (Some(verify), Some(queue_id)) = (&action.verify, queue_id) else { return Ok(Verified::Allowed) };
    match (visit.answers.verify, visit.common.features.verify_failure) {
        (Some(VerifyAnswer::Allowed), _) => Ok(Verified::Allowed),
        (Some(VerifyAnswer::Denied), _) => Ok(Verified::Refused),
        (Some(VerifyAnswer::Failed), OnFailure::Allow) => Ok(Verified::AllowedUnanswered),
        (Some(VerifyAnswer::Failed), OnFailure::Deny) => Ok(Verified::RefusedUnanswered),
        (None, _) => Err(verify_question(action, verify, queue_id, visit)),
    }
}

fn verify_question(
    action: &QueueAction,
    verify: &Verify,
    queue_id: QueueId,
    visit: &Visit<'_>,
) -> Box<Question> {
    let body = VerifyBody {
        url: beginning(visit.view.url, URL_BYTES_MAX),
        client_ip: visit.client_ip,
        action_name: &action.name,
        user_agent: beginning(visit.header("user-agent"), HEADER_BYTES_MAX),
    };
    let customer_id = &visit.common.customer_id;
    Box::new(Question::Verify(VerifyQuestion {
        call: Call {
            url: action.address.verify_url(
                customer_id,
                &action.event_id,
                &queue_id.to_string(),
                verify.usage_limit,
            ),
            key_header: API_KEY_HEADER,
            body: body.to_json(),
            timeout: VERIFY_TIMEOUT,
        },
        event_id: action.event_id.clone(),
        queue_id,
        usage_limit: verify.usage_limit,
        action_name: action.name.clone(),
    }))
}

pub(super) fn direct_pass_question(
    action: &QueueAction,
    direct_pass: &DirectPass,
    visit: &Visit<'_>,
) -> Box<Question> {
    let [user_agent, referer] =
        ["user-agent", "referer"].map(|name| beginning(visit.header(name), HEADER_BYTES_MAX));
    let protected_url = beginning(visit.view.url, URL_BYTES_MAX);
    let body = DirectPassBody {
        protected_url,
        sdk_version: VER,
        platform_version: &visit.common.platform,
        action_name: &action.name,
        client_ip: visit.client_ip,
        user_agent,
        referer,
    };
    Box::new(Question::DirectPass(DirectPassQuestion {
        call: Call {
            url: action.address.direct_pass_url(&visit.common.customer_id, &action.event_id),
            key_header: PROXY_KEY_HEADER,
            body: body.to_json(),
            timeout: direct_pass.timeout_used(),
        },
        proxy_key: direct_pass.proxy_key.clone(),
        event_id: action.event_id.clone(),
        action_name: action.name.clone(),
        protected_url: protected_url.to_owned(),
        client_ip: visit.client_ip,
        user_agent: user_agent.to_owned(),
        referer: referer.to_owned(),
    }))
}

fn beginning(text: &str, bytes_max: usize) -> &str {
    &text[..text.floor_char_boundary(bytes_max)]
}
