//! Whether a queue id may be used once more at a site (protocol 9.1). Each question counts one use and is told how many
//! there are; whether that is too many is the connector's to say. A question whose answer is lost has counted a use all
//! the same, so a limit can be reached early by a fault, and never passed.

use std::sync::Arc;

use anteroom_protocol::id::QueueId;
use anteroom_protocol::room_call::API_KEY_HEADER;
use axum::body::Body;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, Request, State};
use http::{Response, StatusCode};
use serde::Serialize;

use super::{Question, bad_address};
use crate::visitor::trouble::Trouble;
use crate::{Shared, reply};

#[derive(Serialize)]
struct Counted {
    #[serde(rename = "QIdUsageCount")]
    uses: u64,
}

/// POST: counts one use of the queue id in the address.
pub(crate) async fn verify(
    State(shared): State<Arc<Shared>>,
    path: Result<Path<(String, String, String)>, PathRejection>,
    request: Request,
) -> Response<Body> {
    let Ok(Path((customer, room, queue_id))) = path else {
        return bad_address("The address is /api/verify/{customer}/{room}/{queue id}.");
    };
    let limit = limit_of(request.uri().query().unwrap_or_default());
    let question = match Question::read(&shared, &customer, &room, API_KEY_HEADER, request).await {
        Ok(question) => question,
        Err(refusal) => return *refusal,
    };
    let Ok(queue_id) = queue_id.parse::<QueueId>() else {
        return bad_address("The last part of the path is no queue id, which is a UUID.");
    };
    let Ok(limit) = limit else {
        return bad_address("`limit` is no whole number; leave it out where there is none.");
    };
    let entrance = &question.entrance;
    match shared.uses.count(&entrance.account.customer, &entrance.record.room, queue_id, limit).await {
        Ok(uses) => reply::json(StatusCode::OK, &Counted { uses }),
        Err(error) => {
            let trouble = Trouble::Uses(error);
            trouble.log(entrance);
            trouble.as_problem()
        }
    }
}

fn limit_of(query: &str) -> Result<Option<u64>, std::num::ParseIntError> {
    let limit = query.split('&').find_map(|parameter| parameter.strip_prefix("limit="));
    limit.map(str::parse).transpose()
}
