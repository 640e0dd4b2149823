//! `simulate` and `replay` as processes: what they send is what was recorded, at QoS 1, and they
//! wait for every acknowledgement.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::fs;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Command, Output};
use std::thread::JoinHandle;

fn run(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_corescope-cli")).args(args).output().unwrap()
}

fn succeed(args: &[&str]) -> Output {
    let output = run(args);
    assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
    output
}

/// The least that an MQTT client needs: one connection, every PUBLISH acknowledged. Gives the
/// topics and payloads when the client has gone.
fn broker() -> (String, JoinHandle<Vec<(String, String)>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("mqtt://{}", listener.local_addr().unwrap());
    let worker = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut received = Vec::new();
        while let Some((kind, body)) = packet(&mut stream) {
            match kind >> 4 {
                1 => stream.write_all(&[0x20, 2, 0, 0]).unwrap(),
                3 => {
                    assert_eq!(kind >> 1 & 3, 1, "not QoS 1");
                    let length = usize::from(body[0]) << 8 | usize::from(body[1]);
                    let (topic, rest) = body[2..].split_at(length);
                    stream.write_all(&[0x40, 2, rest[0], rest[1]]).unwrap();
                    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
                    received.push((text(topic), text(&rest[2..])));
                }
                12 => stream.write_all(&[0xD0, 0]).unwrap(),
                _ => break,
            }
        }
        received
    });
    (url, worker)
}

fn packet(stream: &mut TcpStream) -> Option<(u8, Vec<u8>)> {
    let mut byte = [0];
    stream.read_exact(&mut byte).ok()?;
    let kind = byte[0];
    let (mut length, mut shift) = (0, 0);
    loop {
        stream.read_exact(&mut byte).ok()?;
        length |= usize::from(byte[0] & 127) << shift;
        shift += 7;
        if byte[0] & 128 == 0 {
            break;
        }
    }
    let mut body = vec![0; length];
    stream.read_exact(&mut body).ok()?;
    Some((kind, body))
}

fn topics_of(capture: &str) -> Vec<String> {
    capture
        .lines()
        .map(|line| {
            serde_json::from_str::<serde_json::Value>(line).unwrap()["topic"].as_str().unwrap().to_owned()
        })
        .collect()
}

#[test]
fn a_capture_is_published_as_it_was_recorded() {
    let folder = tempfile::tempdir().unwrap();
    let capture = folder.path().join("c.jsonl");
    let file = capture.to_str().unwrap();
    succeed(&["simulate", "--count", "300", "--out", file]);
    let (url, worker) = broker();
    let output = succeed(&["replay", file, "--mqtt", &url, "--speed", "0"]);
    let received = worker.join().unwrap();
    let text = fs::read_to_string(&capture).unwrap();
    assert_eq!(received.iter().map(|(topic, _)| topic.clone()).collect::<Vec<_>>(), topics_of(&text));
    for (line, (_, payload)) in text.lines().zip(&received) {
        assert!(line.ends_with(&format!("\"payload\":{payload}}}")), "{line}");
    }
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(told.contains("300 messages sent, 300 confirmed"), "{told}");
}

#[test]
fn the_simulator_publishes_at_qos_1() {
    let (url, worker) = broker();
    succeed(&["simulate", "--count", "120", "--fast", "--mqtt", &url]);
    assert_eq!(worker.join().unwrap().len(), 120);
}

#[test]
fn a_database_becomes_a_capture_that_says_the_same() {
    let fixture = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/fixtures/mesh-sample.db");
    if !fixture.exists() {
        println!("skipped: {} is not there", fixture.display());
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let capture = folder.path().join("c.jsonl");
    let file = capture.to_str().unwrap();
    succeed(&["replay", fixture.to_str().unwrap(), "--out", file]);
    let text = fs::read_to_string(&capture).unwrap();
    assert_eq!(text.lines().count(), 251);
    let times: Vec<String> = text.lines().map(|line| line[..40].to_owned()).collect();
    assert!(times.is_sorted());
    let report: serde_json::Value =
        serde_json::from_slice(&succeed(&["analyze", "--json", file]).stdout).unwrap();
    // Rows under hashes of old rules can be one packet; the damaged frame is none.
    assert!(report["transmissions"].as_u64().unwrap() >= 245, "{}", report["transmissions"]);
    let few = folder.path().join("few.jsonl");
    let filter = ["--filter", "type == ADVERT && iata == OAK", "--out", few.to_str().unwrap()];
    succeed(&[&["replay", fixture.to_str().unwrap()][..], &filter].concat());
    let few = topics_of(&fs::read_to_string(few).unwrap());
    assert!(
        !few.is_empty() && few.len() < 60 && few.iter().all(|topic| topic.starts_with("meshcore/OAK/")),
        "{few:?}"
    );
}

#[test]
fn a_filter_chooses_and_a_count_ends() {
    let folder = tempfile::tempdir().unwrap();
    let (all, some) = (folder.path().join("all.jsonl"), folder.path().join("some.jsonl"));
    succeed(&["simulate", "--count", "400", "--out", all.to_str().unwrap()]);
    let args = [
        "replay",
        all.to_str().unwrap(),
        "--filter",
        "type == ADVERT",
        "--count",
        "5",
        "--out",
        some.to_str().unwrap(),
    ];
    succeed(&args);
    let text = fs::read_to_string(some).unwrap();
    assert_eq!(text.lines().count(), 5);
    assert!(text.lines().all(|line| line.contains("\"packet_type\":\"4\"")));
}

#[test]
fn what_cannot_be_done_ends_with_the_right_code() {
    let folder = tempfile::tempdir().unwrap();
    let capture = folder.path().join("c.jsonl");
    fs::write(&capture, "{}\n").unwrap();
    let file = capture.to_str().unwrap();
    for (args, code) in [
        (vec!["replay", file], 64),
        (vec!["replay", file, "--mqtt", "localhost"], 64),
        (vec!["replay", "/nowhere/x", "--out", "-"], 74),
        (vec!["replay", file, "--out", "-", "--speed", "-1"], 64),
        (vec!["replay", file, "--out", "-", "--filter", "snr >"], 64),
        (vec!["simulate", "--rate", "0"], 64),
        (vec!["simulate", "--start", "noon"], 64),
        (vec!["simulate", "--preset", "village"], 64),
        (vec!["simulate", "--count", "1", "--api", "http://127.0.0.1:1"], 74),
    ] {
        let output = run(&args);
        assert_eq!(output.status.code(), Some(code), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
    }
}
