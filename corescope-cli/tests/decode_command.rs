//! `decode`, `crack-channel` and `bench decode` as a person or a script meets them.

#![expect(clippy::unwrap_used, reason = "a test ends at the first surprise")]

use std::io::Write;
use std::process::{Command, Output, Stdio};

use corescope_decode::ChannelKey;
use corescope_decode::PayloadType;
use corescope_decode::encode::FrameBuilder;
use corescope_decode::hex::Hex;
use corescope_decode::payload::{Group, GroupText};
use serde_json::Value;

fn run(args: &[&str], input: &str) -> Output {
    let mut child = Command::new(env!("CARGO_BIN_EXE_corescope-cli"))
        .args(args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // A child that refuses its arguments ends without reading.
    let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
    child.wait_with_output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

fn message(channel: &str, text: &str, at: u32) -> String {
    let payload = Group::seal(&ChannelKey::from_hashtag(channel), &GroupText::new(at, text));
    Hex(&FrameBuilder::flood().build(PayloadType::GroupText, &payload).unwrap()).to_string()
}

#[test]
fn a_packet_becomes_a_tree_with_byte_ranges() {
    let frame = message("#fern", "Ann: hello", 1_770_000_000);
    let plain = run(&["decode", &frame], "");
    assert_eq!(plain.status.code(), Some(0));
    let tree = text(&plain.stdout);
    assert!(tree.starts_with("GRP_TXT by FLOOD, 0 hops"), "{tree}");
    assert!(tree.contains("3-4     MAC") && !tree.contains("hello"), "{tree}");
    assert!(!tree.contains('\u{1b}'), "no colours in a pipe");
    let opened = text(&run(&["decode", "--channel", "#fern", &frame], "").stdout);
    assert!(opened.contains("decrypted with channel #fern") && opened.contains("\"Ann: hello\""), "{opened}");
    let json = run(&["decode", "--json", "--channel", "#fern", "-"], &format!("{frame}\n{frame}\n"));
    let lines: Vec<Value> =
        text(&json.stdout).lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines.len(), 2);
    assert_eq!(lines[0]["fields"][0]["name"], "header");
}

#[test]
fn what_is_no_packet_ends_with_65_and_what_is_no_option_with_64() {
    for bad in ["zz", "0A0", "15", "15c0"] {
        let output = run(&["decode", bad], "");
        assert_eq!(output.status.code(), Some(65), "{bad}");
        assert_eq!(text(&output.stderr).lines().count(), 1, "{bad}");
    }
    assert_eq!(run(&["decode"], "").status.code(), Some(64));
    assert_eq!(run(&["decode", "--key", "x", "1500"], "").status.code(), Some(64));
    assert_eq!(run(&["decode", "--jsonl", "/nowhere/at/all"], "").status.code(), Some(74));
}

#[test]
fn json_lines_are_answered_one_by_one() {
    let input =
        "{\"raw_hex\":\"0D0001020304\"}\nnot json\n\n{\"kind\":\"hex_text\",\"in\":{\"text\":\"0a\"}}\n";
    let output = run(&["decode", "--jsonl"], input);
    assert_eq!(output.status.code(), Some(0));
    let lines: Vec<Value> =
        text(&output.stdout).lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines.len(), 3);
    assert_eq!(lines[0]["kind"], "ack");
    assert!(lines[1]["error"].is_string());
    assert_eq!(lines[2]["bytes"], "0a");
}

#[test]
fn a_channel_is_found_among_words_and_weighed() {
    let folder = tempfile::tempdir().unwrap();
    let words = folder.path().join("words");
    std::fs::write(&words, "moss\n#fern\nrock\n").unwrap();
    let capture: String =
        (0..3).map(|n| message("#fern", "Ann: hello there", 1_770_000_000 + n) + "\n").collect();
    let output = run(&["crack-channel", "-", "--words", words.to_str().unwrap(), "--json"], &capture);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let lines: Vec<Value> =
        text(&output.stdout).lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!((&lines[0]["name"], &lines[0]["confirmed"]), (&"#fern".into(), &true.into()));
    assert_eq!(lines[0]["opened"], 3);
    assert_eq!(lines[1]["tried"], 3);
    let nothing = run(&["crack-channel", "-", "--up-to", "1"], &capture);
    assert_eq!(nothing.status.code(), Some(1));
    // A name whose key fits, but opens what no person wrote, as chance does.
    let noise = Group::seal(&ChannelKey::from_hashtag("#a"), &[0xF7_u8; 32].to_vec());
    let noise = Hex(&FrameBuilder::flood().build(PayloadType::GroupText, &noise).unwrap()).to_string();
    let chance = run(&["crack-channel", "-", "--up-to", "1", "--json"], &noise);
    assert_eq!(chance.status.code(), Some(1));
    let summary: Value = serde_json::from_slice(&chance.stdout).unwrap();
    assert_eq!((&summary["unreadable_hits"], &summary["tried"]), (&1.into(), &38.into()));
    assert_eq!(run(&["crack-channel", "-", "--up-to", "1"], "00\n").status.code(), Some(65));
    assert_eq!(run(&["crack-channel", "-"], "").status.code(), Some(64));
}

#[test]
fn the_bench_prints_every_figure() {
    let output = run(&["bench", "decode", "--json", "--time", "0.01"], "");
    let figures: Value = serde_json::from_slice(&output.stdout).unwrap();
    for name in [
        "frame_ns",
        "typed_ns",
        "dissect_ns",
        "hash_ns",
        "trial_key_ns",
        "trial_10000_keys_ns",
        "verify_ns",
        "packets_per_s",
        "raw_sha256_block_ns",
        "raw_aes_block_ns",
    ] {
        assert!(figures[name].as_f64().unwrap() > 0.0, "{name}");
    }
}
