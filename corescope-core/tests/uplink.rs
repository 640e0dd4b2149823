//! What publishers send, and the table of bad input, through the public interface.

use corescope_core::uplink::{BadReason, EnvelopeStamp, Remark, Uplink, parse};
use proptest::prelude::*;

const OBSERVER: &str = "7E7662676F7F0850A8A355BAAFBFC1EB7B4174C340442D7D7161C9474A2C9400";

fn packets() -> String {
    format!("meshcore/SJC/{OBSERVER}/packets")
}

#[expect(clippy::unwrap_used, reason = "a helper of tests")]
fn packet(topic: &str, json: &str) -> corescope_core::uplink::PacketMessage<'static> {
    match parse(topic, json.as_bytes()).unwrap().into_owned() {
        Uplink::Packet(packet) => packet,
        other => panic!("{other:?}"),
    }
}

#[test]
fn meshcoretomqtt() {
    let json = format!(
        r#"{{"origin":"Hill RPT","origin_id":"{OBSERVER}","timestamp":"2026-06-06T07:52:15.414463+00:00","type":"PACKET",
        "direction":"rx","time":"07:52:14","date":"6/6/2026","len":"6","packet_type":"5","route":"F","payload_len":"4",
        "raw":"1505AABBCCDD","SNR":"-3","RSSI":"-97","score":"820","duration":null,"hash":"A1B2C3D4E5F60718"}}"#
    );
    let p = packet(&packets(), &json);
    assert_eq!(p.observer.as_deref(), Some(OBSERVER));
    assert_eq!((p.name.as_deref(), p.region.as_deref()), (Some("Hill RPT"), Some("SJC")));
    assert_eq!((p.snr_db, p.rssi_dbm, p.score), (Some(-3.0), Some(-97.0), Some(820)));
    assert_eq!(p.direction.as_deref(), Some("rx"));
    assert_eq!(p.remarks.iter().count(), 0);
}

#[test]
fn packet_capture_without_region_and_with_unknowns() {
    let json = r#"{"origin":"Cap","origin_id":"A1B2","timestamp":"2026-06-06T07:52:15.4+00:00","direction":"rx","len":"45",
        "packet_type":"4","raw":"1100","SNR":"12.5","RSSI":"Unknown","region":" sjc "}"#;
    let p = packet("meshcore/packets", json);
    assert_eq!((p.observer.as_deref(), p.region.as_deref()), (Some("A1B2"), Some("sjc")));
    assert_eq!((p.snr_db, p.rssi_dbm), (Some(12.5), None));
    assert!(p.remarks.has(Remark::EnvelopeMismatch), "len says 45, raw has 2 bytes");
}

#[test]
fn home_assistant_device_falls_back_to_no_observer() {
    let p = packet("meshcore/SJC/DEVICE/packets", r#"{"origin_id":"DEVICE","raw":"1100AA"}"#);
    assert_eq!(p.observer, None);
}

#[test]
fn status_and_last_will() {
    let topic = format!("meshcore/SJC/{OBSERVER}/status");
    let json = r#"{"status":"online","timestamp":"2026-06-06T07:55:00+00:00","origin":"Hill RPT","radio":"910.525,62.5,7,5",
        "model":"unknown","firmware":"old","firmware_version":"v1.16.0","client_version":"meshcoretomqtt/1.2.0","repeat":"on",
        "stats":{"battery_mv":"4102","uptime_secs":86400,"noise_floor":-112.5,"tx_air_secs":120.6,"recv_errors":17},"packets_recv":9}"#;
    let Uplink::Status(s) = parse(&topic, json.as_bytes()).unwrap() else { panic!() };
    assert_eq!((s.model.as_deref(), s.firmware.as_deref()), (None, Some("v1.16.0")));
    assert_eq!(s.repeat, Some(true));
    assert_eq!(
        (s.stats.battery_mv, s.stats.tx_air_secs, s.stats.packets_recv),
        (Some(4102), Some(121), Some(9))
    );
    assert_eq!(s.stats.noise_floor_dbm, Some(-112.5));
    assert!(s.has_metadata() && !s.offline);
    let Uplink::Status(will) = parse(&topic, br#"{"status":"offline","origin":"Hill RPT"}"#).unwrap() else {
        panic!()
    };
    assert!(will.offline && !will.has_metadata());
}

#[test]
fn bridge_texts_in_both_shapes() {
    let flat =
        br#"{"type":"CHAN","channel_idx":0,"sender_timestamp":1780000000,"text":"Alice: hello","SNR":7.5}"#;
    let Uplink::ChannelText(t) = parse("meshcore/message/channel/3", flat).unwrap() else { panic!() };
    assert_eq!((t.channel_index, t.sender(), t.snr_db), (0, "Alice", Some(7.5)));
    let nested = br#"{"type":"CHAN","payload":{"text":"no sender"},"attributes":{}}"#;
    let Uplink::ChannelText(t) = parse("meshcore/message/channel/3", nested).unwrap() else { panic!() };
    assert_eq!((t.channel_index, t.sender(), &*t.text), (3, "", "no sender"));
    let Uplink::DirectText(t) = parse("meshcore/message/direct/a1b2c3d4e5f6", br#"{"text":"hi"}"#).unwrap()
    else {
        panic!()
    };
    assert_eq!(t.key_prefix, "a1b2c3d4e5f6");
}

#[test]
fn bridge_nodes_in_both_shapes() {
    let key = "A1".repeat(32);
    let node = |topic: &str, json: &str| {
        let json = json.replace("KEY", &key);
        let Uplink::Node(node) = parse(topic, json.as_bytes()).unwrap() else { panic!("{topic} {json}") };
        let node = node.into_owned();
        (node.key, node.name.map(std::borrow::Cow::into_owned), node.role, node.place)
    };
    let lower = key.to_lowercase();
    let named = |role, place| (lower.clone(), Some("Hill".to_owned()), role, place);
    let nowhere = (lower.clone(), None, None, None);
    for (topic, json, expected) in [
        (
            "meshcore/advertisement",
            r#"{"pubkey":"KEY","name":"Hill","lat":"51.5","lon":3,"role":"Repeater"}"#,
            named(Some("repeater"), Some((51.5, 3.0))),
        ),
        (
            "meshcore/advertisement",
            r#"{"type":"advertisement","payload":{"pub_key":"KEY","node_name":"Hill","latitude":-1,"lng":-2,"flags":146},"attributes":{}}"#,
            named(Some("repeater"), Some((-1.0, -2.0))),
        ),
        (
            "meshcore/self_info",
            r#"{"public_key":"KEY","name":"Hill","adv_type":1,"adv_lat":0.0,"adv_lon":0.0}"#,
            named(Some("companion"), None),
        ),
        ("meshcore/advertisement", r#"{"public_key":"KEY"}"#, nowhere.clone()),
        (
            "meshcore/advertisement",
            r#"{"public_key":"KEY","lat":91,"lon":1,"role":"king","name":7}"#,
            nowhere,
        ),
    ] {
        assert_eq!(node(topic, json), expected, "{json}");
    }
}

#[test]
fn mobile_reception() {
    let json = br#"{"origin":"Bike","timestamp":"2026-06-09T12:00:00Z","direction":"rx","raw":"11 00","SNR":-7,"RSSI":-92.9,
        "gps":{"lat":"51.05","lon":3.72,"acc_m":8}}"#;
    let Uplink::Reception(r) = parse("meshcore/client/A1B2/packets", json).unwrap() else { panic!() };
    assert_eq!((r.key.as_str(), r.lat, r.lon, r.accuracy_m), ("a1b2", 51.05, 3.72, Some(8.0)));
    assert_eq!((r.rssi_dbm, &*r.raw_hex), (Some(-92), "1100"));
}

/// Every row of the table of bad input that is about the message's text.
#[test]
fn bad_input_is_refused_with_its_reason() {
    let big = format!(r#"{{"raw":"1100","x":"{}"}}"#, "a".repeat(70_000));
    let topic = packets();
    let client = "meshcore/client/a1b2/packets";
    for (topic, payload, reason) in [
        (topic.as_str(), "", BadReason::Json),
        (&topic, "null", BadReason::Json),
        (&topic, "[1]", BadReason::Json),
        (&topic, "{\"raw\":\"11\"} trailing", BadReason::Json),
        (&topic, "not json", BadReason::Json),
        (&topic, &big, BadReason::Size),
        (&topic, r#"{"raw":5}"#, BadReason::RawType),
        (&topic, r#"{"raw":["11"]}"#, BadReason::RawType),
        (&topic, r"{}", BadReason::RawType),
        (&topic, r#"{"raw":"110"}"#, BadReason::Hex),
        (&topic, r#"{"raw":"zz"}"#, BadReason::Hex),
        ("some/custom/topic", r#"{"hello":1}"#, BadReason::Topic),
        (client, r#"{"raw":"1100","direction":"rx"}"#, BadReason::Gps),
        (client, r#"{"raw":"1100","direction":"rx","gps":{"lat":91,"lon":1}}"#, BadReason::Gps),
        (client, r#"{"raw":"1100","direction":"rx","gps":{"lat":0,"lon":0}}"#, BadReason::Gps),
        (client, r#"{"raw":"1100","direction":"rx","gps":null}"#, BadReason::Gps),
        (client, r#"{"raw":"1100","direction":"tx","gps":{"lat":1,"lon":1}}"#, BadReason::Direction),
        (client, r#"{"direction":"rx","gps":{"lat":1,"lon":1}}"#, BadReason::RawType),
        ("meshcore/client/xyz/packets", r#"{"raw":"1100"}"#, BadReason::Observer),
        ("meshcore/message/channel/0", r#"{"text":""}"#, BadReason::Text),
        ("meshcore/message/direct/a1b2", r#"{"payload":{"txt":"x"}}"#, BadReason::Text),
        ("meshcore/advertisement", r#"{"name":"Hill"}"#, BadReason::NodeKey),
        ("meshcore/advertisement", r#"{"public_key":"a1b2"}"#, BadReason::NodeKey),
        ("meshcore/self_info", r#"{"public_key":5}"#, BadReason::NodeKey),
    ] {
        assert_eq!(parse(topic, payload.as_bytes()).unwrap_err().reason, reason, "{topic} {payload:.60}");
    }
    assert_eq!(parse(&topic, &[b'{'; 4000]).unwrap_err().reason, BadReason::Json);
    assert_eq!(parse(&topic, "[".repeat(60_000).as_bytes()).unwrap_err().reason, BadReason::Json);
}

#[test]
fn odd_input_is_used_with_a_remark() {
    let topic = packets();
    let p = packet(
        &topic,
        r#"{"raw":"1100","raw":"1500AA","SNR":1e9,"RSSI":"NaN","score":819.6,"direction":"sideways and then some"}"#,
    );
    assert_eq!(p.frame, [0x15, 0, 0xAA], "the last of duplicate keys counts");
    assert_eq!((p.snr_db, p.rssi_dbm, p.score), (None, None, Some(820)));
    assert!(p.remarks.has(Remark::Range));
    assert_eq!(p.direction.as_deref().map(str::len), Some(16));
    assert!(packet("meshcore/SJC//packets", r#"{"raw":"1100"}"#).remarks.has(Remark::Observer));
    let long = format!(r#"{{"raw":"1100","origin":"{}\u0007"}}"#, "x".repeat(10_000));
    assert_eq!(packet(&topic, &long).name.unwrap().len(), 128);
    let spaced = packet(&topic, "{\"raw\":\"11 00\\n AA\"}");
    assert_eq!((&*spaced.raw_hex, spaced.frame.as_slice()), ("1100AA", &[0x11, 0, 0xAA][..]));
    assert_eq!(
        packet(&topic, r#"{"raw":"1100","timestamp":1781438340}"#).stamp,
        EnvelopeStamp::UnixMillis(1_781_438_340_000)
    );
    assert_eq!(
        packet("meshcore/SJC/any name/packets", r#"{"raw":"1100"}"#).observer.as_deref(),
        Some("any name")
    );
}

#[test]
fn text_that_is_not_unicode_is_replaced() {
    let topic = packets();
    let Uplink::Packet(p) = parse(&topic, b"{\"raw\":\"1100\",\"origin\":\"a\xffb\"}").unwrap() else {
        panic!()
    };
    assert_eq!(p.name.as_deref(), Some("a\u{fffd}b"));
    let Uplink::Packet(p) = parse(&topic, br#"{"raw":"1100","origin":"a\ud83d"}"#).unwrap() else { panic!() };
    assert_eq!(p.name.as_deref(), Some("a\u{fffd}"));
}

proptest! {
    #[test]
    fn nothing_panics(topic in ".{0,80}", payload in proptest::collection::vec(any::<u8>(), 0..400)) {
        let _ = parse(&topic, &payload);
    }

    #[test]
    fn json_like_text_does_not_panic(text in "[\\{\\}\\[\\]:,\"\\\\ud8a-z0-9. ]{0,200}") {
        for topic in ["meshcore/SJC/A/packets", "meshcore/SJC/A/status", "meshcore/client/aa/packets", "meshcore/message/channel/0"] {
            let _ = parse(topic, text.as_bytes());
        }
    }

    #[test]
    fn numbers_and_their_spelling_are_the_same(quarters in -256..=256i32, rssi in -200..=0i32, frame in proptest::collection::vec(any::<u8>(), 1..255)) {
        let snr = f64::from(quarters) / 4.0;
        let raw = hex::encode_upper(&frame);
        let numbers = format!(r#"{{"raw":"{raw}","SNR":{snr},"RSSI":{rssi}}}"#);
        let texts = format!(r#"{{"RSSI":"{rssi} dBm","raw":"{raw}","SNR":"{snr}"}}"#);
        let (a, b) = (packet("x/SJC/A/packets", &numbers), packet("x/SJC/A/packets", &texts));
        prop_assert_eq!(&a, &b);
        prop_assert_eq!(a.frame, frame);
    }
}
