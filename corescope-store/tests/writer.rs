//! What the writer does with messages.
#![cfg(feature = "write")]
#![allow(clippy::unwrap_used, reason = "a test may stop here")]

mod support;

use std::sync::Arc;

use corescope_core::geo::{Area, Bounds};
use corescope_decode::RegionKeys;
use corescope_store::schema::ready;
use corescope_store::write::{
    Accepted, BridgeMessage, Filtered, Foreign, Message, Options, Outcome, Reception, Refused, RefusedKind,
    Rejected, Rules, StatusMessage, WriteError, Writer,
};
use support::*;

#[test]
fn a_new_file_is_ready_and_says_so_again_when_opened_again() {
    let place = Place::new();
    place.writer().close().unwrap();
    ready(&corescope_store::db::open_read(&place.db()).unwrap()).unwrap();
    assert_eq!(place.one::<i64>("PRAGMA auto_vacuum"), 2);
    assert_eq!(place.one::<String>("PRAGMA journal_mode"), "wal");
    let before = place.rows("SELECT type, name, sql FROM sqlite_master ORDER BY name");
    place.writer().close().unwrap();
    assert_eq!(place.rows("SELECT type, name, sql FROM sqlite_master ORDER BY name"), before);
}

#[test]
fn nodes_and_inactive_nodes_have_the_same_columns_in_the_same_order() {
    let place = Place::new();
    place.writer().close().unwrap();
    let columns =
        |table| place.rows(&format!("SELECT name, type, dflt_value FROM pragma_table_info('{table}')"));
    assert_eq!(columns("nodes"), columns("inactive_nodes"));
}

#[test]
fn one_packet_heard_by_two_observers_is_one_transmission_with_two_observations() {
    let place = Place::new();
    let mut writer = place.writer();
    let raw = frame(FLOOD, GROUP_TEXT, &[], &text(1));
    let copy = frame(FLOOD, GROUP_TEXT, &[&[0xAB], &[0xCD]], &text(1));
    let report = writer.batch(&[heard("A1", &raw, T0), heard("B2", &copy, T0 + 1)]).unwrap();
    assert_eq!((report.new_transmissions, report.new_observations), (1, 2));
    assert!(matches!(report.outcomes[0], Outcome::Stored { new_transmission: true, .. }));
    assert!(matches!(report.outcomes[1], Outcome::Stored { new_transmission: false, .. }));
    writer.close().unwrap();
    assert_eq!(
        place.rows("SELECT raw_hex, first_seen, last_seen, route_type, payload_type, channel_hash, from_pubkey, scope_name FROM transmissions"),
        [format!("{raw}|2026-05-28T20:26:40Z|{}|1|5|enc_D9||NULL", T0 + 1)]
    );
    assert_eq!(
        place.rows("SELECT observer_idx, path_json, snr, rssi, timestamp, direction, raw_hex FROM observations ORDER BY id"),
        [format!("1|[]|7.5|-90|{T0}|rx|{raw}"), format!("2|[\"AB\",\"CD\"]|7.5|-90|{}|rx|{copy}", T0 + 1)]
    );
    assert_eq!(
        place.rows("SELECT id, name, iata, packet_count, first_seen, last_seen, last_packet_at, inactive FROM observers"),
        [
            "A1|Observer A1|SJC|1|2026-05-28T20:26:40Z|2026-05-28T20:26:40Z|2026-05-28T20:26:40Z|0",
            "B2|Observer B2|SJC|1|2026-05-28T20:26:41Z|2026-05-28T20:26:41Z|2026-05-28T20:26:41Z|0",
        ]
    );
}

#[test]
fn the_same_message_again_adds_nothing_and_a_fuller_one_fills_what_lacked() {
    let place = Place::new();
    let mut writer = place.writer();
    let raw = frame(FLOOD, GROUP_TEXT, &[&[0xAB]], &text(2));
    let mut bare = heard("A1", &raw, T0);
    if let Message::Packet(packet) = &mut bare.message {
        packet.snr = None;
    }
    let first = writer.batch(std::slice::from_ref(&bare)).unwrap().outcomes[0];
    let Outcome::Stored { transmission, observation, .. } = first else { panic!("{first:?}") };
    let again = Outcome::Duplicate { transmission, observation };
    assert_eq!(writer.batch(std::slice::from_ref(&bare)).unwrap().outcomes, [again]);
    assert_eq!(place.one::<i64>("SELECT count(*) FROM cs_changes WHERE kind = 'observation'"), 0);
    assert_eq!(writer.batch(&[heard("A1", &raw, T0 + 5)]).unwrap().outcomes, [again]);
    writer.close().unwrap();
    assert_eq!(place.rows("SELECT snr, timestamp FROM observations"), [format!("7.5|{T0}")]);
    assert_eq!(place.one::<i64>("SELECT last_seen FROM transmissions"), T0 + 5);
    assert_eq!(place.rows("SELECT id FROM cs_changes WHERE kind = 'observation'"), [observation.to_string()]);
}

#[test]
fn without_an_observer_the_same_message_is_still_stored_once() {
    let place = Place::new();
    let mut writer = place.writer();
    let raw = frame(FLOOD, GROUP_TEXT, &[], &text(3));
    let report = writer.batch(&[heard("", &raw, T0), heard("", &raw, T0)]).unwrap();
    assert_eq!(report.new_observations, 1);
    assert!(matches!(report.outcomes[1], Outcome::Duplicate { .. }));
}

#[test]
fn an_advert_makes_its_node_and_copies_count_once() {
    let place = Place::new();
    let mut writer = place.writer();
    let pair = node(0x11, 1);
    let raw = frame(FLOOD, ADVERT, &[], &advert(&pair, 1, "Hill", Some((51.05, 3.72))));
    writer.batch(&[heard("A1", &raw, T0), heard("B2", &raw, T0 + 1)]).unwrap();
    // An advert without name and place keeps both; one in the future of a clock that jumped goes back.
    let second = frame(FLOOD, ADVERT, &[], &advert(&pair, 2, "", None));
    writer.batch(&[heard("A1", &second, T0 + 60)]).unwrap();
    writer.close().unwrap();
    assert_eq!(
        place.rows("SELECT public_key, name, role, lat, lon, first_seen, last_seen, advert_count, foreign_advert FROM nodes"),
        [format!("{}|Hill|repeater|51.05|3.72|2026-05-28T20:26:40Z|2026-05-28T20:27:40Z|2|0", key_hex(&pair))]
    );
    assert_eq!(place.one::<String>("SELECT from_pubkey FROM transmissions LIMIT 1"), key_hex(&pair));
}

#[test]
fn last_seen_of_a_node_and_an_observer_are_right_after_closing_however_often_they_were_heard() {
    let place = Place::new();
    let mut writer = place.writer();
    let raw = frame(FLOOD, ADVERT, &[], &advert(&node(0x11, 1), 1, "Hill", None));
    for second in 0..7 {
        writer
            .batch(&[heard(&format!("A{second}"), &raw, T0 + second), heard("Z", &raw, T0 + second)])
            .unwrap();
    }
    assert_eq!(
        place.one::<i64>("SELECT packet_count FROM observers WHERE id = 'Z'"),
        1,
        "written at most every 10 s"
    );
    writer.close().unwrap();
    let last = "2026-05-28T20:26:46Z";
    assert_eq!(place.one::<String>("SELECT last_seen FROM nodes"), last);
    assert_eq!(
        place.rows("SELECT packet_count, last_seen, last_packet_at FROM observers WHERE id = 'Z'"),
        [format!("7|{last}|{last}")]
    );
}

#[test]
fn a_wrong_signature_is_filed_and_refreshes_nobody() {
    let place = Place::new();
    let mut writer = place.writer();
    let pair = node(0x11, 1);
    let mut payload = advert(&pair, 1, "Fake", None);
    *payload.last_mut().unwrap() ^= 1;
    let raw = frame(FLOOD, ADVERT, &[], &payload);
    let report = writer.batch(&[heard("A1", &raw, T0), heard("B2", &raw, T0)]).unwrap();
    assert_eq!(report.outcomes, [Outcome::Rejected(Rejected::Signature); 2]);
    assert_eq!(writer.counters().bad_signatures, 2);
    writer.close().unwrap();
    assert_eq!(
        place.rows("SELECT reason, observer_id, node_pubkey, node_name, dropped_at FROM dropped_packets ORDER BY id LIMIT 1"),
        [format!("invalid signature|A1|{}|Fakd|2026-05-28 20:26:40", key_hex(&pair))]
    );
    for table in ["nodes", "observers", "transmissions"] {
        assert_eq!(place.one::<i64>(&format!("SELECT count(*) FROM {table}")), 0, "{table}");
    }
}

fn open_with(place: &Place, change: impl FnOnce(&mut Rules)) -> Writer {
    let mut options = Options::default();
    change(&mut options.rules);
    Writer::open(&place.db(), options).unwrap()
}

#[test]
fn signatures_are_not_checked_where_the_operator_says_so() {
    let place = Place::new();
    let mut writer = open_with(&place, |rules| rules.validate_signatures = false);
    let mut payload = advert(&node(0x11, 1), 1, "Fake", None);
    payload[40] ^= 1;
    let report = writer.batch(&[heard("A1", &frame(FLOOD, ADVERT, &[], &payload), T0)]).unwrap();
    assert!(report.outcomes[0].is_stored());
}

#[test]
fn impossible_adverts_are_rejected_and_short_ones_stored_as_undecodable() {
    let place = Place::new();
    let mut writer = place.writer();
    let far = frame(FLOOD, ADVERT, &[], &advert(&node(0x11, 1), 1, "Far", Some((95.0, 3.0))));
    let short = frame(FLOOD, ADVERT, &[], &advert(&node(0x22, 1), 1, "x", None)[..60]);
    let report = writer.batch(&[heard("A1", &far, T0), heard("A1", &short, T0)]).unwrap();
    assert_eq!(report.outcomes[0], Outcome::Rejected(Rejected::CorruptAdvert));
    assert!(report.outcomes[1].is_stored());
    writer.close().unwrap();
    assert!(place.one::<String>("SELECT decoded_json FROM transmissions").contains("error"));
    assert_eq!(place.one::<i64>("SELECT count(*) FROM nodes"), 0);
}

#[test]
fn reserved_keys_are_refused_only_when_strict() {
    let reserved = frame(FLOOD, ADVERT, &[], &advert(&node(0x00, 1), 1, "Zero", None));
    let place = Place::new();
    let mut writer = place.writer();
    assert!(writer.batch(&[heard("A1", &reserved, T0)]).unwrap().outcomes[0].is_stored());
    let place = Place::new();
    let mut writer = open_with(&place, |rules| rules.strict = true);
    let report = writer.batch(&[heard("A1", &reserved, T0)]).unwrap();
    assert_eq!(report.outcomes, [Outcome::Rejected(Rejected::ReservedKey)]);
    assert_eq!(place.one::<String>("SELECT reason FROM dropped_packets"), "reserved key");
}

#[test]
fn foreign_adverts_are_flagged_or_dropped() {
    let area = Area {
        bounds: Some(Bounds { lat_min: 50.0, lat_max: 52.0, lon_min: 3.0, lon_max: 5.0 }),
        ..Area::default()
    };
    let inside = frame(FLOOD, ADVERT, &[], &advert(&node(0x11, 1), 1, "In", Some((51.0, 4.0))));
    let outside = frame(FLOOD, ADVERT, &[], &advert(&node(0x22, 1), 1, "Out", Some((40.0, 4.0))));
    let nowhere = frame(FLOOD, ADVERT, &[], &advert(&node(0x33, 1), 1, "No fix", Some((0.0, 0.0))));
    let batch = [heard("A1", &inside, T0), heard("A1", &outside, T0), heard("A1", &nowhere, T0)];
    let place = Place::new();
    let mut writer = open_with(&place, |rules| rules.geo_filter = Some(area.clone()));
    let report = writer.batch(&batch).unwrap();
    assert!(report.outcomes.iter().all(|o| o.is_stored()), "{:?}", report.outcomes);
    assert_eq!(
        place.rows("SELECT name, foreign_advert FROM nodes ORDER BY name"),
        ["In|0", "No fix|0", "Out|1"]
    );
    let place = Place::new();
    let mut writer = open_with(&place, |rules| {
        rules.geo_filter = Some(area);
        rules.foreign = Foreign::Drop;
    });
    let report = writer.batch(&batch).unwrap();
    assert_eq!(report.outcomes[1], Outcome::Filtered(Filtered::Foreign));
    assert_eq!(place.one::<i64>("SELECT count(*) FROM transmissions"), 2);
}

#[test]
fn a_node_that_was_moved_out_returns_with_its_past() {
    let place = Place::new();
    place.writer().close().unwrap();
    let pair = node(0x11, 1);
    place
        .sql()
        .execute(
            "INSERT INTO inactive_nodes(public_key, name, lat, lon, first_seen, last_seen, advert_count, multibyte_sup)
             VALUES (?1, 'Old', 1.5, 2.5, '2025-01-01T00:00:00Z', '2025-02-01T00:00:00Z', 9, 2)",
            [key_hex(&pair)],
        )
        .unwrap();
    let mut writer = place.writer();
    writer.batch(&[heard("A1", &frame(FLOOD, ADVERT, &[], &advert(&pair, 1, "", None)), T0)]).unwrap();
    assert_eq!(
        place.rows("SELECT name, lat, first_seen, last_seen, advert_count, multibyte_sup FROM nodes"),
        ["Old|1.5|2025-01-01T00:00:00Z|2026-05-28T20:26:40Z|10|2"]
    );
    assert_eq!(place.one::<i64>("SELECT count(*) FROM inactive_nodes"), 0);
}

#[test]
fn a_path_is_resolved_and_who_relays_lives() {
    let place = Place::new();
    let mut writer = place.writer();
    let (sender, relay) = (node(0x11, 1), node(0xA1, 1));
    writer
        .batch(&[
            heard("A1", &frame(FLOOD, ADVERT, &[], &advert(&sender, 1, "S", None)), T0),
            heard("A1", &frame(FLOOD, ADVERT, &[], &advert(&relay, 1, "R", None)), T0),
        ])
        .unwrap();
    let raw = frame(FLOOD, GROUP_TEXT, &[&[0xA1], &[0x77]], &text(1));
    writer.batch(&[heard("A1", &raw, T0 + 1000)]).unwrap();
    let direct = frame(DIRECT, GROUP_TEXT, &[&[0x11]], &text(2));
    writer.batch(&[heard("A1", &direct, T0 + 2000)]).unwrap();
    writer.close().unwrap();
    assert_eq!(
        place.rows("SELECT resolved_path FROM observations ORDER BY id"),
        [
            "NULL".to_owned(),
            "NULL".to_owned(),
            format!("[\"{}\",null]", key_hex(&relay)),
            format!("[\"{}\"]", key_hex(&sender))
        ]
    );
    assert_eq!(
        place.rows("SELECT name, last_seen FROM nodes ORDER BY name"),
        ["R|2026-05-28T20:43:20Z", "S|2026-05-28T20:26:40Z"],
        "a flood's path tells who has passed it on, a direct one who shall"
    );
}

#[test]
fn scopes_are_matched_with_the_configured_regions() {
    let place = Place::new();
    let mut regions = RegionKeys::new();
    regions.insert("#bay");
    let mut writer = open_with(&place, |rules| rules.regions = Arc::new(regions));
    let key = corescope_decode::RegionKey::from_name("#bay").unwrap();
    let scoped = |number: u64, code: u16| {
        let payload = text(number);
        let mut raw = vec![0x14];
        raw.extend_from_slice(&code.to_le_bytes());
        raw.extend_from_slice(&[0, 0, 0]);
        raw.extend_from_slice(&payload);
        hex::encode_upper(raw)
    };
    let fits = key.code(corescope_decode::PayloadType::GroupText, &text(1));
    let batch = [
        heard("A1", &scoped(1, fits), T0),
        heard("A1", &scoped(2, 0x1234), T0),
        heard("A1", &scoped(3, 0), T0),
    ];
    writer.batch(&batch).unwrap();
    assert_eq!(place.rows("SELECT scope_name FROM transmissions ORDER BY id"), ["#bay", "", "NULL"]);
}

fn status(id: &str, at: i64, change: impl FnOnce(&mut StatusMessage)) -> Accepted {
    let mut status = StatusMessage { status: Some("online".to_owned()), ..StatusMessage::default() };
    change(&mut status);
    Accepted {
        source: "test".into(),
        received_at_ms: at * 1000,
        observer: Some(observer(id)),
        message: Message::Status(status),
    }
}

#[test]
fn a_status_describes_its_observer_and_leaves_a_sample() {
    let place = Place::new();
    let mut writer = place.writer();
    writer
        .batch(&[
            status("A1", T0, |s| {
                s.model = Some("Heltec V3".to_owned());
                s.noise_floor = Some(-112.5);
                s.can_relay = Some(false);
                s.packets_recv = Some(7);
            }),
            status("A1", T0 + 10, |s| s.battery_mv = Some(4100)),
            status("A1", T0 + 20, |s| s.status = Some("offline".to_owned())),
        ])
        .unwrap();
    writer.close().unwrap();
    assert_eq!(
        place.rows("SELECT model, noise_floor, battery_mv, can_relay, can_relay_seen, packet_count, last_seen, last_packet_at FROM observers"),
        ["Heltec V3|-112.5|4100|0|1|2|2026-05-28T20:26:50Z|NULL"],
        "an observer's last will is no sign of life"
    );
    assert_eq!(
        place.rows("SELECT timestamp, noise_floor, battery_mv, packets_recv FROM observer_metrics"),
        ["2026-05-28T20:25:00Z|-112.5|4100|7"],
        "one slot keeps what each message of it had"
    );
    assert_eq!(
        place.rows("SELECT status, status_at FROM cs_observer_state"),
        [format!("offline|{}", T0 + 20)]
    );
}

#[test]
fn a_clock_is_believed_once_it_has_proven_good() {
    let place = Place::new();
    let mut writer = place.writer();
    let at = |second: i64, zoned: i64, number: u64| {
        let mut message = heard("A1", &frame(FLOOD, GROUP_TEXT, &[], &text(number)), T0 + second);
        message.observer.as_mut().unwrap().zoned_time_ms = Some((T0 + zoned) * 1000);
        message
    };
    writer.batch(&[at(0, -5000, 0)]).unwrap();
    assert_eq!(place.one::<i64>("SELECT count(*) FROM cs_obs_rx_at"), 0, "nothing is known of this clock");
    for n in 1..=10 {
        writer.batch(&[at(n, n, n as u64)]).unwrap();
    }
    writer.batch(&[at(20, -5000, 20)]).unwrap();
    assert_eq!(place.rows("SELECT rx_at_ms FROM cs_obs_rx_at"), [((T0 - 5000) * 1000).to_string()]);
    writer.batch(&[at(21, 5000, 21), at(22, -5000, 22)]).unwrap();
    assert_eq!(place.one::<i64>("SELECT count(*) FROM cs_obs_rx_at"), 1, "a clock from the future is not");
}

#[test]
fn a_naive_clock_is_counted_over_a_day() {
    let place = Place::new();
    let mut writer = place.writer();
    for (second, number) in [(0, 1), (60, 2), (2 * 86_400, 3)] {
        let mut message = heard("A1", &frame(FLOOD, GROUP_TEXT, &[], &text(number)), T0 + second);
        message.observer.as_mut().unwrap().naive_clock_skew_s = Some(7200);
        writer.batch(&[message]).unwrap();
        let expected = if second == 60 { 2 } else { 1 };
        assert_eq!(place.one::<i64>("SELECT clock_skew_count_24h FROM observers"), expected);
    }
    assert_eq!(place.one::<i64>("SELECT clock_skew_seconds FROM observers"), 7200);
}

#[test]
fn receptions_are_attributed_or_refused() {
    let place = Place::new();
    let mut writer = place.writer();
    let reception = |raw_hex: String, lat: f64, second: i64| Accepted {
        source: "test".into(),
        received_at_ms: T0 * 1000,
        observer: None,
        message: Message::Reception(Reception {
            receiver: "a1".repeat(32),
            receiver_name: Some("Bike".to_owned()),
            raw_hex,
            snr: Some(-7.0),
            rssi: Some(-92.9),
            lat,
            lon: 3.72,
            accuracy_m: Some(8.0),
            heard_at_ms: (T0 - 60 + second) * 1000,
        }),
    };
    let pair = node(0x11, 1);
    let batch = [
        reception(frame(FLOOD, GROUP_TEXT, &[&[1, 2], &[3, 4]], &text(1)), 51.0, 0),
        reception(frame(FLOOD, ADVERT, &[], &advert(&pair, 1, "x", None)), 51.0, 1),
        reception(frame(FLOOD, GROUP_TEXT, &[&[1], &[3]], &text(1)), 51.0, 2),
        reception(frame(DIRECT, GROUP_TEXT, &[&[1, 2]], &text(1)), 51.0, 3),
        reception(frame(FLOOD, GROUP_TEXT, &[], &text(1)), 51.0, 4),
        reception(frame(FLOOD, GROUP_TEXT, &[&[1, 2], &[3, 4]], &text(1)), 91.0, 5),
        reception(frame(FLOOD, GROUP_TEXT, &[&[1, 2], &[3, 4]], &text(1)), 51.0, 0),
    ];
    let not = Outcome::Rejected(Rejected::NotAttributable);
    assert_eq!(
        writer.batch(&batch).unwrap().outcomes,
        [
            Outcome::Noted,
            Outcome::Noted,
            not,
            not,
            not,
            Outcome::Rejected(Rejected::Position),
            Outcome::Duplicate { transmission: 0, observation: 0 }
        ]
    );
    assert_eq!(
        place.rows("SELECT heard_key, heard_keylen, rssi, rx_at, src FROM client_receptions ORDER BY id"),
        [
            "0304|2|-92|2026-05-28T20:25:40Z|rxlog".to_owned(),
            format!("{}|32|-92|2026-05-28T20:25:41Z|advert", key_hex(&pair)),
        ]
    );
    assert_eq!(place.rows("SELECT name FROM client_observers"), ["Bike"]);
    assert_eq!(place.one::<i64>("SELECT count(*) FROM transmissions"), 0, "the frame itself is not stored");
}

#[test]
fn what_nobody_signed_fills_in_and_changes_nothing() {
    let told = |name: &str, place: Option<(f64, f64)>| Accepted {
        source: "test".into(),
        received_at_ms: T0 * 1000,
        observer: None,
        message: Message::Bridge(BridgeMessage::Node {
            public_key: "AB".repeat(32),
            name: Some(name.to_owned()),
            role: Some("companion".to_owned()),
            lat: place.map(|p| p.0),
            lon: place.map(|p| p.1),
        }),
    };
    let batch = [told("Kim", None), told("Forged", Some((51.0, 3.0))), told("Forged", Some((1.0, 2.0)))];
    let node = "SELECT name, role, lat, lon FROM nodes";
    let place = Place::new();
    place.writer().batch(&batch).unwrap();
    assert_eq!(place.rows(node), ["Kim|companion|51|3"]);
    let place = Place::new();
    open_with(&place, |rules| rules.validate_signatures = false).batch(&batch).unwrap();
    assert_eq!(
        place.rows(node),
        ["Forged|companion|1|2"],
        "where signatures do not count, the last word does"
    );
    let place = Place::new();
    let mut writer = open_with(&place, |rules| {
        let bounds = Some(Bounds { lat_min: 50.0, lat_max: 52.0, lon_min: 2.0, lon_max: 4.0 });
        rules.geo_filter = Some(Area { bounds, ..Area::default() });
        rules.foreign = Foreign::Drop;
    });
    let outcomes =
        writer.batch(&[told("Far", Some((1.0, 2.0))), told("Near", Some((51.0, 3.0)))]).unwrap().outcomes;
    assert_eq!(outcomes, [Outcome::Filtered(Filtered::Foreign), Outcome::Noted]);
    assert_eq!(place.rows(node), ["Near|companion|51|3"]);
}

#[test]
fn bridge_messages_are_stored_once_and_direct_ones_only_when_asked() {
    let bridge = |message: BridgeMessage| Accepted {
        source: "test".into(),
        received_at_ms: T0 * 1000,
        observer: None,
        message: Message::Bridge(message),
    };
    let channel = bridge(BridgeMessage::Channel {
        index: 0,
        text: "Alice: hello".to_owned(),
        sender_timestamp: Some(1_779_999_999),
        snr: Some(7.5),
        rssi: None,
    });
    let direct = bridge(BridgeMessage::Direct {
        sender_prefix: "a1b2c3d4e5f6".to_owned(),
        text: "hi".to_owned(),
        sender_timestamp: None,
        snr: None,
        rssi: None,
    });
    let known = bridge(BridgeMessage::Node {
        public_key: "AB".repeat(32),
        name: Some("Kim".to_owned()),
        role: Some("companion".to_owned()),
        lat: None,
        lon: None,
    });
    let place = Place::new();
    let mut writer = place.writer();
    let report = writer.batch(&[channel.clone(), channel, direct.clone(), known]).unwrap();
    assert!(matches!(report.outcomes[0], Outcome::Stored { .. }));
    assert!(matches!(report.outcomes[1], Outcome::Duplicate { .. }));
    assert_eq!(report.outcomes[2], Outcome::Filtered(Filtered::DirectMessage));
    assert_eq!(report.outcomes[3], Outcome::Noted);
    assert_eq!(
        place.rows("SELECT raw_hex, route_type, payload_type, channel_hash, decoded_json FROM transmissions"),
        [
            r#"|1|5|ch0|{"type":"CHAN","channel":"ch0","text":"Alice: hello","sender":"Alice","sender_timestamp":1779999999}"#
        ]
    );
    assert_eq!(place.rows("SELECT observer_idx, path_json FROM observations"), ["NULL|[]"]);
    assert_eq!(place.one::<i64>("SELECT count(*) FROM observers"), 0, "a bridge is no observer");
    assert_eq!(
        place.rows("SELECT public_key, name, advert_count FROM nodes"),
        [format!("{}|Kim|0", "ab".repeat(32))]
    );
    drop(writer);
    let place = Place::new();
    let mut writer = open_with(&place, |rules| rules.store_direct = true);
    writer.batch(&[direct]).unwrap();
    assert_eq!(place.rows("SELECT payload_type, channel_hash FROM transmissions"), ["2|NULL"]);
}

#[test]
fn the_ledger_balances_and_is_committed_with_the_messages() {
    let place = Place::new();
    let mut writer = place.writer();
    let raw = frame(FLOOD, GROUP_TEXT, &[], &text(1));
    let refused = [Refused {
        source: "test".into(),
        observer: Some("A1".to_owned()),
        received_at_ms: T0 * 1000,
        kind: RefusedKind::Filtered,
        reason: "iata".into(),
        count: 3,
    }];
    let batch =
        [heard("A1", &raw, T0), heard("A1", &raw, T0), heard("A1", "15", T0), heard("A1", "zz", T0 + 60)];
    writer.batch_with(&batch, &refused).unwrap();
    writer.batch_with(&[], &refused).unwrap();
    let minute = T0.div_euclid(60) * 60;
    assert_eq!(
        place.rows("SELECT start, span, source, observer, received, stored, duplicate, filtered, rejected, detail FROM cs_ledger"),
        [
            format!("{minute}|60|test|A1|9|1|1|6|1|{{\"iata\":6,\"short\":1}}"),
            format!("{}|60|test|A1|1|0|0|0|1|{{\"hex\":1}}", minute + 60),
        ]
    );
    assert_eq!(
        place.one::<i64>("SELECT sum(received - stored - duplicate - filtered - rejected) FROM cs_ledger"),
        0
    );
}

#[test]
fn a_second_writer_is_told_who_the_first_is() {
    let place = Place::new();
    let _first = place.writer();
    let error = Writer::open(&place.db(), Options::default()).unwrap_err();
    assert!(matches!(error, WriteError::OtherWriter { pid, .. } if pid == std::process::id()), "{error}");
}

#[test]
fn one_message_that_sqlite_refuses_does_not_hold_up_the_others() {
    let place = Place::new();
    let mut writer = place.writer();
    place
        .sql()
        .execute_batch(
            "CREATE TRIGGER refuse BEFORE INSERT ON transmissions WHEN new.raw_hex LIKE '%0200000000000000%'
             BEGIN SELECT RAISE(ABORT, 'refused by a test'); END",
        )
        .unwrap();
    let batch: Vec<_> = (1..=3).map(|n| heard("A1", &frame(FLOOD, GROUP_TEXT, &[], &text(n)), T0)).collect();
    let report = writer.batch(&batch).unwrap();
    assert_eq!(report.outcomes[1], Outcome::Rejected(Rejected::Database));
    assert!(report.outcomes[0].is_stored() && report.outcomes[2].is_stored());
    assert_eq!(place.rows("SELECT received, stored, rejected FROM cs_ledger"), ["3|2|1"]);
    writer.close().unwrap();
    assert_eq!(place.rows("SELECT id, packet_count FROM observers"), ["A1|2"]);
}

#[test]
fn a_failed_batch_leaves_nothing_and_can_be_given_again() {
    let place = Place::new();
    let mut writer = place.writer();
    let sql = place.sql();
    writer.batch(&[heard("A1", &frame(FLOOD, GROUP_TEXT, &[], &text(1)), T0)]).unwrap();
    // A full disk, as SQLite sees it.
    sql.execute_batch("CREATE TABLE ballast(x)").unwrap();
    drop(sql);
    let batch: Vec<_> = (10..400)
        .map(|n| heard(&format!("B{}", n % 7), &frame(FLOOD, GROUP_TEXT, &[], &text(n)), T0 + 1))
        .collect();
    writer.limit_pages(1).unwrap();
    let error = writer.batch(&batch).unwrap_err();
    assert!(error.is_temporary(), "{error}");
    assert_eq!(place.one::<i64>("SELECT count(*) FROM observations"), 1);
    writer.limit_pages(0).unwrap();
    let report = writer.batch(&batch).unwrap();
    assert_eq!(report.new_observations, batch.len());
    writer.close().unwrap();
    assert_eq!(place.one::<i64>("SELECT sum(packet_count) FROM observers"), batch.len() as i64 + 1);
    assert_eq!(place.one::<i64>("SELECT sum(received) FROM cs_ledger"), batch.len() as i64 + 1);
}

#[test]
fn a_clock_that_jumps_back_and_forth_leaves_no_time_in_the_future() {
    let place = Place::new();
    let mut writer = place.writer();
    let raw = frame(FLOOD, ADVERT, &[], &advert(&node(0x11, 1), 1, "Hill", None));
    writer.batch(&[heard("A1", &raw, T0 + 86_400)]).unwrap();
    writer.batch(&[heard("A1", &raw, T0)]).unwrap();
    writer.close().unwrap();
    let now = "2026-05-28T20:26:40Z";
    assert_eq!(place.one::<String>("SELECT last_seen FROM nodes"), now);
    assert_eq!(place.one::<String>("SELECT last_seen FROM observers"), now);
    assert_eq!(place.one::<String>("SELECT first_seen FROM transmissions"), now);
}
