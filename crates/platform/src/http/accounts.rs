//! `/api/v1/accounts/{customer}` and its audit list.

use std::sync::Arc;

use axum::extract::State;
use serde::Serialize;

use super::Shared;
use super::answer::{Answer, ok};
use super::asked::Asked;
use crate::moment::iso;

/// Without the secret key: it never leaves by this interface. API keys are known by their hashes only.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct AccountBody<'a> {
    customer_id: &'a str,
    display_name: &'a str,
    allowed_hosts: &'a [String],
    room_host: &'a str,
    api_keys: Vec<KeyBody<'a>>,
}

#[derive(Serialize)]
struct KeyBody<'a> {
    label: &'a str,
}

#[derive(Serialize)]
struct AuditBody {
    entries: Vec<EntryBody>,
}

#[derive(Serialize)]
struct EntryBody {
    at: String,
    who: String,
    what: String,
}

pub(super) async fn look(State(shared): State<Arc<Shared>>, asked: Asked) -> Answer {
    let account = shared.actions.look_at_account(&asked.caller, &asked.customer).await?;
    ok(&AccountBody {
        customer_id: account.customer.as_str(),
        display_name: &account.display_name,
        allowed_hosts: &account.allowed_hosts,
        room_host: shared.actions.room_host(),
        api_keys: account.api_keys.iter().map(|key| KeyBody { label: &key.label }).collect(),
    })
}

pub(super) async fn audit(State(shared): State<Arc<Shared>>, asked: Asked) -> Answer {
    let entries = shared.actions.look_at_audit(&asked.caller, &asked.customer).await?;
    let entries =
        entries.into_iter().map(|entry| EntryBody { at: iso(entry.at), who: entry.who, what: entry.what });
    ok(&AuditBody { entries: entries.collect() })
}
