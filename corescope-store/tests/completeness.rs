//! How much of what observers heard arrived, estimated from a history in which it is known.
#![cfg(feature = "write")]
#![allow(clippy::unwrap_used, reason = "a test may stop here")]

mod support;

use corescope_store::jobs::{COMPLETENESS_SUMMARY, Job, Jobs, Now, Plan};
use corescope_store::write::{Accepted, Message, Outage, SourceAlive, StatusMessage, Writer};
use support::*;

const HOUR: i64 = 3_600;
/// The first hour.
const H: i64 = T0 / HOUR * HOUR;
/// The hour in which something is lost; the ones before are as usual.
const LOSSY: i64 = H + 6 * HOUR;
/// Transmissions in an hour.
const PER_HOUR: i64 = 240;

/// What the observers hear in an hour; each transmission has a number of its own.
fn hour(start: i64, heard_by: &dyn Fn(&str, i64, i64) -> bool) -> Vec<Accepted> {
    let mut out = Vec::new();
    for n in 0..PER_HOUR {
        let at = start + n * HOUR / PER_HOUR;
        let raw = frame(FLOOD, GROUP_TEXT, &[], &text((start / HOUR * 10_000 + n).unsigned_abs()));
        let alone =
            frame(FLOOD, GROUP_TEXT, &[], &text((start / HOUR * 10_000 + n).unsigned_abs() | 1 << 60));
        for id in ["A1", "B2", "C3"] {
            if heard_by(id, n, at) {
                out.push(heard(id, &raw, at));
            }
        }
        if heard_by("LONE", n, at) {
            out.push(heard("LONE", &alone, at));
        }
    }
    out
}

/// A1 hears three of four, the others everything.
fn usual(id: &str, n: i64, _at: i64) -> bool {
    id != "A1" || n % 4 != 0
}

fn estimate(place: &Place, writer: &mut Writer, now: i64) {
    writer.note_sources(&[SourceAlive { source: "test".to_owned(), until: now }], &[]).unwrap();
    Jobs::new(Plan::in_folder(place.dir.path()), Now { unix: now, steady: now })
        .run_now(writer, Job::Completeness, now)
        .unwrap();
}

/// Six usual hours, one with a loss, and the estimates; the process ends in between.
fn after(lossy: Vec<Accepted>, outages: &[Outage]) -> Place {
    let place = Place::new();
    let mut writer = place.writer();
    for past in 0..6 {
        writer.batch(&hour(H + past * HOUR, &usual)).unwrap();
    }
    estimate(&place, &mut writer, LOSSY + 400);
    writer.close().unwrap();
    let mut writer = place.writer();
    writer.batch(&lossy).unwrap();
    writer.note_sources(&[], outages).unwrap();
    estimate(&place, &mut writer, LOSSY + HOUR + 400);
    writer.close().unwrap();
    place
}

/// Received, expected, basis.
fn row(place: &Place, observer: &str, hour: i64) -> (i64, Option<i64>, String) {
    place
        .sql()
        .query_row(
            "SELECT received, expected, basis FROM cs_completeness WHERE hour = ?1 AND observer = ?2",
            (hour, observer),
            |r| Ok((r.get(0)?, r.get(1)?, r.get(2)?)),
        )
        .unwrap_or_else(|e| panic!("{observer}: {e}"))
}

fn about(found: (i64, Option<i64>, String), received: i64, expected: i64, basis: &str) {
    let (came, heard, rests_on) = &found;
    let near = heard.is_some_and(|heard| (heard - expected).abs() <= expected / 20);
    assert!(
        *came == received && near && rests_on == basis,
        "{found:?}, not {received} of {expected} by {basis}"
    );
}

#[test]
fn a_usual_hour_is_complete() {
    let place = after(hour(LOSSY, &usual), &[]);
    for (observer, received) in [("A1", 180), ("B2", 240), ("C3", 240)] {
        assert_eq!(row(&place, observer, LOSSY), (received, Some(received), "neighbours".to_owned()));
    }
    assert_eq!(row(&place, "LONE", LOSSY), (240, Some(240), "gaps".to_owned()));
    assert_eq!(row(&place, "LONE", H).2, "none", "nothing is usual in the first hour");
    let summary: String =
        place.one(&format!("SELECT value FROM cs_state WHERE key = '{COMPLETENESS_SUMMARY}'"));
    assert!(summary.contains(r#""observers":4"#) && summary.contains(r#""ratio":1.0"#), "{summary}");
    let running = LOSSY + HOUR;
    assert_eq!(
        place.rows(&format!("SELECT observer, covered FROM cs_completeness WHERE hour = {running}")).len(),
        4
    );
}

#[test]
fn what_the_neighbours_heard_tells_what_is_missing() {
    let place = after(hour(LOSSY, &|id, n, at| usual(id, n, at) && (id != "A1" || n % 2 == 0)), &[]);
    about(row(&place, "A1", LOSSY), 60, 180, "neighbours");
    about(row(&place, "B2", LOSSY), 240, 240, "neighbours");
}

#[test]
fn a_silent_observer_is_missed_by_its_neighbours_or_by_the_clock() {
    let silent = |id: &str| id == "A1" || id == "LONE";
    let place =
        after(hour(LOSSY, &|id, n, at| usual(id, n, at) && !(silent(id) && at >= LOSSY + 1_800)), &[]);
    about(row(&place, "A1", LOSSY), 90, 180, "neighbours");
    about(row(&place, "LONE", LOSSY), 120, 240, "gaps");
    let place = after(hour(LOSSY, &|id, n, at| usual(id, n, at) && !silent(id)), &[]);
    about(row(&place, "A1", LOSSY), 0, 180, "neighbours");
    about(row(&place, "LONE", LOSSY), 0, 240, "gaps");
}

#[test]
fn who_says_goodbye_is_not_missed() {
    let place = Place::new();
    let mut writer = place.writer();
    for past in 0..6 {
        writer.batch(&hour(H + past * HOUR, &usual)).unwrap();
    }
    let message = StatusMessage { status: Some("offline".to_owned()), ..StatusMessage::default() };
    let will = Accepted {
        source: "test".into(),
        received_at_ms: (LOSSY - 1) * 1000,
        observer: Some(observer("LONE")),
        message: Message::Status(message),
    };
    writer.batch(&[will]).unwrap();
    writer.batch(&hour(LOSSY, &|id, n, at| usual(id, n, at) && id != "LONE")).unwrap();
    estimate(&place, &mut writer, LOSSY + HOUR + 400);
    assert_eq!(
        place.rows(&format!("SELECT observer FROM cs_completeness WHERE hour = {LOSSY}")),
        ["A1", "B2", "C3"]
    );
}

#[test]
fn while_its_source_was_away_an_observer_is_missed_as_usual() {
    let outage =
        |resumed| [Outage { source: "test".to_owned(), start: LOSSY + 1_200, until: LOSSY + 2_100, resumed }];
    let away = |at: i64| (LOSSY + 1_200..LOSSY + 2_100).contains(&at);
    let place = after(hour(LOSSY, &|id, n, at| usual(id, n, at) && !away(at)), &outage(false));
    about(row(&place, "A1", LOSSY), 135, 180, "neighbours+reconnects");
    about(row(&place, "LONE", LOSSY), 180, 240, "gaps+reconnects");
    // The broker kept what came at QoS 1, and hands it over at once.
    let late = hour(LOSSY, &usual).into_iter().map(|mut message| {
        if away(message.received_at_ms / 1000) {
            message.received_at_ms = (LOSSY + 2_101) * 1000;
        }
        message
    });
    let place = after(late.collect(), &outage(true));
    about(row(&place, "LONE", LOSSY), 240, 240, "gaps+reconnects");
}

#[test]
fn an_outage_that_ends_later_has_its_hours_estimated_anew() {
    let place = after(hour(LOSSY, &|id, n, at| usual(id, n, at) && at < LOSSY + 3_000), &[]);
    assert_eq!(row(&place, "LONE", LOSSY).2, "gaps");
    let mut writer = place.writer();
    let ended =
        Outage { source: "test".to_owned(), start: LOSSY + 3_000, until: LOSSY + 4_000, resumed: false };
    writer.note_sources(&[], &[ended]).unwrap();
    estimate(&place, &mut writer, LOSSY + HOUR + 900);
    about(row(&place, "LONE", LOSSY), 200, 240, "gaps+reconnects");
}

#[test]
fn counters_decide() {
    let place = Place::new();
    let mut writer = place.writer();
    // Every five minutes it says how much it heard: one a minute. Every third is lost.
    let mut batch = Vec::new();
    for second in (0..=HOUR).step_by(60) {
        let at = H + second;
        if second / 60 % 3 != 0 {
            batch.push(heard("A1", &frame(FLOOD, GROUP_TEXT, &[], &text(at.unsigned_abs())), at + 30));
        }
        if second % 300 == 0 {
            let message = StatusMessage {
                packets_recv: Some(5_000 + second / 60),
                recv_errors: Some(second / 600),
                ..StatusMessage::default()
            };
            batch.push(Accepted {
                source: "test".into(),
                received_at_ms: at * 1000,
                observer: Some(observer("A1")),
                message: Message::Status(message),
            });
        }
    }
    writer.batch(&batch).unwrap();
    estimate(&place, &mut writer, H + HOUR + 400);
    assert_eq!(row(&place, "A1", H), (40, Some(60), "counters".to_owned()));
    let evidence: String = place.one(&format!("SELECT evidence FROM cs_completeness WHERE hour = {H}"));
    assert_eq!(evidence, r#"{"counters":{"heard":60,"damaged":6,"missing":20,"seconds":3600}}"#);
}

#[test]
fn packets_that_a_rule_keeps_out_did_arrive() {
    let place = Place::new();
    let mut writer = place.writer();
    let status = |at: i64, count| Accepted {
        source: "test".into(),
        received_at_ms: at * 1000,
        observer: Some(observer("A1")),
        message: Message::Status(StatusMessage { packets_recv: Some(count), ..StatusMessage::default() }),
    };
    writer
        .batch(&[status(H, 0), heard("A1", "zz", H + 10), heard("A1", "", H + 20), status(H + 3_600, 3)])
        .unwrap();
    estimate(&place, &mut writer, H + HOUR + 400);
    let (received, expected, basis) = row(&place, "A1", H);
    assert_eq!((received, expected, basis.as_str()), (2, Some(3), "counters"));
}
