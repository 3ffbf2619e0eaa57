//! The one step from what stands in a document to what it means.

use std::time::Duration;

use serde_json::Value;

use super::describe::describe;
use super::fields::{Fields, Findings, Path};
use super::{
    Action, CancelAction, CookieAttributes, INTEGRATIONS_MAX, INVOLVED_ROOMS_MAX, Integration,
    IntegrationConfig, LogicalOperator, Operator, QueueAction, RedirectLogic, RoomPlace, TRIGGER_PARTS_MAX,
    TRIGGERS_MAX, Trigger, TriggerPart, UrlPart, VALUES_MAX, Validator,
};
use crate::accepted_cookie::EVENT_ID_BYTES_MAX;
use crate::id::RoomId;
use crate::number::parse_int;
use crate::problem::Problem;

/// The longest version that is no plain number, in bytes.
const VERSION_BYTES_MAX: usize = 32;

const EVENT_ID_RULE: &str =
    "a waiting room id of at most 30 characters, which are ASCII and none of ; = , \" \\";

pub(super) fn read(document: &Value) -> Result<IntegrationConfig, Vec<Problem>> {
    let mut findings = Findings::default();
    let config = Fields::of(document, Path::document(), &mut findings)
        .and_then(|fields| read_config(&fields, &mut findings));
    match config {
        Some(config) if findings.problems.is_empty() => {
            Ok(IntegrationConfig { warnings: findings.warnings.into_vec(), ..config })
        }
        _ => Err(findings.problems.into_vec()),
    }
}

fn read_config(fields: &Fields<'_, '_>, findings: &mut Findings) -> Option<IntegrationConfig> {
    let version = read_version(fields, findings);
    let customer_id = fields.text("CustomerId", findings);
    let entries = fields.list("Integrations", INTEGRATIONS_MAX, findings).unwrap_or_default();
    let mut integrations = fields.read_each("Integrations", entries, findings, read_integration);
    let (version, version_text) = version?;
    // Where an entry could not be read, the pairs are wrong, and the document is refused anyway.
    for (integration, entry) in integrations.iter_mut().zip(entries) {
        integration.diagnostics = describe(entry, &version_text);
    }
    Some(IntegrationConfig {
        customer_id: Some(customer_id).filter(|id| !id.is_empty()).map(str::to_owned),
        version,
        version_text,
        integrations,
        is_inline: false,
        warnings: Vec::new(),
    })
}

/// A number, or a text that begins with one: it is sent on as it stands, so it may hold only what an address may.
fn read_version(fields: &Fields<'_, '_>, findings: &mut Findings) -> Option<(u64, String)> {
    let version = match fields.raw("Version") {
        Some(Value::Number(number)) => number.as_u64().map(|version| (version, version.to_string())),
        Some(Value::String(text)) if text.len() <= VERSION_BYTES_MAX && text.chars().all(is_unreserved) => {
            parse_int(text).and_then(|number| Some((u64::try_from(number).ok()?, text.clone())))
        }
        _ => None,
    };
    let version = version.filter(|(number, _)| *number > 0);
    if version.is_none() {
        fields.problem("Version", "a whole number greater than 0", findings);
    }
    version
}

fn read_integration(fields: &Fields<'_, '_>, findings: &mut Findings) -> Option<Integration> {
    let name = match fields.raw("Name") {
        None => "unspecified",
        Some(_) => fields.text("Name", findings),
    };
    let action = match fields.text("ActionType", findings) {
        "Queue" => read_queue(fields, findings).map(Action::Queue),
        "Cancel" => read_cancel(fields, findings).map(Action::Cancel),
        "Ignore" => Some(Action::Ignore),
        _ => {
            fields.warning(
                "ActionType",
                "Queue, Cancel or Ignore; it is taken as Ignore, so nothing is guarded here",
                findings,
            );
            Some(Action::Ignore)
        }
    };
    let is_normalized = fields.flag("IsNormalizationEnabled", findings);
    let entries = fields.needed_list("Triggers", TRIGGERS_MAX, findings);
    if fields.raw("Triggers").is_some_and(|triggers| triggers.as_array().is_some_and(Vec::is_empty)) {
        fields.warning("Triggers", "at least one; without any, the action is for no request", findings);
    }
    let triggers = fields.read_each("Triggers", entries, findings, read_trigger);
    Some(Integration {
        name: name.to_owned(),
        action: action?,
        is_normalized,
        triggers,
        diagnostics: String::new(),
    })
}

fn read_queue(fields: &Fields<'_, '_>, findings: &mut Findings) -> Option<QueueAction> {
    let event_id = read_event_id(fields, findings);
    if event_id.is_empty() && fields.raw("EventId").is_none_or(|value| value.is_null() || value == "") {
        fields.problem("EventId", "the id of a waiting room", findings);
    }
    let rooms = read_rooms(fields, event_id, findings);
    let place = read_place(fields, findings);
    let cookies = read_cookies(fields, findings);
    let cookie_validity = read_validity(fields, findings);
    let action = QueueAction {
        event_id: event_id.to_owned(),
        rooms,
        place,
        cookies,
        cookie_validity: cookie_validity.unwrap_or_default(),
        is_cookie_extended: fields.flag("ExtendCookieValidity", findings),
        redirect_logic: read_redirect_logic(fields, findings),
        layout: fields.text("LayoutName", findings).to_owned(),
        culture: fields.text("Culture", findings).to_owned(),
        is_queue_id_verified: fields.flag("VerifyQueueIdEnabled", findings),
        queue_id_usage_limit: read_usage_limit(fields, findings),
    };
    cookie_validity.map(|_| action)
}

fn read_cancel(fields: &Fields<'_, '_>, findings: &mut Findings) -> Option<CancelAction> {
    let event_id = read_event_id(fields, findings);
    let rooms = read_rooms(fields, event_id, findings);
    if rooms.is_empty() {
        fields.problem("EventId", "the id of a waiting room, here or in InvolvedWaitingRoomIds", findings);
    }
    Some(CancelAction { rooms, place: read_place(fields, findings), cookies: read_cookies(fields, findings) })
}

fn read_event_id<'v>(fields: &Fields<'v, '_>, findings: &mut Findings) -> &'v str {
    let event_id = fields.text("EventId", findings);
    if event_id.is_empty() {
        return "";
    }
    if !is_event_id(event_id) {
        fields.problem("EventId", EVENT_ID_RULE, findings);
        return "";
    }
    if event_id.parse::<RoomId>().is_err() {
        let expected =
            "3 to 20 of a-z and 0-9, as waiting rooms have; official connectors loop or fail on others";
        fields.warning("EventId", expected, findings);
    }
    event_id
}

/// The room itself first, then the others, each once.
fn read_rooms(fields: &Fields<'_, '_>, event_id: &str, findings: &mut Findings) -> Vec<String> {
    let mut rooms = Vec::new();
    if !event_id.is_empty() {
        rooms.push(event_id.to_owned());
    }
    let involved = fields.texts("InvolvedWaitingRoomIds", INVOLVED_ROOMS_MAX, findings);
    for (at, room) in involved.into_iter().enumerate() {
        if !is_event_id(&room) {
            fields.entry_problem("InvolvedWaitingRoomIds", at, &room, EVENT_ID_RULE, findings);
        } else if !rooms.contains(&room) {
            rooms.push(room);
        }
    }
    rooms
}

fn read_place(fields: &Fields<'_, '_>, findings: &mut Findings) -> RoomPlace {
    const DOMAIN_RULE: &str = "the host name of the waiting room, without https:// and without a path";
    const PREFIX_RULE: &str = "the beginning of a path, without ? and #, percent-encoded";
    let domain = fields.text("QueueDomain", findings);
    let host = domain.strip_suffix('/').unwrap_or(domain);
    if host.is_empty()
        || !host.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | ':' | '[' | ']'))
    {
        fields.problem("QueueDomain", DOMAIN_RULE, findings);
    }
    let is_in_path = |c: char| c.is_ascii_graphic() && !matches!(c, '?' | '#' | '\\');
    let path_prefix = fields.text_of("QueuePathPrefix", is_in_path, PREFIX_RULE, findings);
    RoomPlace { domain: domain.to_owned(), path_prefix: path_prefix.to_owned() }
}

fn read_cookies(fields: &Fields<'_, '_>, findings: &mut Findings) -> CookieAttributes {
    let is_in_domain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-');
    let domain = fields.text_of("CookieDomain", is_in_domain, "a domain name or null", findings);
    CookieAttributes {
        domain: Some(domain).filter(|domain| !domain.is_empty()).map(str::to_owned),
        is_http_only: fields.flag("IsCookieHttpOnly", findings),
        is_secure: fields.flag("IsCookieSecure", findings),
    }
}

/// Minutes, as a number or as a text of one, also with a fraction. Without a number, the official connectors take a
/// cookie to be good for ever (11-S8).
fn read_validity(fields: &Fields<'_, '_>, findings: &mut Findings) -> Option<Duration> {
    let minutes = match fields.raw("CookieValidityMinute") {
        Some(Value::Number(number)) => number.as_f64(),
        Some(Value::String(text)) if text.chars().all(|c| c.is_ascii_digit() || c == '.') => {
            text.parse().ok()
        }
        _ => None,
    };
    let validity = minutes
        .filter(|minutes| *minutes > 0.0)
        // Moments are compared in whole seconds, so what is less than one makes no difference.
        .map(|minutes| Duration::try_from_secs_f64(minutes * 60.0).unwrap_or(Duration::MAX))
        .map(|validity| Duration::from_secs(validity.as_secs()));
    if validity.is_none() {
        fields.problem("CookieValidityMinute", "a number of minutes greater than 0", findings);
    }
    validity
}

fn read_usage_limit(fields: &Fields<'_, '_>, findings: &mut Findings) -> Option<u64> {
    let value = fields.raw("QueueIdUsageLimit").filter(|value| !value.is_null())?;
    let limit = value.as_u64();
    if limit.is_none() {
        fields.problem("QueueIdUsageLimit", "a whole number or null", findings);
    }
    limit
}

fn read_redirect_logic(fields: &Fields<'_, '_>, findings: &mut Findings) -> RedirectLogic {
    let target = fields.text("ForcedTargetUrl", findings);
    match fields.text("RedirectLogic", findings) {
        "AllowTParameter" | "" => RedirectLogic::AllowTParameter,
        // The second spelling is that of older platforms (11-B17).
        "ForcedTargetUrl" | "ForecedTargetUrl" => RedirectLogic::ForcedTargetUrl(target.to_owned()),
        "EventTargetUrl" => RedirectLogic::EventTargetUrl,
        _ => {
            let expected =
                "AllowTParameter, ForcedTargetUrl or EventTargetUrl; it is taken as AllowTParameter";
            fields.warning("RedirectLogic", expected, findings);
            RedirectLogic::AllowTParameter
        }
    }
}

fn read_trigger(fields: &Fields<'_, '_>, findings: &mut Findings) -> Option<Trigger> {
    let logical_operator = match fields.text("LogicalOperator", findings) {
        "Or" => LogicalOperator::Or,
        "And" => LogicalOperator::And,
        _ => {
            fields.warning("LogicalOperator", "And or Or; it is taken as And", findings);
            LogicalOperator::And
        }
    };
    let entries = fields.needed_list("TriggerParts", TRIGGER_PARTS_MAX, findings);
    if fields.raw("TriggerParts").is_some_and(|parts| parts.as_array().is_some_and(Vec::is_empty)) {
        fields.warning(
            "TriggerParts",
            match logical_operator {
                LogicalOperator::And => "at least one; without any, the trigger matches every request",
                LogicalOperator::Or => "at least one; without any, the trigger matches no request",
            },
            findings,
        );
    }
    Some(Trigger { logical_operator, parts: fields.read_each("TriggerParts", entries, findings, read_part) })
}

fn read_part(fields: &Fields<'_, '_>, findings: &mut Findings) -> Option<TriggerPart> {
    const NEVER: &str = "the condition never holds";
    let validator = match fields.text("ValidatorType", findings) {
        "UrlValidator" => Validator::Url(read_url_part(fields, findings)),
        "CookieValidator" => Validator::Cookie { name: read_name(fields, "CookieName", findings) },
        "UserAgentValidator" => Validator::UserAgent,
        "HttpHeaderValidator" => {
            Validator::HttpHeader { name: read_name(fields, "HttpHeaderName", findings) }
        }
        "RequestBodyValidator" => Validator::RequestBody,
        _ => {
            let known = "UrlValidator, CookieValidator, UserAgentValidator, HttpHeaderValidator or RequestBodyValidator";
            fields.warning("ValidatorType", format!("{known}; {NEVER}"), findings);
            Validator::Unknown
        }
    };
    let value_to_compare = fields.text("ValueToCompare", findings).to_owned();
    let values_to_compare = fields.texts("ValuesToCompare", VALUES_MAX, findings);
    let operator = match fields.text("Operator", findings) {
        "Equals" => Operator::Equals,
        "Contains" => Operator::Contains,
        "EqualsAny" => Operator::EqualsAny,
        "ContainsAny" => Operator::ContainsAny,
        _ => {
            let known = "Equals, Contains, EqualsAny or ContainsAny";
            fields.warning("Operator", format!("{known}; {NEVER}"), findings);
            Operator::Unknown
        }
    };
    if operator == Operator::Contains && value_to_compare.is_empty() {
        fields.warning("ValueToCompare", "a text; the empty one occurs in every text", findings);
    }
    if operator == Operator::ContainsAny && values_to_compare.iter().any(String::is_empty) {
        fields.warning("ValuesToCompare", "texts; the empty one among these occurs in every text", findings);
    }
    if matches!(operator, Operator::EqualsAny | Operator::ContainsAny) && values_to_compare.is_empty() {
        fields.warning("ValuesToCompare", "at least one text to compare with", findings);
    }
    Some(TriggerPart {
        validator,
        operator,
        value_to_compare,
        values_to_compare,
        is_negative: fields.flag("IsNegative", findings),
        is_ignore_case: fields.flag("IsIgnoreCase", findings),
    })
}

fn read_url_part(fields: &Fields<'_, '_>, findings: &mut Findings) -> UrlPart {
    match fields.text("UrlPart", findings) {
        "PageUrl" => UrlPart::PageUrl,
        "HostName" => UrlPart::HostName,
        "PagePath" => UrlPart::PagePath,
        _ => {
            fields.warning(
                "UrlPart",
                "PageUrl, HostName or PagePath; an empty text is looked at instead",
                findings,
            );
            UrlPart::Unknown
        }
    }
}

fn read_name(fields: &Fields<'_, '_>, field: &str, findings: &mut Findings) -> String {
    let name = fields.text(field, findings);
    if name.is_empty() {
        fields.warning(field, "a name; an empty text is looked at instead", findings);
    }
    name.to_owned()
}

/// It becomes part of a cookie's name, so it holds nothing that ends one.
fn is_event_id(text: &str) -> bool {
    (1..=EVENT_ID_BYTES_MAX).contains(&text.len())
        && text.chars().all(|c| matches!(c, ' '..='~') && !matches!(c, ';' | '=' | ',' | '"' | '\\'))
        && text == text.trim()
}

fn is_unreserved(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_' | '~')
}
