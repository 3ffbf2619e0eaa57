//! What a room is going to do and when, in sentences for its operator. Pure. The console shows them before a change is
//! made and while it holds, so that nobody has to work out what three moments and a mode come to.

use anteroom_protocol::time::Timestamp;
use anteroom_queue::Settings;
use anteroom_queue::settings::Mode;

use crate::schedule::shown_in;

/// What will happen from `now` on, by these settings; `zone` is where the operator thinks. A room that has started stays
/// so whatever the schedule becomes, until it is reset.
pub(crate) fn sentences(settings: &Settings, has_started: bool, now: Timestamp, zone: &str) -> Vec<String> {
    let schedule = settings.schedule;
    let at = |moment| shown_in(moment, zone);
    let mut said = Vec::new();
    match settings.mode {
        Mode::Queue => {}
        Mode::Closed => said.push(
            "The room is closed: nobody joins and nobody is let in, whatever the schedule says. Tickets keep \
             their places."
                .to_owned(),
        ),
        Mode::Passthrough => said.push(
            "Everybody is let in at once and counted, whatever the outflow and the schedule say.".to_owned(),
        ),
    }
    match (schedule.pre_queue_at, schedule.starts_at) {
        (_, None) => said.push(if has_started || schedule.ends_at.is_none() {
            "The room is open: visitors join whenever they come.".to_owned()
        } else {
            "The room is open at once.".to_owned()
        }),
        (_, Some(start)) if has_started && start > now => said.push(format!(
            "The room has started and stays so, though its start is set to {}. After a reset it waits for that.",
            at(start)
        )),
        (_, Some(start)) if start <= now => said.push(format!("The room started at {}.", at(start))),
        (Some(opens), Some(start)) if opens < start => {
            let from = if opens <= now { "since" } else { "from" };
            said.push(format!("People may gather {from} {}.", at(opens)));
            said.push(format!(
                "At {} everyone there gets a random place, and the line begins to move. Whoever comes later joins \
                 behind them.",
                at(start)
            ));
        }
        (_, Some(start)) => said.push(format!(
            "Nobody can join before {}. From then on the first to come is the first served.",
            at(start)
        )),
    }
    if settings.ramp_seconds > 0 && settings.mode == Mode::Queue {
        said.push(format!(
            "After the start the outflow grows from a tenth to {} a minute within {} seconds.",
            settings.outflow_per_minute, settings.ramp_seconds
        ));
    }
    match schedule.ends_at {
        Some(end) if end <= now => {
            said.push(format!("It ended at {}: nobody joins or is let in any more.", at(end)));
        }
        Some(end) => said.push(format!(
            "At {} it ends: nobody joins or is let in from then on. Tickets keep their places, in case the end is \
             moved.",
            at(end)
        )),
        None => {}
    }
    said
}

#[cfg(test)]
mod tests {
    use anteroom_queue::settings::Schedule;

    use super::*;

    const OPENS: Timestamp = Timestamp::from_seconds(1_795_509_000);
    const STARTS: Timestamp = Timestamp::from_seconds(1_795_510_800);

    fn said(schedule: Schedule, has_started: bool, now: Timestamp) -> Vec<String> {
        let settings = Settings { schedule, ..Settings::with_outflow(60) };
        sentences(&settings, has_started, now, "Europe/Berlin")
    }

    #[test]
    fn sale_with_a_draw_is_told_moment_by_moment() {
        let schedule = Schedule { pre_queue_at: Some(OPENS), starts_at: Some(STARTS), ends_at: None };
        assert_eq!(
            said(schedule, false, Timestamp::from_seconds(1_795_000_000)),
            [
                "People may gather from Tue 24 Nov 2026 09:30 Europe/Berlin (08:30 UTC).",
                "At Tue 24 Nov 2026 10:00 Europe/Berlin (09:00 UTC) everyone there gets a random place, and the line \
                 begins to move. Whoever comes later joins behind them.",
            ]
        );
        assert!(said(schedule, false, OPENS)[0].contains("since"));
        assert_eq!(
            said(schedule, true, STARTS),
            ["The room started at Tue 24 Nov 2026 10:00 Europe/Berlin (09:00 UTC)."]
        );
        assert!(said(schedule, true, OPENS)[0].contains("After a reset"));
    }

    #[test]
    fn room_without_a_schedule_is_open_and_one_with_an_end_ends() {
        assert_eq!(said(Schedule::default(), true, OPENS).len(), 1);
        let schedule = Schedule { ends_at: Some(STARTS), ..Schedule::default() };
        assert!(said(schedule, true, OPENS)[1].contains("it ends"));
        assert!(said(schedule, true, STARTS)[1].contains("It ended"));
        let schedule = Schedule { starts_at: Some(STARTS), ..Schedule::default() };
        assert!(said(schedule, false, OPENS)[0].starts_with("Nobody can join before"));
    }

    #[test]
    fn mode_comes_first() {
        let mut settings = Settings::with_outflow(60);
        settings.mode = Mode::Closed;
        assert!(sentences(&settings, true, OPENS, "UTC")[0].contains("closed"));
        settings.mode = Mode::Passthrough;
        assert!(sentences(&settings, true, OPENS, "UTC")[0].contains("at once"));
        settings.mode = Mode::Queue;
        settings.ramp_seconds = 300;
        assert!(sentences(&settings, true, OPENS, "UTC")[1].contains("300 seconds"));
    }
}
