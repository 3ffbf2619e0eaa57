//! The pages visitors see, from the templates in `web/waiting`. Nothing here knows a rule: it is handed values and
//! gives back HTML. Every value is escaped by the template engine, because the templates are named `.html`.

mod assets;

use minijinja::{Environment, Value, context};

use crate::answer::{Answer, State};
use crate::words;

pub(crate) use assets::Assets;

const LAYOUT: &str = include_str!("../../../../web/waiting/layout.html");
const WAITING: &str = include_str!("../../../../web/waiting/waiting.html");
const MESSAGE: &str = include_str!("../../../../web/waiting/message.html");

/// Seconds after which a browser without script asks again, at the least: a page that reloads more often cannot be
/// read.
const REFRESH_SECONDS_MIN: u64 = 3;

/// The templates, parsed once, and what they refer to.
pub(crate) struct Pages {
    templates: Environment<'static>,
    pub(crate) assets: Assets,
}

/// A waiting page: an [`Answer`] and what stands around it.
pub(crate) struct WaitingPage<'a> {
    pub(crate) answer: &'a Answer,
    pub(crate) room_name: &'a str,
    /// The host the visitor will be sent to.
    pub(crate) site: &'a str,
    /// Where the script asks for the answer.
    pub(crate) poll_url: &'a str,
    /// Where a browser without script goes to see the page again.
    pub(crate) refresh_url: &'a str,
    /// Where a visitor without a good ticket joins the line.
    pub(crate) join_url: &'a str,
    /// The room's time in Unix seconds.
    pub(crate) now_seconds: u64,
}

/// A page that says one thing.
#[derive(Default)]
pub(crate) struct MessagePage<'a> {
    pub(crate) room_name: Option<&'a str>,
    pub(crate) title: &'a str,
    pub(crate) texts: Vec<String>,
    pub(crate) link: Option<Link<'a>>,
    /// What to name when asking for help.
    pub(crate) code: Option<&'a str>,
    /// The page loads itself again after so many seconds.
    pub(crate) refresh_seconds: Option<u64>,
}

/// What a visitor can do about it.
pub(crate) struct Link<'a> {
    pub(crate) url: &'a str,
    pub(crate) label: &'a str,
}

impl Pages {
    pub(crate) fn new() -> Self {
        let assets = Assets::new();
        let mut templates = Environment::new();
        for (name, source) in [("layout.html", LAYOUT), ("waiting.html", WAITING), ("message.html", MESSAGE)]
        {
            templates.add_template(name, source).expect(
                "this holds because the templates are part of the program and a test renders each of them",
            );
        }
        templates.add_global(
            "assets",
            context! { style => assets.style.path(), script => assets.script.path(), icon => assets.icon.path() },
        );
        Self { templates, assets }
    }

    /// The waiting page, in whatever state its answer is.
    pub(crate) fn waiting(&self, page: &WaitingPage<'_>) -> String {
        let answer = page.answer;
        let (count, people_ahead) = match answer.people_ahead {
            None => ("unknown", String::new()),
            Some(0) => ("none", "0".to_owned()),
            Some(1) => ("one", "1".to_owned()),
            Some(many) => ("many", words::number(many)),
        };
        self.render(
            "waiting.html",
            context! {
                count, people_ahead,
                states => Value::from_iter(
                    State::ALL.map(|state| context! { name => state.as_str(), headline => state.headline() }),
                ),
                headline => answer.state.headline(),
                state => answer.state.as_str(),
                message => answer.message.as_str(),
                queue_id => answer.queue_id.map(|id| id.to_string()),
                progress_percent => answer.progress_percent(),
                ask_again_ms => answer.ask_again_after_ms,
                refresh_seconds => answer.ask_again_after_ms.div_ceil(1000).max(REFRESH_SECONDS_MIN),
                updated => words::time_of_day(page.now_seconds),
                room_name => page.room_name,
                site => page.site,
                poll_url => page.poll_url,
                refresh_url => page.refresh_url,
                join_url => page.join_url,
            },
        )
    }

    /// A page that says one thing.
    pub(crate) fn message(&self, page: &MessagePage<'_>) -> String {
        self.render(
            "message.html",
            context! {
                room_name => page.room_name,
                title => page.title,
                texts => Value::from_iter(page.texts.iter().map(String::as_str)),
                link => page.link.as_ref().map(|link| context! { url => link.url, label => link.label }),
                code => page.code,
                refresh_seconds => page.refresh_seconds,
            },
        )
    }

    fn render(&self, name: &str, values: Value) -> String {
        let rendered = self.templates.get_template(name).and_then(|template| template.render(values));
        rendered.unwrap_or_else(|error| {
            tracing::error!(%error, name, "a page could not be drawn");
            "<!doctype html><title>Waiting room</title><p>This page could not be drawn. Please reload it."
                .to_owned()
        })
    }
}
