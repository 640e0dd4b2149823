//! The ingestor's duties besides storing messages.
#![cfg(feature = "write")]
#![allow(clippy::unwrap_used, reason = "a test may stop here")]

mod support;

use std::sync::Arc;

use corescope_core::time::rfc3339;
use corescope_decode::{ChannelKey, KeyRing};
use corescope_store::jobs::{Job, Jobs, Next, Now, Plan, ask, read_answer};
use corescope_store::write::{Options, Writer};
use support::*;

const DAY: i64 = 86_400;

/// The wall clock at this unix time, on a machine that has just started.
fn clocks(unix: i64) -> Now {
    Now { unix, steady: 0 }
}

fn run(place: &Place, writer: &mut Writer, job: Job, now: i64) -> u64 {
    run_with(place, writer, job, now, |_| {})
}

fn run_with(place: &Place, writer: &mut Writer, job: Job, now: i64, change: impl FnOnce(&mut Plan)) -> u64 {
    let mut plan = Plan::in_folder(place.dir.path());
    change(&mut plan);
    Jobs::new(plan, clocks(now)).run_now(writer, job, now).unwrap().rows
}

#[test]
fn neighbour_edges_of_a_small_history_are_exactly_these_and_none_twice() {
    let place = Place::new();
    let mut writer = place.writer();
    // Two nodes share the first byte B1: a hop B1 means nobody in particular.
    let (a, b, twin, c) = (node(0xA1, 1), node(0xB1, 2), node(0xB1, 3), node(0xC1, 4));
    let (watcher, other) = (node(0xD1, 5), node(0xE1, 6));
    let (w, o) = (key_hex(&watcher).to_uppercase(), key_hex(&other));
    let adverts: Vec<_> = [&a, &b, &twin, &c, &watcher, &other]
        .iter()
        .map(|n| heard("name only", &frame(FLOOD, ADVERT, &[&[0x99]], &advert(n, 1, "n", None)), T0))
        .collect();
    writer.batch(&adverts).unwrap();
    assert_eq!(run(&place, &mut writer, Job::Neighbours, T0), 0, "nobody in these has a key");
    let history = [
        // Advert without a path: sender and observer.
        heard(&w, &frame(FLOOD, ADVERT, &[], &advert(&a, 2, "n", None)), T0 + 1),
        // Flooded advert: sender and first hop, last hop and observer.
        heard(&w, &frame(FLOOD, ADVERT, &[&[0xA1], &[0xC1]], &advert(&b, 2, "n", None)), T0 + 2),
        // Flooded text: last hop and observer.
        heard(&o, &frame(FLOOD, GROUP_TEXT, &[&[0xB1], &[0xA1]], &text(1)), T0 + 3),
        // An ambiguous last hop says nothing.
        heard(&o, &frame(FLOOD, GROUP_TEXT, &[&[0xA1], &[0xB1]], &text(2)), T0 + 4),
        // A direct path and a trace say who shall pass it on.
        heard(&o, &frame(DIRECT, GROUP_TEXT, &[&[0xA1], &[0xC1]], &text(3)), T0 + 5),
        heard(&o, &frame(DIRECT, TRACE, &[&[0xA1]], &[1, 1, 1, 1, 2, 2, 2, 2, 0, 0xA1, 0xC1]), T0 + 6),
        // Nobody is its own neighbour.
        heard(&w, &frame(FLOOD, ADVERT, &[], &advert(&watcher, 2, "n", None)), T0 + 7),
        // A zero-hop advert is heard by those in range.
        heard(&o, &frame(DIRECT, ADVERT, &[], &advert(&c, 2, "n", None)), T0 + 8),
    ];
    writer.batch(&history).unwrap();
    run(&place, &mut writer, Job::Neighbours, T0 + 60);
    let pair = |x: &str, y: &str| if x < y { format!("{x}|{y}") } else { format!("{y}|{x}") };
    let (a, b, c, w) = (key_hex(&a), key_hex(&b), key_hex(&c), w.to_lowercase());
    let mut expected = vec![
        format!("{}|1|{}", pair(&a, &w), rfc3339(T0 + 1)),
        format!("{}|1|{}", pair(&b, &a), rfc3339(T0 + 2)),
        format!("{}|1|{}", pair(&c, &w), rfc3339(T0 + 2)),
        format!("{}|1|{}", pair(&a, &o), rfc3339(T0 + 3)),
        format!("{}|1|{}", pair(&c, &o), rfc3339(T0 + 8)),
    ];
    expected.sort();
    let edges = || place.rows("SELECT node_a, node_b, count, last_seen FROM neighbor_edges ORDER BY 1, 2");
    assert_eq!(edges(), expected);
    assert_eq!(run(&place, &mut writer, Job::Neighbours, T0 + 120), 0);
    assert_eq!(edges(), expected, "the second run adds nothing");

    // A row that comes late, with an older time, is counted; the edge's time stays.
    writer.batch(&[heard(&w, &frame(FLOOD, GROUP_TEXT, &[&[0xC1]], &text(9)), T0 - 5)]).unwrap();
    run(&place, &mut writer, Job::Neighbours, T0 + 180);
    expected.retain(|e| !e.starts_with(&pair(&c, &w)));
    expected.push(format!("{}|2|{}", pair(&c, &w), rfc3339(T0 + 2)));
    expected.sort();
    assert_eq!(edges(), expected);
}

#[test]
fn rows_without_an_edge_do_not_stop_the_builder() {
    let place = Place::new();
    let mut writer = place.writer();
    let (relay, watcher) = (node(0xA1, 1), node(0xD1, 5));
    writer.batch(&[heard("x", &frame(FLOOD, ADVERT, &[&[1]], &advert(&relay, 1, "n", None)), T0)]).unwrap();
    run(&place, &mut writer, Job::Neighbours, T0);
    for chunk in 0..5 {
        let dull: Vec<_> = (0..1000)
            .map(|n| heard("x", &frame(FLOOD, GROUP_TEXT, &[&[0x55]], &text(chunk * 1000 + n)), T0))
            .collect();
        writer.batch(&dull).unwrap();
    }
    let good = frame(FLOOD, GROUP_TEXT, &[&[0xA1]], &text(999_999));
    writer.batch(&[heard(&key_hex(&watcher), &good, T0)]).unwrap();
    run(&place, &mut writer, Job::Neighbours, T0 + 60);
    assert_eq!(place.one::<i64>("SELECT count(*) FROM neighbor_edges"), 1);
}

#[test]
fn paths_are_resolved_with_the_edges_of_the_builder() {
    let place = Place::new();
    let mut writer = place.writer();
    let (sender, near, far) = (node(0x11, 1), node(0xB1, 2), node(0xB1, 3));
    for pair in [&sender, &near, &far] {
        writer.batch(&[heard("x", &frame(FLOOD, ADVERT, &[&[1]], &advert(pair, 1, "n", None)), T0)]).unwrap();
    }
    run(&place, &mut writer, Job::Neighbours, T0);
    // The near one hears the sender itself.
    writer
        .batch(&[heard(&key_hex(&near), &frame(FLOOD, ADVERT, &[], &advert(&sender, 2, "n", None)), T0 + 1)])
        .unwrap();
    run(&place, &mut writer, Job::Neighbours, T0 + 60);
    writer
        .batch(&[heard("x", &frame(FLOOD, ADVERT, &[&[0xB1]], &advert(&sender, 3, "n", None)), T0 + 61)])
        .unwrap();
    assert_eq!(
        place.one::<String>("SELECT resolved_path FROM observations ORDER BY id DESC LIMIT 1"),
        format!("[\"{}\"]", key_hex(&near))
    );
}

#[test]
fn old_nodes_move_out_and_relays_stay() {
    let place = Place::new();
    let mut writer = place.writer();
    let (old, relay) = (node(0x11, 1), node(0xA1, 2));
    for pair in [&old, &relay] {
        writer.batch(&[heard("x", &frame(FLOOD, ADVERT, &[], &advert(pair, 1, "n", None)), T0)]).unwrap();
    }
    writer.batch(&[heard("x", &frame(FLOOD, GROUP_TEXT, &[&[0xA1]], &text(1)), T0 + 6 * DAY)]).unwrap();
    assert_eq!(run(&place, &mut writer, Job::PruneNodes, T0 + 8 * DAY), 1);
    assert_eq!(place.rows("SELECT public_key FROM nodes"), [key_hex(&relay)]);
    assert_eq!(
        place.rows("SELECT public_key, first_seen, advert_count FROM inactive_nodes"),
        [format!("{}|{}|1", key_hex(&old), rfc3339(T0))]
    );
    writer
        .batch(&[heard("x", &frame(FLOOD, ADVERT, &[], &advert(&old, 2, "n", None)), T0 + 9 * DAY)])
        .unwrap();
    assert_eq!(place.one::<i64>("SELECT count(*) FROM inactive_nodes"), 0);
    assert_eq!(
        place.rows(&format!(
            "SELECT first_seen, advert_count FROM nodes WHERE public_key = '{}'",
            key_hex(&old)
        )),
        [format!("{}|2", rfc3339(T0))]
    );
}

#[test]
fn silent_observers_become_inactive_and_return_with_their_next_message() {
    let place = Place::new();
    let mut writer = place.writer();
    writer.batch(&[heard("A1", &frame(FLOOD, GROUP_TEXT, &[], &text(1)), T0)]).unwrap();
    place
        .sql()
        .execute(
            "INSERT INTO observer_metrics(observer_id, timestamp) VALUES ('A1', '2026-05-28T20:25:00Z')",
            [],
        )
        .unwrap();
    assert_eq!(run(&place, &mut writer, Job::PruneObservers, T0 + 13 * DAY), 0);
    assert_eq!(
        run_with(&place, &mut writer, Job::PruneObservers, T0 + 99 * DAY, |p| p.observer_days = None),
        0
    );
    assert_eq!(
        run(&place, &mut writer, Job::PruneObservers, T0 + 15 * DAY),
        2,
        "the observer and its sample"
    );
    assert_eq!(place.one::<i64>("SELECT inactive FROM observers"), 1);
    writer.batch(&[heard("A1", &frame(FLOOD, GROUP_TEXT, &[], &text(2)), T0 + 16 * DAY)]).unwrap();
    assert_eq!(place.rows("SELECT rowid, inactive FROM observers"), ["1|0"]);
}

#[test]
fn blacklisted_observers_are_marked_whatever_their_spelling() {
    let place = Place::new();
    let mut writer = place.writer();
    writer.batch(&[heard("Ab1", &frame(FLOOD, GROUP_TEXT, &[], &text(1)), T0)]).unwrap();
    let marked =
        run_with(&place, &mut writer, Job::Blacklist, T0, |p| p.observer_blacklist = vec![" aB1 ".into()]);
    assert_eq!(marked, 1);
    assert_eq!(place.one::<i64>("SELECT inactive FROM observers"), 1);
}

#[test]
fn old_packets_go_with_their_observations_and_those_still_heard_stay() {
    let place = Place::new();
    let mut writer = place.writer();
    let packets: Vec<_> =
        (0..450).map(|n| heard("A1", &frame(FLOOD, GROUP_TEXT, &[], &text(n)), T0 + n as i64)).collect();
    writer.batch(&packets).unwrap();
    let raw = frame(FLOOD, GROUP_TEXT, &[], &text(7));
    writer.batch(&[heard("B2", &raw, T0 + 20 * DAY)]).unwrap();
    assert_eq!(run(&place, &mut writer, Job::PrunePackets, T0 + 40 * DAY), 0, "off unless asked for");
    let days = |p: &mut Plan| p.packet_days = Some(30);
    assert_eq!(run_with(&place, &mut writer, Job::PrunePackets, T0 + 40 * DAY, days), 449);
    assert_eq!(place.rows("SELECT id FROM transmissions"), ["8"]);
    assert_eq!(place.one::<i64>("SELECT count(*) FROM observations"), 2);
    assert_eq!(place.one::<i64>("SELECT count(*) FROM cs_changes WHERE kind = 'removed'"), 449);
    // A pruned packet that is heard again is a new one; ids are never given out twice.
    let again =
        writer.batch(&[heard("A1", &frame(FLOOD, GROUP_TEXT, &[], &text(3)), T0 + 41 * DAY)]).unwrap();
    assert_eq!(again.new_transmissions, 1);
    assert_eq!(place.one::<i64>("SELECT max(id) FROM transmissions"), 451);
}

#[test]
fn old_metrics_and_dropped_packets_go_to_the_second() {
    let place = Place::new();
    let mut writer = place.writer();
    let cut = T0 - 30 * DAY;
    let sql = place.sql();
    for (at, id) in [(cut - 1, 1), (cut, 2)] {
        sql.execute(
            "INSERT INTO observer_metrics(observer_id, timestamp) VALUES (?1, ?2)",
            (id, rfc3339(at)),
        )
        .unwrap();
        sql.execute(
            "INSERT INTO dropped_packets(reason, hash, dropped_at) VALUES ('x', ?1, ?2)",
            (id, corescope_core::time::sqlite_datetime(at)),
        )
        .unwrap();
        sql.execute(
            "INSERT INTO cs_ledger VALUES (?1, 3600, 's', ?2, 1, 1, 0, 0, 0, NULL)",
            (at, id.to_string()),
        )
        .unwrap();
        sql.execute(
            "INSERT INTO cs_completeness(hour, observer, received, basis) VALUES (?1, ?2, 1, 'none')",
            (at, id.to_string()),
        )
        .unwrap();
        sql.execute("INSERT INTO cs_outages VALUES (?2, ?1 - 9, ?1, 0)", (at, id.to_string())).unwrap();
    }
    assert_eq!(run(&place, &mut writer, Job::PruneMetrics, T0), 5);
    for (table, column) in [
        ("observer_metrics", "observer_id"),
        ("dropped_packets", "hash"),
        ("cs_ledger", "observer"),
        ("cs_completeness", "observer"),
        ("cs_outages", "source"),
    ] {
        assert_eq!(place.rows(&format!("SELECT {column} FROM {table}")), ["2"], "{table}");
    }
}

#[test]
fn old_receptions_and_edges_go() {
    let place = Place::new();
    let mut writer = place.writer();
    let sql = place.sql();
    for (n, at) in [(1, T0 - 31 * DAY), (2, T0)] {
        sql.execute(
            "INSERT INTO client_receptions(rx_pubkey, heard_key, heard_keylen, lat, lon, rx_at, ingested_at, src)
             VALUES ('aa', ?1, 2, 1, 1, ?2, ?2, 'rxlog')",
            (n, rfc3339(at)),
        )
        .unwrap();
        sql.execute("INSERT INTO client_observers VALUES (?1, 'x', ?2)", (n, rfc3339(at))).unwrap();
        sql.execute("INSERT INTO neighbor_edges VALUES (?1, 'zz', 1, ?2)", (n, rfc3339(at))).unwrap();
    }
    let days = |p: &mut Plan| p.client_rx_days = Some(30);
    assert_eq!(run_with(&place, &mut writer, Job::PruneReceptions, T0, days), 2);
    assert_eq!(run(&place, &mut writer, Job::PruneEdges, T0), 1);
    assert_eq!(place.rows("SELECT heard_key FROM client_receptions"), ["2"]);
    assert_eq!(place.rows("SELECT pubkey FROM client_observers"), ["2"]);
    assert_eq!(place.rows("SELECT node_a FROM neighbor_edges"), ["2"]);
}

#[test]
fn folding_the_ledger_keeps_every_sum() {
    let place = Place::new();
    let mut writer = place.writer();
    for minute in 0..200 {
        let at = T0 - 4 * DAY + minute * 60;
        let raw = frame(FLOOD, GROUP_TEXT, &[], &text(minute as u64 / 2));
        let id = format!("O{}", minute % 3);
        writer.batch(&[heard(&id, &raw, at), heard(&id, "15", at)]).unwrap();
    }
    let sums = || {
        place.rows("SELECT observer, sum(received), sum(stored), sum(duplicate), sum(rejected) FROM cs_ledger GROUP BY observer")
    };
    let before = sums();
    let lines = place.one::<i64>("SELECT count(*) FROM cs_ledger");
    run(&place, &mut writer, Job::FoldLedger, T0);
    assert_eq!(sums(), before);
    assert!(place.one::<i64>("SELECT count(*) FROM cs_ledger") < lines / 10);
    assert_eq!(place.one::<i64>("SELECT count(*) FROM cs_ledger WHERE span = 60"), 0);
    assert_eq!(
        place.one::<i64>("SELECT sum(json_extract(detail, '$.short')) FROM cs_ledger"),
        place.one::<i64>("SELECT sum(rejected) FROM cs_ledger")
    );
    run(&place, &mut writer, Job::FoldLedger, T0);
    assert_eq!(sums(), before, "folding twice changes nothing");
}

#[test]
fn a_key_that_is_learned_later_opens_what_is_stored() {
    let place = Place::new();
    let key = ChannelKey::from_hashtag("#test");
    let plain = [&1_780_000_000_u32.to_le_bytes()[..], &[0], b"Alice: hello"].concat();
    let sealed = key.seal(&plain);
    let raw = frame(FLOOD, GROUP_TEXT, &[], &[&[key.hash()][..], &sealed].concat());
    let mut writer = place.writer();
    writer
        .batch(&[heard("A1", &raw, T0), heard("A1", &frame(FLOOD, GROUP_TEXT, &[], &text(1)), T0)])
        .unwrap();
    assert!(place.one::<String>("SELECT channel_hash FROM transmissions").starts_with("enc_"));
    assert_eq!(run(&place, &mut writer, Job::Redecrypt, T0), 0, "nothing is opened without a key");
    let mut rules = writer.rules().clone();
    let mut ring = KeyRing::new();
    ring.insert_hashtag("#test");
    rules.channel_keys = Arc::new(ring);
    writer.set_rules(rules);
    assert_eq!(run(&place, &mut writer, Job::Redecrypt, T0), 1);
    assert_eq!(place.one::<String>("SELECT channel_hash FROM transmissions WHERE id = 1"), "#test");
    let json: String = place.one("SELECT decoded_json FROM transmissions WHERE id = 1");
    assert!(json.contains("Alice: hello"), "{json}");
    assert_eq!(place.rows("SELECT id FROM cs_changes WHERE kind = 'transmission'"), ["1"]);
    assert_eq!(run(&place, &mut writer, Job::Redecrypt, T0), 0);
    // The same message heard again, and another on the channel, are open at once.
    writer.batch(&[heard("B2", &raw, T0 + 1)]).unwrap();
    assert_eq!(place.one::<i64>("SELECT count(*) FROM observations WHERE transmission_id = 1"), 2);
}

#[test]
fn nodes_of_a_prune_request_are_deleted_and_the_result_is_left() {
    let place = Place::new();
    let mut writer = place.writer();
    let pair = node(0x11, 1);
    writer.batch(&[heard("x", &frame(FLOOD, ADVERT, &[], &advert(&pair, 1, "n", None)), T0)]).unwrap();
    let folder = place.dir.path().join("prune-requests");
    std::fs::create_dir(&folder).unwrap();
    let request = format!(
        r#"{{"id":"0123456789abcdef","requestedAt":"2026-05-28T20:00:00Z","reason":"geo","pubkeys":["{}","ffff"]}}"#,
        key_hex(&pair).to_uppercase()
    );
    std::fs::write(folder.join("request-0123456789abcdef.json"), request).unwrap();
    std::fs::write(folder.join("request-aa.json"), r#"{"id":"../../etc/x","pubkeys":[]}"#).unwrap();
    std::fs::write(folder.join("request-bb.json"), "not json").unwrap();
    std::fs::write(folder.join("result-cc.json"), r#"{"id":"cc","completedAt":"2026-05-01T00:00:00Z"}"#)
        .unwrap();
    std::fs::write(folder.join("result-dd.json"), r#"{"id":"dd","completedAt":"2026-05-28T00:00:00Z"}"#)
        .unwrap();
    assert_eq!(run(&place, &mut writer, Job::PruneRequests, T0), 1);
    let mut left: Vec<_> =
        std::fs::read_dir(&folder).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
    left.sort();
    assert_eq!(left, ["result-0123456789abcdef.json", "result-dd.json"]);
    let result: serde_json::Value =
        serde_json::from_slice(&std::fs::read(folder.join("result-0123456789abcdef.json")).unwrap()).unwrap();
    assert_eq!(result["deleted"], 1);
    assert_eq!(result["completedAt"], rfc3339(T0));
    assert_eq!(place.one::<i64>("SELECT count(*) FROM nodes"), 0);
}

#[test]
fn findings_about_multi_byte_paths_are_taken_over_once() {
    let place = Place::new();
    let mut writer = place.writer();
    let (a, b) = (node(0x11, 1), node(0x22, 2));
    for pair in [&a, &b] {
        writer.batch(&[heard("x", &frame(FLOOD, ADVERT, &[], &advert(pair, 1, "n", None)), T0)]).unwrap();
    }
    let folder = place.dir.path().join("mbcap-snapshot");
    std::fs::create_dir(&folder).unwrap();
    let snapshot = |status: &str| {
        let text = format!(
            r#"{{"writtenAt":"x","entries":[{{"public_key":"{}","status":"{status}","evidence":"path"}},
                {{"public_key":"{}","status":"unknown","evidence":""}}]}}"#,
            key_hex(&a).to_uppercase(),
            key_hex(&b)
        );
        std::fs::write(folder.join("snapshot.json"), text).unwrap();
    };
    snapshot("confirmed");
    assert_eq!(run(&place, &mut writer, Job::Multibyte, T0), 1);
    assert_eq!(run(&place, &mut writer, Job::Multibyte, T0), 0);
    let found = || place.rows("SELECT multibyte_sup, multibyte_evidence FROM nodes ORDER BY public_key");
    assert_eq!(found(), ["2|path", "0|NULL"]);
    std::fs::write(folder.join("snapshot.json"), "{").unwrap();
    assert_eq!(run(&place, &mut writer, Job::Multibyte, T0), 0, "a damaged file changes nothing");
    assert_eq!(found(), ["2|path", "0|NULL"]);
}

#[test]
fn a_request_for_a_job_is_answered() {
    let place = Place::new();
    let mut writer = place.writer();
    let plan = Plan::in_folder(place.dir.path());
    let folder = plan.maintain_requests.clone();
    let mut jobs = Jobs::new(plan, clocks(T0));
    ask(&folder, Job::Redecrypt, "0123456789abcdef", T0).unwrap();
    std::fs::write(folder.join("request-ff.json"), r#"{"id":"ff","requestedAt":"","job":"explode"}"#)
        .unwrap();
    for _ in 0..10_000 {
        if jobs.run_due(&mut writer, clocks(T0)) != Next::Now {
            break;
        }
    }
    let answer = read_answer(&folder, "0123456789abcdef").unwrap();
    assert_eq!((answer.job.as_str(), answer.error), ("redecrypt", None));
    assert_eq!(read_answer(&folder, "ff").unwrap().error.as_deref(), Some("no job \"explode\""));
    assert_eq!(read_answer(&folder, "0123456789abcdef"), None, "an answer is read once");
}

#[test]
fn due_jobs_run_in_small_steps_and_leave_their_status() {
    let place = Place::new();
    let mut writer = place.writer();
    let packets: Vec<_> =
        (0..900).map(|n| heard("A1", &frame(FLOOD, GROUP_TEXT, &[], &text(n)), T0 - 60 * DAY)).collect();
    writer.batch(&packets).unwrap();
    let mut plan = Plan::in_folder(place.dir.path());
    plan.packet_days = Some(30);
    let mut jobs = Jobs::new(plan, clocks(T0));
    let steps = run_for(&mut jobs, &mut writer, clocks(T0), 700);
    assert!(steps < 1_000, "it does not come to rest: {steps}");
    assert!(jobs.status()[&Job::Neighbours].runs >= 11);
    assert_eq!(jobs.status()[&Job::PrunePackets].rows, 900);
    assert!(jobs.status().contains_key(&Job::Vacuum), "asked for after rows were deleted");
    assert_eq!(place.one::<i64>("SELECT rows FROM cs_jobs WHERE name = 'prune-packets'"), 900);
    assert_eq!(place.one::<i64>("SELECT count(*) FROM cs_jobs WHERE error IS NOT NULL"), 0);
    assert_eq!(place.one::<i64>("SELECT count(*) FROM transmissions"), 0);
    assert!(place.one::<i64>("SELECT count(*) FROM _migrations WHERE name = 'from_pubkey_v1'") == 1);
}

/// Lets the jobs run for so many seconds; how many steps they made.
fn run_for(jobs: &mut Jobs, writer: &mut Writer, from: Now, seconds: i64) -> usize {
    let (mut steps, mut now) = (0, from);
    while now.steady < from.steady + seconds {
        match jobs.run_due(writer, now) {
            Next::Now => steps += 1,
            Next::At(at) => {
                assert_eq!(at, now.steady + 1, "requests are looked for every second");
                now = now.later(1);
            }
        }
        assert!(steps < 100_000, "the jobs run wild");
    }
    steps
}

#[test]
fn a_clock_that_jumps_neither_stops_the_jobs_nor_drives_them_nor_makes_anything_old() {
    let place = Place::new();
    let mut writer = place.writer();
    let packet = |n: u64, at: i64| heard("A1", &frame(FLOOD, GROUP_TEXT, &[&[0xA1]], &text(n)), at);
    let relay = node(0xA1, 1);
    writer.batch(&[heard("A1", &frame(FLOOD, ADVERT, &[], &advert(&relay, 1, "n", None)), T0)]).unwrap();
    writer.batch(&(0..50).map(|n| packet(n, T0 - n as i64)).collect::<Vec<_>>()).unwrap();
    let mut plan = Plan::in_folder(place.dir.path());
    plan.packet_days = Some(30);
    let mut jobs = Jobs::new(plan, clocks(T0));
    let everything = |place: &Place| {
        ["transmissions", "observations", "nodes"]
            .map(|t| place.one::<i64>(&format!("SELECT count(*) FROM {t}")))
    };
    run_for(&mut jobs, &mut writer, clocks(T0), 120);
    let stored = everything(&place);
    assert_eq!(stored, [51, 51, 1]);
    let runs = |jobs: &Jobs, job: Job| jobs.status().get(&job).map_or(0, |status| status.runs);

    // A year ahead: everything would be old. The jobs go on as before, except those that delete by age.
    let before = (runs(&jobs, Job::Neighbours), runs(&jobs, Job::PrunePackets));
    let ahead = Now { unix: T0 + 365 * DAY, steady: 120 };
    // Completeness looks at the hours in between, as after any pause, as far back as it ever does.
    let steps = run_for(&mut jobs, &mut writer, ahead, 3_500);
    assert!(steps < 5_000, "{steps}");
    let gone = runs(&jobs, Job::Neighbours) - before.0;
    assert!((57..=60).contains(&gone), "once a minute, not {gone} times");
    assert_eq!(runs(&jobs, Job::PrunePackets), before.1);
    assert_eq!(everything(&place), stored, "nothing may be called old so soon");
    writer.batch(&[packet(100, ahead.unix)]).unwrap();

    // And back again, a year behind: nothing stands still for a year.
    let before = runs(&jobs, Job::Neighbours);
    let back = Now { unix: T0 - 365 * DAY, steady: 3_620 };
    run_for(&mut jobs, &mut writer, back, 3_600);
    let gone = runs(&jobs, Job::Neighbours) - before;
    assert!((59..=61).contains(&gone), "once a minute, not {gone} times");
    writer.batch(&[packet(101, back.unix)]).unwrap();
    assert_eq!(everything(&place)[0], stored[0] + 2);

    // Right at last. After an hour old rows are old: the one that came while the clock was behind.
    let right = Now { unix: T0 + 7_200, steady: 7_220 };
    run_for(&mut jobs, &mut writer, right, DAY + 3_600);
    assert_eq!(everything(&place)[0], stored[0] + 1);
    assert_eq!(place.one::<i64>("SELECT count(*) FROM transmissions WHERE first_seen < '2026'"), 0);
}

#[test]
fn who_asks_for_pruning_gets_it_whatever_the_clock_did() {
    let place = Place::new();
    let mut writer = place.writer();
    writer.batch(&[heard("A1", &frame(FLOOD, GROUP_TEXT, &[], &text(1)), T0)]).unwrap();
    let mut plan = Plan::in_folder(place.dir.path());
    plan.packet_days = Some(30);
    let mut jobs = Jobs::new(plan, clocks(T0));
    run_for(&mut jobs, &mut writer, clocks(T0), 60);
    let ahead = Now { unix: T0 + 365 * DAY, steady: 60 };
    jobs.request(Job::PrunePackets);
    run_for(&mut jobs, &mut writer, ahead, 2);
    assert_eq!(place.one::<i64>("SELECT count(*) FROM transmissions"), 0);
}

#[test]
fn free_pages_go_back_to_the_system() {
    let place = Place::new();
    let mut writer = Writer::open(&place.db(), Options::default()).unwrap();
    let packets: Vec<_> = (0..5000)
        .map(|n| heard("A1", &frame(FLOOD, GROUP_TEXT, &[], &[&text(n)[..], &[0; 150]].concat()), T0))
        .collect();
    writer.batch(&packets).unwrap();
    run_with(&place, &mut writer, Job::PrunePackets, T0 + 40 * DAY, |p| p.packet_days = Some(30));
    let pages = place.one::<i64>("PRAGMA page_count");
    let rows = run_with(&place, &mut writer, Job::Vacuum, T0, |p| p.vacuum_pages = 100);
    assert_eq!(rows, 100);
    assert_eq!(place.one::<i64>("PRAGMA page_count"), pages - 100);
}
