//! Each decoder example, as a reader would start it.

#![expect(clippy::unwrap_used, reason = "a test ends at the first surprise")]

use std::io::Write;
use std::process::{Command, Output, Stdio};

use corescope_decode::encode::FrameBuilder;
use corescope_decode::hex::Hex;
use corescope_decode::payload::{Ack, Group, GroupText};
use corescope_decode::{ChannelKey, PayloadType};

fn run(program: &str, args: &[&str], input: &[u8]) -> Output {
    let mut child = Command::new(program)
        .args(args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // One that reads no input may have ended already.
    let _ = child.stdin.take().unwrap().write_all(input);
    child.wait_with_output().unwrap()
}

fn stdout(output: &Output) -> String {
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn channel_message(key: &ChannelKey, text: &str) -> Vec<u8> {
    let payload = Group::seal(key, &GroupText::new(1_770_000_000, text));
    FrameBuilder::flood().build(PayloadType::GroupText, &payload).unwrap()
}

#[test]
fn decode_hex_prints_the_hash_and_a_tree() {
    let program = env!("CARGO_BIN_EXE_decode_hex");
    let text = stdout(&run(program, &["0A00D69FD7A5A7475DB07337749AE61FA53A4788E976"], b""));
    assert!(text.starts_with("b1f07307cbc01ce5 TextMessage("), "{text}");
    assert!(text.contains("destination hash"), "{text}");
    assert_eq!(run(program, &["zz"], b"").status.code(), Some(65));
}

#[test]
fn companion_stream_lists_what_a_radio_hears() {
    let ack = Ack { checksum: [1, 2, 3, 4], tail: &[] };
    let frame = FrameBuilder::direct().build(PayloadType::Ack, &ack).unwrap();
    let body = [&[0x88, 0xF7, 0x9F][..], &frame].concat();
    let stream = [&b"noise>"[..], &(body.len() as u16).to_le_bytes(), &body].concat();
    let output = run(env!("CARGO_BIN_EXE_companion_stream"), &[], &stream);
    let text = stdout(&output);
    assert!(text.contains("-2.25 dB  -97 dBm") && text.contains("ACK"), "{text}");
    assert!(String::from_utf8_lossy(&output.stderr).contains("5 bytes belonged to no message"));
}

#[test]
fn decrypt_channel_reads_what_its_keys_open() {
    let (own, other) = (ChannelKey::from_hashtag("#fern"), ChannelKey::from_hashtag("#other"));
    let lines = format!(
        "{}\n{}\n",
        Hex(&channel_message(&own, "Ann: hello")),
        Hex(&channel_message(&other, "Bo: hidden"))
    );
    let text = stdout(&run(env!("CARGO_BIN_EXE_decrypt_channel"), &["#fern"], lines.as_bytes()));
    assert!(text.contains("1770000000 [#fern] Ann: hello"), "{text}");
    assert!(text.contains("no known key") && !text.contains("hidden"), "{text}");
}

#[test]
fn payload_plugin_shows_its_fields_in_the_tree() {
    let text = stdout(&run(env!("CARGO_BIN_EXE_payload_plugin"), &[], b""));
    assert!(text.contains("celsius_x100: -350"), "{text}");
    assert!(text.contains("-3.5 °C") && text.contains("\"Ridge\""), "{text}");
}

#[test]
fn build_advert_writes_what_decode_hex_reads() {
    let text = stdout(&run(env!("CARGO_BIN_EXE_build_advert"), &["Öberg", "59.3", "18.1"], b""));
    assert!(text.contains("signature true"), "{text}");
    let frame = text.lines().next().unwrap();
    let tree = stdout(&run(env!("CARGO_BIN_EXE_decode_hex"), &[frame], b""));
    assert!(tree.contains("\"Öberg\"") && tree.contains("59.3 °"), "{tree}");
}
