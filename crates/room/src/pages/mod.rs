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
    /// The draw, where the visitor takes part in one or may.
    pub(crate) draw: Option<&'a DrawShown>,
}

/// What a page shows of a draw.
pub(crate) struct DrawShown {
    /// In hex.
    pub(crate) commitment: String,
    /// In hex; absent before the start.
    pub(crate) key: Option<String>,
    pub(crate) beacon: Option<String>,
    /// Where all that is published stands.
    pub(crate) path: String,
    /// What the visitor has in it.
    pub(crate) drawn: Option<Drawn>,
}

/// A visitor's part in a draw. Entry and place are counted from 1.
pub(crate) struct Drawn {
    pub(crate) entry: u64,
    pub(crate) entrants: u64,
    /// Left out where there is one lane alone.
    pub(crate) lane: Option<u8>,
    /// Absent before the start.
    pub(crate) place: Option<u64>,
}

impl DrawShown {
    fn as_value(&self) -> Value {
        let drawn = self.drawn.as_ref().map(|drawn| {
            context! {
                entry => words::number(drawn.entry), entrants => words::number(drawn.entrants),
                lane => drawn.lane, place => drawn.place.map(words::number),
                entry_plain => drawn.entry, place_plain => drawn.place,
            }
        });
        context! {
            commitment => self.commitment.as_str(), key => self.key.as_deref(),
            beacon => self.beacon.as_deref(), path => self.path.as_str(), drawn,
        }
    }
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
                refresh_seconds => refresh_seconds(answer),
                updated => words::time_of_day(page.now_seconds),
                room_name => page.room_name,
                site => page.site,
                poll_url => page.poll_url,
                refresh_url => page.refresh_url,
                join_url => page.join_url,
                page => answer.page.as_deref(),
                countdown_ms => answer.countdown_ms,
                opens => answer.opens_at.map(|moment| context! { at => words::rfc3339(moment), text => words::date_and_time(moment) }),
                starts => answer.starts_at.map(|moment| context! { at => words::rfc3339(moment), text => words::date_and_time(moment) }),
                draw => page.draw.map(DrawShown::as_value),
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

/// When a browser without script asks again; nothing where asking again tells nothing new.
fn refresh_seconds(answer: &Answer) -> Option<u64> {
    match answer.state {
        State::Prequeue | State::Waiting | State::Paused | State::Before | State::Closed | State::Ended => {
            Some(answer.ask_again_after_ms.div_ceil(1000).max(REFRESH_SECONDS_MIN))
        }
        State::Admitted | State::Spent | State::Unknown => None,
    }
}

#[cfg(test)]
mod tests {
    use anteroom_protocol::id::QueueId;
    use anteroom_protocol::time::Timestamp;

    use super::*;

    fn answer(state: State, people_ahead: Option<u64>) -> Answer {
        Answer {
            state,
            queue_id: Some(QueueId::from_random([7; 16])),
            people_ahead,
            expected_wait_seconds: None,
            progress: 0.5,
            ask_again_after_ms: 8_100,
            redirect_url: Some("https://shop.example/?queueittoken=secret".to_owned()),
            message: "A <b>message</b> & more".to_owned(),
            phase: Some("running"),
            countdown_ms: None,
            opens_at: None,
            starts_at: Some(Timestamp::from_seconds(1_700_000_000)),
            entry: None,
            page: Some("running".to_owned()),
        }
    }

    fn draw(answer: &Answer) -> String {
        Pages::new().waiting(&page(answer))
    }

    fn page(answer: &Answer) -> WaitingPage<'_> {
        WaitingPage {
            answer,
            room_name: "Spring \"sale\" <2024>",
            site: "shop.example",
            poll_url: "/api/v1/rooms/spring24/ticket?c=acme",
            refresh_url: "/?c=acme&e=spring24&anteroom=waiting",
            join_url: "/?c=acme&e=spring24&anteroom=again",
            now_seconds: 1_700_000_000,
            draw: None,
        }
    }

    #[test]
    fn waiting_page_shows_every_state_and_escapes_what_it_shows() {
        for state in State::ALL {
            for people_ahead in [None, Some(0), Some(1), Some(12_345)] {
                let html = draw(&answer(state, people_ahead));
                assert!(html.contains(&format!("data-state=\"{}\"", state.as_str())), "{html}");
                assert!(html.contains("A &lt;b&gt;message&lt;&#x2f;b&gt; &amp; more"), "{html}");
                assert!(html.contains("Spring &quot;sale&quot; &lt;2024&gt;"), "{html}");
                assert!(!html.contains("queueittoken"), "a page holds no queue token");
            }
        }
        assert!(draw(&answer(State::Waiting, Some(12_345))).contains(">12,345</strong>"));
    }

    #[test]
    fn draw_is_shown_as_far_as_it_is_known() {
        let shown = |key: Option<&str>, drawn| {
            let draw = DrawShown {
                commitment: "c0".repeat(32),
                key: key.map(str::to_owned),
                beacon: Some("3 <9> \"17\"".to_owned()),
                path: "/draw/acme/spring24.json".to_owned(),
                drawn,
            };
            let answer = answer(State::Waiting, Some(4));
            Pages::new().waiting(&WaitingPage { draw: Some(&draw), ..page(&answer) })
        };
        let before = shown(None, None);
        assert!(
            before.contains(&"c0".repeat(32)) && before.contains("3 &lt;9&gt; &quot;17&quot;"),
            "{before}"
        );
        assert!(!before.contains("Key</dt>") && !before.contains("--entry"), "{before}");

        let entered = Drawn { entry: 1_234, entrants: 48_211, lane: Some(1), place: None };
        let entered = shown(None, Some(entered));
        assert!(entered.contains("You are entry <b>1,234</b> in lane 1."), "{entered}");
        assert!(entered.contains("--entry 1234 --lane 1</code>"), "{entered}");

        let drawn = Drawn { entry: 1_234, entrants: 48_211, lane: None, place: Some(5) };
        let drawn = shown(Some("0e0e"), Some(drawn));
        assert!(drawn.contains("Entry <b>1,234</b> of 48,211 got place <b>5</b>."), "{drawn}");
        assert!(
            drawn.contains("<code>0e0e</code>") && drawn.contains("--entry 1234 --place 5</code>"),
            "{drawn}"
        );
    }

    #[test]
    fn page_loads_itself_again_only_while_there_is_something_to_come() {
        for state in State::ALL {
            let is_refreshed =
                draw(&answer(state, Some(3))).contains("http-equiv=\"refresh\" content=\"9;url=");
            let is_over = matches!(state, State::Admitted | State::Spent | State::Unknown);
            assert_eq!(is_refreshed, !is_over, "{state:?}");
        }
    }

    #[test]
    fn message_page_says_one_thing_and_leads_on() {
        let html = Pages::new().message(&MessagePage {
            room_name: Some("Spring"),
            title: "A <title>",
            texts: vec!["First.".to_owned(), "Second & last.".to_owned()],
            link: Some(Link { url: "/?c=a&t=\"x\"", label: "Join" }),
            code: Some("hash"),
            refresh_seconds: Some(5),
        });
        for part in [
            "<h1>A &lt;title&gt;</h1>",
            "Second &amp; last.",
            "href=\"&#x2f;?c=a&amp;t=&quot;x&quot;\"",
            ">hash<",
        ] {
            assert!(html.contains(part), "{part}: {html}");
        }
        assert!(html.contains("http-equiv=\"refresh\" content=\"5\""));
    }
}
