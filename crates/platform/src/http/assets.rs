//! The console page and what belongs to it, compiled in.

use std::sync::{Arc, LazyLock};

use anteroom_protocol::mac::sha256;
use axum::extract::{FromRequestParts, RawPathParams};
use axum::response::{IntoResponse, Response};
use data_encoding::HEXLOWER;
use http::request::Parts;
use http::{HeaderMap, HeaderValue, StatusCode, header};

use super::answer::{Answer, Refusal};
use super::{Shared, etag, nothing_here};

struct Asset {
    name: &'static str,
    content_type: &'static str,
    text: &'static str,
}

const HTML: &str = "text/html; charset=utf-8";
const SCRIPT: &str = "text/javascript; charset=utf-8";
const STYLE: &str = "text/css; charset=utf-8";
const SVG: &str = "image/svg+xml";

macro_rules! asset {
    ($name:literal, $content_type:expr) => {
        Asset {
            name: $name,
            content_type: $content_type,
            text: include_str!(concat!("../../../../web/console/", $name)),
        }
    };
}

static PAGE: Asset = asset!("index.html", HTML);

static ASSETS: &[Asset] = &[
    asset!("account.js", SCRIPT),
    asset!("api.js", SCRIPT),
    asset!("audit.js", SCRIPT),
    asset!("chart.js", SCRIPT),
    asset!("connectors.js", SCRIPT),
    asset!("dialog.js", SCRIPT),
    asset!("dom.js", SCRIPT),
    asset!("in_order.js", SCRIPT),
    asset!("main.js", SCRIPT),
    asset!("poll.js", SCRIPT),
    asset!("room_dialogs.js", SCRIPT),
    asset!("room_plan.js", SCRIPT),
    asset!("room_settings.js", SCRIPT),
    asset!("rooms.js", SCRIPT),
    asset!("scope.js", SCRIPT),
    asset!("scope_form.js", SCRIPT),
    asset!("sign_in.js", SCRIPT),
    asset!("versions.js", SCRIPT),
    asset!("words.js", SCRIPT),
    asset!("base.css", STYLE),
    asset!("page.css", STYLE),
    asset!("scope.css", STYLE),
    asset!("icon.svg", SVG),
];

/// One tag for all of them, as they change together: with the program.
static ETAG: LazyLock<String> = LazyLock::new(|| {
    let texts: Vec<&[u8]> = ASSETS.iter().chain([&PAGE]).map(|asset| asset.text.as_bytes()).collect();
    format!("\"{}\"", HEXLOWER.encode(&sha256(&texts)[..8]))
});

pub(super) async fn page(headers: HeaderMap) -> Answer {
    serve(&PAGE, &headers)
}

pub(super) async fn asset(InAssets(asset): InAssets, headers: HeaderMap) -> Answer {
    serve(asset, &headers)
}

/// The asset in the address.
pub(super) struct InAssets(&'static Asset);

impl FromRequestParts<Arc<Shared>> for InAssets {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, shared: &Arc<Shared>) -> Result<Self, Response> {
        if let Ok(params) = RawPathParams::from_request_parts(parts, shared).await
            && let Some((_, name)) = params.iter().next()
            && let Some(asset) = ASSETS.iter().find(|asset| asset.name == name)
        {
            return Ok(Self(asset));
        }
        Err(nothing_here().await.into_response())
    }
}

/// Browsers keep it and ask each time whether it is still the one, so that a new program never meets an old page.
fn serve(asset: &Asset, asked: &HeaderMap) -> Answer {
    let etag = HeaderValue::try_from(ETAG.as_str()).map_err(|_| Refusal::ours())?;
    let mut answer = if etag::is_known(asked, &ETAG) {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        ([(header::CONTENT_TYPE, asset.content_type)], asset.text).into_response()
    };
    answer.headers_mut().insert(header::ETAG, etag);
    answer.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    Ok(answer)
}
