//! A waiting room as the interface writes it.

use anteroom_protocol::time::Timestamp;
use anteroom_queue::draw::to_hex;
use anteroom_queue::settings::{EnqueueTokenUse, Mode};
use anteroom_queue::snapshot::{DrawPublished, LaneFigures, Phase};
use anteroom_store::records::{LocalSchedule, RoomRecord};
use serde::Serialize;

use crate::actions::{Life, Live, RoomView};
use crate::moment::iso;
use crate::plan::sentences;
use crate::schedule::{resolve, written_in};

/// What a room can do with visitors, by the words of the interface.
pub(super) const MODES: [(&str, Mode); 3] =
    [("queue", Mode::Queue), ("passthrough", Mode::Passthrough), ("closed", Mode::Closed)];

/// What a room can ask of enqueue tokens, by the words of the interface.
pub(super) const ENQUEUE_TOKEN_USES: [(&str, EnqueueTokenUse); 4] = [
    ("notUsed", EnqueueTokenUse::NotUsed),
    ("optional", EnqueueTokenUse::Optional),
    ("required", EnqueueTokenUse::Required),
    ("requiredWithKey", EnqueueTokenUse::RequiredWithKey),
];

/// What is of the line is absent while it cannot be looked at; `problem` says why.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct RoomBody {
    waiting_room_id: String,
    display_name: String,
    default_target: String,
    state: &'static str,
    problem: Option<String>,
    /// As the operator wrote it, and what it comes to.
    schedule: Option<ScheduleBody>,
    /// What will happen and when.
    plan: Vec<String>,
    #[serde(flatten)]
    line: LineBody,
}

/// The settings of a room's line, and how it stands.
#[derive(Default, Serialize)]
#[serde(rename_all = "camelCase")]
struct LineBody {
    outflow_per_minute: Option<u32>,
    outflow_now_per_minute: Option<u32>,
    burst: Option<u32>,
    late_window_seconds: Option<u32>,
    token_validity_seconds: Option<u32>,
    re_entry_limit: Option<u32>,
    mode: Option<&'static str>,
    lane_weights: Option<Vec<u32>>,
    max_active: Option<u32>,
    session_seconds: Option<u32>,
    ramp_seconds: Option<u32>,
    unique_keys: Option<bool>,
    enqueue_token: Option<&'static str>,
    epoch: Option<u64>,
    phase: Option<&'static str>,
    waiting: Option<u64>,
    called: Option<u64>,
    active: Option<u64>,
    entrants: Option<u64>,
    lanes: Option<Vec<LaneBody>>,
    admitted_total: Option<u64>,
    admitted_last_minute: Option<u64>,
    no_show_percent: Option<u8>,
    expected_wait_seconds: Option<u64>,
    pause_message: Option<String>,
    draw: Option<DrawBody>,
}

/// Local dates and times with their zone, and the moments in UTC.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ScheduleBody {
    time_zone: String,
    pre_queue_at: Option<String>,
    starts_at: Option<String>,
    ends_at: Option<String>,
    pre_queue_at_utc: Option<String>,
    starts_at_utc: Option<String>,
    ends_at_utc: Option<String>,
    /// What to know, where the text and the moments no longer say the same.
    remark: Option<&'static str>,
}

#[derive(Serialize)]
struct LaneBody {
    lane: u8,
    weight: u32,
    waiting: u64,
    entrants: u64,
}

/// The key is there after the start only.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct DrawBody {
    epoch: u64,
    commitment: String,
    key: Option<String>,
    beacon: Option<String>,
    lanes: Vec<DrawnLaneBody>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct DrawnLaneBody {
    lane: u8,
    entrants: u64,
    first_tag: Option<u64>,
}

impl From<RoomView> for RoomBody {
    fn from(view: RoomView) -> Self {
        let state = view.state();
        let plan = match &view.life {
            Life::Live(live) => plan(live, view.zone()),
            Life::Unavailable(_) => Vec::new(),
        };
        let expected_wait = view.expected_wait();
        let RoomView { record, life } = view;
        let (schedule, line, problem) = match life {
            Life::Live(live) => {
                let schedule = schedule_body(&record, &live);
                let line = LineBody {
                    expected_wait_seconds: expected_wait.map(|wait| wait.as_secs()),
                    ..line_body(*live)
                };
                (schedule, line, None)
            }
            Life::Unavailable(reason) => (None, LineBody::default(), Some(reason)),
        };
        Self {
            waiting_room_id: record.room.to_string(),
            display_name: record.display_name,
            default_target: record.default_target,
            state,
            problem,
            schedule,
            plan,
            line,
        }
    }
}

fn plan(live: &Live, zone: &str) -> Vec<String> {
    let has_started = matches!(live.figures.phase, Phase::Running | Phase::Ended);
    sentences(&live.settings, has_started, live.now, zone)
}

fn line_body(live: Live) -> LineBody {
    let Live { figures, settings, draw, .. } = live;
    LineBody {
        outflow_per_minute: Some(settings.outflow_per_minute),
        outflow_now_per_minute: Some(figures.outflow_now_per_minute),
        burst: settings.burst,
        late_window_seconds: Some(settings.late_window_seconds),
        token_validity_seconds: Some(settings.token_validity_seconds),
        re_entry_limit: Some(settings.re_entry_limit),
        mode: word_of(&MODES, settings.mode),
        lane_weights: Some(settings.lane_weights),
        max_active: settings.max_active,
        session_seconds: Some(settings.session_seconds),
        ramp_seconds: Some(settings.ramp_seconds),
        unique_keys: Some(settings.unique_keys),
        enqueue_token: word_of(&ENQUEUE_TOKEN_USES, settings.enqueue_token),
        epoch: Some(figures.epoch),
        phase: Some(match figures.phase {
            Phase::Before { .. } => "before",
            Phase::PreQueue { .. } => "preQueue",
            Phase::Running => "running",
            Phase::Ended => "ended",
        }),
        waiting: Some(figures.waiting),
        called: Some(figures.called),
        active: figures.active,
        entrants: Some(figures.entrants),
        lanes: Some(figures.lanes.into_iter().map(LaneBody::from).collect()),
        admitted_total: Some(figures.admitted_total),
        admitted_last_minute: Some(figures.admitted_last_minute),
        no_show_percent: Some(figures.no_show_percent),
        expected_wait_seconds: None,
        pause_message: figures.paused,
        draw: draw.map(DrawBody::from),
    }
}

fn word_of<T: Copy + PartialEq>(words: &[(&'static str, T)], meant: T) -> Option<&'static str> {
    words.iter().find(|(_, word)| *word == meant).map(|(word, _)| *word)
}

/// What the operator wrote, unless the line goes by something else: then that, in the same zone.
fn schedule_body(record: &RoomRecord, live: &Live) -> Option<ScheduleBody> {
    let of_the_line = live.settings.schedule;
    let zone = record.schedule.as_ref().map_or("UTC", |schedule| &schedule.time_zone);
    let in_zone = |moment: Option<Timestamp>| moment.map(|moment| written_in(moment, zone));
    let is_as_written =
        |schedule: &LocalSchedule| resolve(schedule, "").is_ok_and(|resolved| resolved == of_the_line);
    let (local, remark) = match &record.schedule {
        Some(schedule) if is_as_written(schedule) => (schedule.clone(), None),
        None if of_the_line == anteroom_queue::settings::Schedule::default() => return None,
        found => {
            let local = LocalSchedule {
                time_zone: zone.to_owned(),
                pre_queue_at: in_zone(of_the_line.pre_queue_at),
                starts_at: in_zone(of_the_line.starts_at),
                ends_at: in_zone(of_the_line.ends_at),
            };
            const REMARK: &str = "The room goes by these moments. What was written says something else by now, \
                                  because the rules of the zone have changed or saving it was broken off. Save it again.";
            (local, found.as_ref().map(|_| REMARK))
        }
    };
    Some(ScheduleBody {
        time_zone: local.time_zone,
        pre_queue_at: local.pre_queue_at,
        starts_at: local.starts_at,
        ends_at: local.ends_at,
        pre_queue_at_utc: of_the_line.pre_queue_at.map(iso),
        starts_at_utc: of_the_line.starts_at.map(iso),
        ends_at_utc: of_the_line.ends_at.map(iso),
        remark,
    })
}

impl From<LaneFigures> for LaneBody {
    fn from(figures: LaneFigures) -> Self {
        let LaneFigures { lane, weight, waiting, entrants } = figures;
        Self { lane: lane.number(), weight, waiting, entrants }
    }
}

impl From<DrawPublished> for DrawBody {
    fn from(draw: DrawPublished) -> Self {
        let DrawPublished { epoch, commitment, key, beacon, lanes } = draw;
        let lanes = lanes.into_iter().map(|lane| DrawnLaneBody {
            lane: lane.lane.number(),
            entrants: lane.entrants,
            first_tag: lane.first_tag,
        });
        Self {
            epoch,
            commitment: to_hex(&commitment),
            key: key.map(|key| key.to_hex()),
            beacon,
            lanes: lanes.collect(),
        }
    }
}
