//! What the demo shows in the terminal: where to look, what to try, and the line as it moves. On a terminal the
//! moving part is drawn again in its place; elsewhere a plain line is printed now and then.

use std::fmt::Write as _;
use std::io::{IsTerminal, Write as _};
use std::path::Path;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::operator::{ConnectorsNow, RoomNow};
use super::scene::{Addresses, Scene};

/// How often a terminal is drawn again: as often as a person sees a change.
const DRAW_EVERY: Duration = Duration::from_secs(1);
/// How often a line is printed where nothing can be drawn.
const PRINT_EVERY: Duration = Duration::from_secs(10);
/// What the smallest usual terminal has.
const COLUMNS: usize = 80;
/// How long the bar of the line is at most.
const BAR_COLUMNS: usize = 60;
const BOLD: &str = "\x1b[1m";
const PLAIN: &str = "\x1b[0m";

/// Everything that does not change while the demo runs.
pub(super) struct About<'a> {
    pub(super) addresses: &'a Addresses,
    pub(super) operator: Option<(&'a str, &'a str)>,
    pub(super) visitors: u32,
    pub(super) data_dir: &'a Path,
    pub(super) is_temporary: bool,
}

/// Shows the demo until it is asked to stop.
pub(super) async fn show(scene: &Scene, about: &About<'_>, shutdown: &CancellationToken) {
    let is_terminal = std::io::stdout().is_terminal();
    for line in still(about) {
        println!("{}", if is_terminal { line } else { without_style(&line) });
    }
    let mut most_waiting = 0;
    let mut drawn = 0;
    let mut ticks = tokio::time::interval(if is_terminal { DRAW_EVERY } else { PRINT_EVERY });
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            () = shutdown.cancelled() => break,
            _ = ticks.tick() => {}
        }
        let now = tokio::select! {
            () = shutdown.cancelled() => break,
            now = scene.look() => now,
        };
        if is_terminal {
            let lines = match &now {
                Ok((room, connectors)) => {
                    most_waiting = most_waiting.max(room.waiting);
                    moving(room, connectors, most_waiting)
                }
                Err(error) => {
                    vec![shortened(&format!("The platform could not be asked: {error}"), COLUMNS - 2)]
                }
            };
            draw(&lines, drawn);
            drawn = lines.len();
        } else {
            match &now {
                Ok((room, connectors)) => println!("{}", in_one_line(room, connectors)),
                Err(error) => println!("the platform could not be asked: {error}"),
            }
        }
    }
    println!("{}Stopping.", if is_terminal { "\r\x1b[K" } else { "" });
}

/// Draws the lines over those that were drawn before.
fn draw(lines: &[String], drawn: usize) {
    let mut text = String::new();
    if drawn > 0 {
        // Back up to the first line, and clear from there to the end of the screen.
        let _ = write!(text, "\x1b[{drawn}F\x1b[J");
    }
    for line in lines {
        text.push_str(line);
        text.push('\n');
    }
    let mut out = std::io::stdout().lock();
    // A terminal that is gone is noticed by the signal that comes with it.
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}

fn still(about: &About<'_>) -> Vec<String> {
    let place = about.data_dir.display().to_string();
    let (ends, data) = if about.is_temporary {
        ("Ctrl-C ends it and leaves nothing behind", format!("{}, removed at the end", shortened(&place, 40)))
    } else {
        ("Ctrl-C ends it; the data stays", format!("{}, kept", shortened(&place, 56)))
    };
    let sign_in = match about.operator {
        Some((name, password)) => format!("sign in as {BOLD}{name}{PLAIN} with {BOLD}{password}{PLAIN}"),
        None => "sign in as you did before; the password is kept as a hash only".to_owned(),
    };
    let addresses = about.addresses;
    let mut lines = vec![
        format!("{BOLD}Anteroom demo{PLAIN}                      {ends}"),
        String::new(),
        format!("  Shop          {BOLD}{}{PLAIN}  the connector stands in front of it", addresses.site),
        format!("  Protected     {BOLD}{}{PLAIN}", addresses.protected()),
        format!("  Waiting room  {}  and {}", addresses.room, addresses.room_tls),
        format!("  Console       {BOLD}{}{PLAIN}", addresses.platform),
        format!("                {sign_in}"),
        format!("  Data          {data}"),
    ];
    lines.push(String::new());
    lines.push(format!("{BOLD}Try{PLAIN}"));
    lines.push(if about.visitors == 0 {
        "  1  Nobody is in line: start it with --visitors 100, and join them at the shop.".to_owned()
    } else {
        "  1  Join the line at the shop; a private window is another visitor.".to_owned()
    });
    lines.push("  2  Console: change the outflow, pause with a message. The page follows.".to_owned());
    lines.push("  3  Console: protect one more address, publish. It is in force at once.".to_owned());
    lines.push("  4  Reload, close the window, come back: your place is the same.".to_owned());
    lines.push(String::new());
    lines
}

fn moving(room: &RoomNow, connectors: &ConnectorsNow, most_waiting: u64) -> Vec<String> {
    let mut lines = vec![
        format!("{BOLD}{}{PLAIN}  {}", shortened(&room.display_name, 26), state(room)),
        format!(
            "  in line {:<8} let in, last minute {} of {}",
            number(room.waiting),
            number(room.admitted_last_minute),
            number(u64::from(room.outflow_per_minute)),
        ),
        format!("  {}", bar(room.waiting, most_waiting)),
        format!("  someone new waits {}", wait(room)),
        format!("  {}", version(connectors)),
    ];
    if let Some(message) = room.pause_message.as_deref().filter(|_| room.state == "paused") {
        lines.push(format!("  they read: {}", shortened(message, COLUMNS - 16)));
    }
    lines
}

fn in_one_line(room: &RoomNow, connectors: &ConnectorsNow) -> String {
    format!(
        "{}: in line {}, let in in the last minute {} of {}, someone new waits {}; {}",
        state(room),
        room.waiting,
        room.admitted_last_minute,
        room.outflow_per_minute,
        wait(room),
        version(connectors)
    )
}

fn state(room: &RoomNow) -> &str {
    match room.state.as_str() {
        "idle" => "idle: visitors go straight through",
        "running" => "running",
        "paused" => "paused: nobody is let in, everybody keeps the place",
        other => other,
    }
}

fn version(connectors: &ConnectorsNow) -> String {
    match (connectors.head_version, connectors.in_force()) {
        (None, _) => "nothing is published".to_owned(),
        (Some(_), Some(version)) => format!("version {version} is in force at the connector"),
        (Some(head), None) => format!("version {head} is published, and not in force yet"),
    }
}

fn wait(room: &RoomNow) -> String {
    match room.expected_wait_seconds {
        _ if room.state == "paused" => "until the room is resumed".to_owned(),
        None => "as long as is not known yet".to_owned(),
        Some(0) => "not at all".to_owned(),
        Some(seconds) if seconds < 90 => format!("about {seconds} s"),
        Some(seconds) => format!("about {} min", (seconds + 30) / 60),
    }
}

/// The line as a bar, full at the longest it has been.
fn bar(waiting: u64, most_waiting: u64) -> String {
    let columns = u64::try_from(BAR_COLUMNS).unwrap_or(u64::MAX);
    let filled = waiting.saturating_mul(columns).div_ceil(most_waiting.max(columns)).min(columns);
    (0..columns).map(|at| if at < filled { '█' } else { '·' }).collect()
}

fn number(value: u64) -> String {
    let digits = value.to_string();
    let mut grouped = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

/// The text on one line of at most so many characters. Whatever is cut, control characters go: some of these texts
/// were typed by somebody else.
fn shortened(text: &str, characters_max: usize) -> String {
    let mut shown: String = text.chars().filter(|character| !character.is_control()).collect();
    if shown.chars().count() > characters_max {
        shown = shown.chars().take(characters_max.saturating_sub(1)).collect();
        shown.push('…');
    }
    shown
}

fn without_style(line: &str) -> String {
    line.replace(BOLD, "").replace(PLAIN, "")
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROWS: usize = 24;

    fn room(state: &str) -> RoomNow {
        RoomNow {
            waiting_room_id: "evening".to_owned(),
            display_name: "A name that is a good deal longer than anybody would give to a room".to_owned(),
            default_target: String::new(),
            state: state.to_owned(),
            pause_message: Some("Back soon.\x1b[2J ".repeat(40)),
            waiting: 123_456,
            admitted_last_minute: 600_000,
            outflow_per_minute: 600_000,
            expected_wait_seconds: Some(86_400),
        }
    }

    #[test]
    fn everything_fits_a_screen_of_80_by_24() {
        for (is_temporary, operator) in [(true, Some(("operator", "xxxxx-xxxxx-xxxxx-xxxxx"))), (false, None)]
        {
            let addresses = Addresses {
                site: "http://127.0.0.1:65530".to_owned(),
                room: "http://127.0.0.1:65531".to_owned(),
                room_tls: "https://127.0.0.1:65532".to_owned(),
                platform: "http://127.0.0.1:65533".to_owned(),
            };
            let about = About {
                addresses: &addresses,
                operator,
                visitors: 100,
                data_dir: Path::new(
                    "/a/long/path/to/a/folder/that/somebody/has/made/for/this/very/demo/and/named",
                ),
                is_temporary,
            };
            let connectors = ConnectorsNow { head_version: Some(1), connectors: Vec::new() };
            let mut lines = still(&about);
            lines.extend(moving(&room("paused"), &connectors, 200_000));
            // The cursor stands on a line of its own below.
            assert!(lines.len() < ROWS, "{} lines", lines.len());
            for line in lines.iter().map(|line| without_style(line)) {
                assert!(line.chars().count() <= COLUMNS, "{line}");
                assert!(!line.contains('\x1b'), "{line:?}");
            }
        }
    }

    #[test]
    fn bar_is_full_at_the_longest_the_line_has_been() {
        let filled = |waiting, most| bar(waiting, most).chars().filter(|one| *one == '█').count();
        assert_eq!(filled(0, 0), 0);
        assert_eq!(filled(7, 7), 7, "a short line is shown one by one");
        assert_eq!(filled(1, 10_000), 1, "who is there is seen");
        assert_eq!(filled(5_000, 10_000), BAR_COLUMNS / 2);
        assert_eq!(filled(10_000, 10_000), BAR_COLUMNS);
    }

    #[test]
    fn numbers_are_grouped() {
        assert_eq!([0, 999, 1000, 1_234_567].map(number), ["0", "999", "1,000", "1,234,567"]);
    }
}
