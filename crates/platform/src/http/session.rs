//! `/api/v1/session`: sign in, look who is signed in, sign out.

use std::sync::Arc;

use axum::extract::State;
use axum::response::IntoResponse;
use http::{HeaderValue, StatusCode, header};
use serde::Serialize;

use super::Shared;
use super::answer::{Answer, Refusal, json, ok};
use super::asked::{COOKIE, FromConsole, Operator};
use super::body::{JsonBody, SMALL};
use crate::access::Caller;
use crate::actions::SESSION_LIFETIME;

const NAME_CHARS_MAX: usize = 100;
/// Longer ones only cost time.
const PASSWORD_CHARS_MAX: usize = 200;

#[derive(Serialize)]
struct Body {
    name: String,
    accounts: Vec<AccountBody>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct AccountBody {
    customer_id: String,
    display_name: String,
}

pub(super) async fn look(State(shared): State<Arc<Shared>>, Operator(caller): Operator) -> Answer {
    ok(&body(&shared, &caller).await?)
}

pub(super) async fn sign_in(
    State(shared): State<Arc<Shared>>,
    from: FromConsole,
    JsonBody(mut fields): JsonBody<SMALL>,
) -> Answer {
    let name = fields.required_text("name", NAME_CHARS_MAX);
    let password = fields.required_text("password", PASSWORD_CHARS_MAX);
    let (name, password) = fields.finish(name.zip(password)).map_err(unusable)?;
    let signed_in = shared.actions.sign_in(from.address, &name, password).await?;
    let mut answer = json(StatusCode::OK, &body(&shared, &signed_in.caller).await?)?;
    let seconds = SESSION_LIFETIME.as_secs();
    let cookie = cookie(signed_in.session.expose(), seconds, from.is_secure)?;
    answer.headers_mut().append(header::SET_COOKIE, cookie);
    Ok(answer)
}

pub(super) async fn sign_out(State(shared): State<Arc<Shared>>, from: FromConsole) -> Answer {
    if let Some(session) = &from.session {
        shared.actions.sign_out(session).await?;
    }
    let cookie = cookie("", 0, from.is_secure)?;
    Ok((StatusCode::NO_CONTENT, [(header::SET_COOKIE, cookie)]).into_response())
}

async fn body(shared: &Shared, caller: &Caller) -> Result<Body, Refusal> {
    let accounts = shared.actions.list_accounts(caller).await?;
    Ok(Body {
        name: caller.audit_name(),
        accounts: accounts
            .into_iter()
            .map(|account| AccountBody {
                customer_id: account.customer.to_string(),
                display_name: account.display_name,
            })
            .collect(),
    })
}

fn cookie(value: &str, seconds: u64, is_secure: bool) -> Result<HeaderValue, Refusal> {
    let secure = if is_secure { "; Secure" } else { "" };
    let text =
        format!("{COOKIE}={value}; Path=/api/v1; HttpOnly; SameSite=Strict; Max-Age={seconds}{secure}");
    let mut cookie = HeaderValue::try_from(text).map_err(|_| Refusal::ours())?;
    cookie.set_sensitive(true);
    Ok(cookie)
}

fn unusable(problems: Vec<anteroom_protocol::problem::Problem>) -> Refusal {
    Refusal::unusable("A name and a password are needed.", problems)
}
