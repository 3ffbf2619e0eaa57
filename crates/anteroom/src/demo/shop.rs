//! The demo's shop: an ordinary site that knows nothing of waiting rooms. Whatever protects it stands in front.

use axum::Router;
use axum::response::Html;
use axum::routing::get;
use http::header;

/// The shop's pages.
pub(super) fn router() -> Router {
    Router::new()
        .route("/", get(home))
        .route("/tickets", get(tickets))
        .route("/tickets/seats", get(seats))
        .route("/tickets/info", get(info))
        .route("/checkout/done", get(done))
        .route("/style.css", get(|| async { ([(header::CONTENT_TYPE, "text/css")], STYLE) }))
}

async fn home() -> Html<String> {
    page(
        "The Little Theatre",
        "<p>One evening, 400 seats, and everybody wants one.</p>\
         <p><a class=\"button\" href=\"/tickets\">Buy tickets</a></p>\
         <p>Only the ticket pages are protected. <a href=\"/tickets/info\">Prices and access</a> are open to all.</p>",
    )
}

async fn tickets() -> Html<String> {
    page(
        "Tickets",
        "<p>You are in: your turn came, and the shop let you through.</p>\
         <p>Reload, go back, look around: you need not wait again.</p>\
         <p><a class=\"button\" href=\"/tickets/seats\">Choose seats</a></p>",
    )
}

async fn seats() -> Html<String> {
    page(
        "Seats",
        "<p>Row F, seats 11 and 12 are yours.</p>\
         <p><a class=\"button\" href=\"/checkout/done\">Pay and leave</a></p>\
         <p>When you have paid, your place inside is given back: come again and you wait again.</p>",
    )
}

async fn info() -> Html<String> {
    page("Prices and access", "<p>24 in the stalls, 18 in the circle. Step-free entrance in Mill Lane.</p>")
}

async fn done() -> Html<String> {
    page("Thank you", "<p>See you on Saturday.</p>")
}

fn page(title: &str, body: &str) -> Html<String> {
    Html(format!(
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><title>{title}</title>\
         <meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\
         <link rel=\"icon\" href=\"data:,\"><link rel=\"stylesheet\" href=\"/style.css\"></head>\
         <body><header><a href=\"/\">The Little Theatre</a></header><main><h1>{title}</h1>{body}</main></body></html>"
    ))
}

const STYLE: &str = "\
:root{color-scheme:light dark}
body{margin:0;font:1.125rem/1.6 Georgia,'DejaVu Serif',serif}
header{padding:1rem;background:#5b1a2e}
header a{color:#fff;text-decoration:none;font-weight:bold}
main{max-width:36rem;margin:0 auto;padding:1rem}
.button{display:inline-block;padding:.6rem 1.2rem;background:#5b1a2e;color:#fff;border-radius:.3rem;text-decoration:none}
a:focus-visible{outline:3px solid #b8860b;outline-offset:2px}
";
