//! Replays the fuzzer's seeds and every past crash through the functions of the fuzz targets, on
//! stable and without a fuzzer.

#![expect(clippy::unwrap_used, reason = "a test ends at the first surprise")]

use std::path::{Path, PathBuf};

use serde_json::Value;

#[path = "../../fuzz/src/lib.rs"]
mod targets;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}

#[test]
fn seeds_and_past_crashes_are_taken() {
    for (name, target) in targets::TARGETS {
        let fuzz = root().join("fuzz");
        assert!(fuzz.join("fuzz_targets").join(format!("{name}.rs")).is_file(), "{name} has no file");
        let seeds = files(&fuzz.join("seeds").join(name));
        assert!(seeds.len() >= 3, "{name} has {} seeds", seeds.len());
        for path in seeds.iter().chain(&files(&fuzz.join("regressions").join(name))) {
            println!("{}", path.display());
            target(&std::fs::read(path).unwrap());
        }
    }
}

#[test]
fn every_target_takes_bytes_of_every_length() {
    let mut state = 1_u32;
    for (_, target) in targets::TARGETS {
        for len in 0..300 {
            let bytes: Vec<u8> = (0..len)
                .map(|_| {
                    state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                    (state >> 24) as u8
                })
                .collect();
            target(&bytes);
        }
    }
}

/// Makes the seeds of the decoder's own vectors. Run by hand when those change.
#[test]
#[ignore = "writes the seeds"]
fn write_seeds() {
    let vectors = std::fs::read_to_string(root().join("corescope-decode/tests/data/vectors.jsonl")).unwrap();
    let put = |target: &str, name: &str, bytes: &[u8]| {
        let folder = root().join("fuzz/seeds").join(target);
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join(name), bytes).unwrap();
    };
    for line in vectors.lines() {
        let vector: Value = serde_json::from_str(line).unwrap();
        let name = vector["name"].as_str().unwrap();
        let frame = corescope_decode::hex::parse(vector["raw_hex"].as_str().unwrap()).unwrap();
        put("frame", name, &frame);
        let kind = vector["expect"]["kind"].as_str().unwrap_or_default();
        let plain = vector["expect"]["decoded"]["plaintext"].as_str();
        let plain = plain.map(|text| corescope_decode::hex::parse(text).unwrap());
        match (kind, plain) {
            ("txt_msg", Some(plain)) => put("plain_txt_msg", name, &plain),
            ("req", Some(plain)) => put("plain_req", name, &plain),
            ("path", Some(plain)) => put("plain_path", name, &[&[0x0F][..], &plain].concat()),
            _ => {}
        }
    }
    let time = [0x80, 0x0E, 0x80, 0x69];
    let timed = |rest: &[u8]| [&time[..], rest].concat();
    for (name, rest) in [("text", &b"\0Ann: hi\0\0\0"[..]), ("odd", &[8, 1, 2]), ("broken", &[0, 0xFF, 0xC3])]
    {
        put("plain_grp_txt", name, &timed(rest));
    }
    for (name, bytes) in
        [("three", &[0, 1, 3, 1, 2, 3][..]), ("none", &[0xFF, 0xFF, 0]), ("overrun", &[0, 1, 200, 1])]
    {
        put("plain_grp_data", name, bytes);
    }
    for (name, choice, rest) in [
        ("login", 0x20, &[0_u8, 0, 1, 3, 1, 2, 3, 4, 2][..]),
        ("status", 0x21, &[7; 56]),
        ("telemetry", 0x02, &[1, 116, 1, 0x9C, 1, 103, 0xFF, 0xC9, 2, 104, 0x5B]),
        ("avg", 0x03, &[0, 0, 0, 0, 1, 103, 0, 1, 0, 2, 0, 3]),
        ("avg-position", 0x03, &[0, 0, 0, 0, 1, 136, 0, 0, 0, 0, 0, 0, 0, 0, 9]),
        ("telemetry-position", 0x02, &[1, 136, 7, 0, 0, 0xF2, 0, 0, 0, 1, 0, 1, 240, 9]),
        ("neighbours-without-keys", 0x05, &[9, 0, 1, 0, 9, 0, 0, 0, 0xF0]),
        ("anon-owner", 0x08, b"\0\0\0\0Hill\nJo"),
        ("access", 0x04, &[1, 2, 3, 4, 5, 6, 3]),
        ("neighbours", 0x15, &[9, 0, 1, 0, 1, 2, 3, 4, 5, 9, 0, 0, 0, 0xF0]),
        ("owner", 0x06, b"v1.16.0\nHill\nJo"),
        ("regions", 0x07, b"\0\0\0\0*,ottawa"),
        ("basic", 0x09, &[0, 0, 0, 0, 0x83]),
    ] {
        put("plain_response", name, &[&[choice][..], &timed(rest)].concat());
    }
    for (name, choice, rest) in [
        ("login", 2, &b"hunter2\0"[..]),
        ("room", 3, b"\x01\x02\x03\x04hello\0"),
        ("regions", 2, &[1, 0x42, 1, 2, 3, 4]),
        ("bad-path", 2, &[2, 0xFF]),
        ("basic", 2, &[3, 0x02, 1, 2]),
        ("unknown", 4, &[9, 1]),
    ] {
        put("plain_anon_req", name, &[&[choice][..], &timed(rest)].concat());
    }
    for (name, choice, rest) in [
        ("ack", 0x0F, &[2_u8, 1, 2, 3, 1, 2, 3, 4, 5][..]),
        ("ack-cut-off", 0x0F, &[13, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 3, 1]),
        ("login", 0x30, &[0x41, 1, 2, 1, 1, 2, 3, 4, 0, 0, 1, 3, 1, 2, 3, 4, 2]),
        ("alone", 0x0F, &[0, 0xFF, 1, 2, 3, 4]),
    ] {
        put("plain_path", name, &[&[choice][..], rest].concat());
    }
    for (name, request, rest) in [
        ("avg", 4_u8, &[1_u8, 0, 0, 0, 0, 0, 0, 0, 0, 0][..]),
        ("telemetry", 3, &[0xFE, 0, 0, 0, 1, 2, 3, 4]),
        ("short", 6, &[0, 1]),
    ] {
        put("plain_req", name, &timed(&[&[request][..], rest].concat()));
    }
    for (name, rest) in [("signed", &b"\x0a\x01\x02\x03\x04hi"[..]), ("many-attempts", b"\x01hi\0\x05")] {
        put("plain_txt_msg", name, &timed(rest));
    }
    for (name, bytes) in [
        ("raw-data", &[0x84, 0xF8, 0x9F, 0xFF, 1, 2][..]),
        ("control-data", &[0x8E, 0xF8, 0x9F, 0, 0x80, 4, 1, 2, 3, 4]),
        ("long-length", b">\xff\xff>\x01\x00a"),
        ("log", &b">\x05\x00\x88\xf9\x9b\x15\x00"[..]),
        ("noise", b"xx<\x03\x00A\x01\x15"),
        ("trace", &[0x89, 0, 4, 1, 7, 0, 0, 0, 8, 0, 0, 0, 0xAA, 0xBB, 0xCC, 0xDD, 0x14, 0xF0, 0x0C]),
    ] {
        put("companion", name, bytes);
    }
    for (name, bytes) in [
        ("data", &[0xC0, 0, 0x15, 0, 0xDB, 0xDC, 0xC0][..]),
        ("meta", &[0xC0, 6, 0xF9, 0xF8, 0x9C, 0xC0]),
        ("escapes", &[0xC0, 0, 0xDB, 1, 0xDB, 0xDD, 0xC0, 0xC0]),
    ] {
        put("kiss", name, bytes);
    }
    for (name, text) in [
        (
            "channel",
            "meshcore://channel/add?name=Team+A&secret=8b3387e9c5cdea6ac9e5edbaa115cd72&region_scope=%23on",
        ),
        (
            "contact",
            "meshcore://contact/add?name=Jo&public_key=9cd8fcf22a47333b591d96a2b848b73f457b1bb1a3ea2453a885f9e5787765b1&type=1",
        ),
        ("card", "meshcore://1200A88D"),
    ] {
        put("uri", name, text.as_bytes());
    }
    for (name, text) in [
        (
            "packet",
            "meshcore/SJC/7E76/packets\n{\"origin\":\"Hill\",\"raw\":\"1505AABB\",\"SNR\":\"-3\",\"RSSI\":-97}",
        ),
        (
            "status",
            "meshcore/SJC/7E76/status\n{\"status\":\"online\",\"origin\":\"Hill\",\"stats\":{\"battery_mv\":4100}}",
        ),
        ("not-json", "meshcore/SJC/7E76/packets\nhello"),
        ("deep", "meshcore/a/b/packets\n[[[[[[[[[[{}]]]]]]]]]]"),
        ("mobile", "meshcore/client/7e76/packets\n{\"raw\":\"1505AABB\",\"lat\":\"51.5\",\"lon\":3}"),
        ("channel-text", "meshcore/message/channel/0\n{\"text\":\"Ann: hi\",\"sender_timestamp\":1}"),
        ("direct-text", "meshcore/message/direct/a1b2\n{\"text\":\"hi\",\"pubkey_prefix\":\"a1b2\"}"),
        ("node", "meshcore/advertisement\n{\"pubkey\":\"A1B2\",\"name\":\"Hill\",\"role\":\"Repeater\"}"),
    ] {
        put("uplink_json", name, text.as_bytes());
    }
    for (name, text) in [
        ("simple", "payload_type == ADVERT"),
        ("both", "snr > -5 && (hops <= 3 || observer contains \"hill\")"),
        ("broken", "payload_typ == \"x"),
        ("not", "!(type == ADVERT)"),
    ] {
        put("filter_language", name, text.as_bytes());
    }
}
