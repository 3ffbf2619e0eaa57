//! `/api/v1/accounts/{customer}/draft`, `publish` and `versions`: the protection scope, from an edit to a version.

use std::sync::Arc;

use anteroom_protocol::problem::Problem;
use anteroom_store::records::{Draft, Kept};
use axum::extract::State;
use axum::response::IntoResponse;
use http::{HeaderMap, HeaderValue, StatusCode, header};
use serde::Serialize;
use serde_json::Value;

use super::Shared;
use super::answer::{Answer, Refusal, json, ok};
use super::asked::{Asked, OfVersion};
use super::body::{DRAFT, JsonBody, SMALL};
use super::etag;
use super::fields::Fields;
use crate::actions::{DraftEdit, VersionSummary};
use crate::moment::iso;
use crate::shown::shown;

const DESCRIPTION_CHARS_MAX: usize = 200;

#[derive(Serialize)]
struct DraftBody<'a> {
    description: &'a str,
    integrations: &'a [Value],
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct CheckedBody {
    problems: Vec<Problem>,
    warnings: Vec<Problem>,
    next_version: u64,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct VersionBody {
    version: u64,
    description: String,
    published_by: String,
    published_at: String,
}

#[derive(Serialize)]
struct VersionsBody {
    versions: Vec<VersionBody>,
}

impl From<VersionSummary> for VersionBody {
    fn from(summary: VersionSummary) -> Self {
        Self {
            version: summary.version,
            description: summary.description,
            published_by: summary.published_by,
            published_at: iso(summary.published_at),
        }
    }
}

pub(super) async fn look_at_draft(State(shared): State<Arc<Shared>>, asked: Asked) -> Answer {
    let kept = shared.actions.look_at_draft(&asked.caller, &asked.customer).await?;
    draft_answer(kept.as_ref())
}

pub(super) async fn save_draft(
    State(shared): State<Arc<Shared>>,
    asked: Asked,
    headers: HeaderMap,
    JsonBody(mut fields): JsonBody<DRAFT>,
) -> Answer {
    let expected = etag::expected_draft(&headers)?.ok_or_else(|| {
        let detail = "Send the “ETag” of the draft you have read as the header “If-Match”, so that nobody's work is lost.";
        Refusal::new(StatusCode::PRECONDITION_REQUIRED, "Which draft was this made from?", detail)
    })?;
    let description = fields.text("description", DESCRIPTION_CHARS_MAX).unwrap_or_default();
    let integrations = integrations(&mut fields);
    let edit = integrations.map(|integrations| DraftEdit { description, integrations });
    let edit = fields.finish(edit).map_err(|problems| Refusal::unusable("This is not a draft.", problems))?;
    let kept = shared.actions.save_draft(&asked.caller, &asked.customer, expected, edit).await?;
    draft_answer(Some(&kept))
}

pub(super) async fn check_draft(
    State(shared): State<Arc<Shared>>,
    asked: Asked,
    JsonBody(fields): JsonBody<SMALL>,
) -> Answer {
    fields.finish(Some(())).map_err(|problems| Refusal::unusable("A check takes no fields.", problems))?;
    let checked = shared.actions.check_draft(&asked.caller, &asked.customer).await?;
    ok(&CheckedBody {
        problems: checked.findings.problems,
        warnings: checked.findings.warnings,
        next_version: checked.next_version,
    })
}

pub(super) async fn publish(
    State(shared): State<Arc<Shared>>,
    asked: Asked,
    headers: HeaderMap,
    JsonBody(mut fields): JsonBody<SMALL>,
) -> Answer {
    let expected = etag::expected_draft(&headers)?;
    let description = fields.text("description", DESCRIPTION_CHARS_MAX);
    fields
        .finish(Some(()))
        .map_err(|problems| Refusal::unusable("Only a description is taken.", problems))?;
    let made = shared.actions.publish(&asked.caller, &asked.customer, expected, description).await?;
    json(StatusCode::CREATED, &VersionBody::from(made))
}

pub(super) async fn list_versions(State(shared): State<Arc<Shared>>, asked: Asked) -> Answer {
    let versions = shared.actions.list_versions(&asked.caller, &asked.customer).await?;
    ok(&VersionsBody { versions: versions.into_iter().map(VersionBody::from).collect() })
}

pub(super) async fn look_at_version(
    State(shared): State<Arc<Shared>>,
    asked: Asked,
    OfVersion(version): OfVersion,
) -> Answer {
    let config = shared.actions.look_at_version(&asked.caller, &asked.customer, version).await?;
    let heading = serde_json::to_string(&VersionBody::from(VersionSummary::from(&config)));
    let (Ok(heading), Ok(document)) = (heading, std::str::from_utf8(&config.document)) else {
        return Err(Refusal::ours());
    };
    // The document goes in as it is, so that its fields stay in the order in which connectors get them.
    let body = format!("{},\"document\":{document}}}", heading.trim_end_matches('}'));
    Ok(([(header::CONTENT_TYPE, "application/json")], body).into_response())
}

fn integrations(fields: &mut Fields) -> Option<Vec<Value>> {
    match fields.json("integrations") {
        Some(Value::Array(integrations)) => Some(integrations),
        other => {
            let found = other.as_ref().map_or_else(|| "nothing".into(), shown);
            fields.refuse("integrations", found, "a list of actions".into());
            None
        }
    }
}

fn draft_answer(kept: Option<&Kept<Draft>>) -> Answer {
    let none = Draft::default();
    let draft = kept.map_or(&none, |kept| &kept.value);
    let mut answer = ok(&DraftBody { description: &draft.description, integrations: &draft.integrations })?;
    let etag = etag::of_draft(kept.map(|kept| kept.version));
    answer.headers_mut().insert(header::ETAG, HeaderValue::try_from(etag).map_err(|_| Refusal::ours())?);
    Ok(answer)
}
