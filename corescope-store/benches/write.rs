//! How many messages a second the writer commits, decoding and fsync included.
//!
//! `fan_out`: every transmission is heard by 24 observers; `all_new`: every message is a
//! new transmission. Each batch holds a quarter of a second at the stated goals.

#![allow(clippy::unwrap_used, missing_docs, reason = "a bench may stop here")]

use std::hint::black_box;

use corescope_store::write::{Accepted, Message, ObserverMark, Options, PacketMessage, Writer};
use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};

const BATCH: usize = 4800;

fn messages(round: u64, copies: u64) -> Vec<Accepted> {
    (0..BATCH as u64)
        .map(|n| {
            let transmission = round * BATCH as u64 + n / copies;
            let observer = n % copies;
            // Flood, group text on a channel nobody has a key for; the path differs by observer.
            let mut raw = vec![0x15, 3, (observer * 7) as u8, 0x22, observer as u8, 0xD9, 0x11, 0x22];
            for word in 0..8_u64 {
                let mixed =
                    (transmission + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15).rotate_left(word as u32 * 7);
                raw.extend_from_slice(&(mixed ^ word).to_le_bytes());
            }
            Accepted {
                source: "bench".into(),
                received_at_ms: 1_780_000_000_000 + (round as i64) * 250,
                observer: Some(ObserverMark {
                    id: format!("{observer:064X}"),
                    name: Some(format!("Observer {observer}")),
                    region: Some("SJC".to_owned()),
                    ..ObserverMark::default()
                }),
                message: Message::Packet(PacketMessage {
                    raw_hex: hex::encode_upper(&raw),
                    snr: Some(7.25),
                    rssi: Some(-92.0),
                    score: None,
                    direction: Some("rx".to_owned()),
                }),
            }
        })
        .collect()
}

fn bench(c: &mut Criterion) {
    let dir = tempfile::tempdir_in(std::env::var_os("CARGO_TARGET_TMPDIR").unwrap_or_else(|| "/tmp".into()))
        .unwrap();
    let mut group = c.benchmark_group("commit");
    group.sample_size(20).throughput(Throughput::Elements(BATCH as u64));
    for (name, copies) in [("fan_out", 24), ("all_new", 1)] {
        let mut writer = Writer::open(&dir.path().join(format!("{name}.db")), Options::default()).unwrap();
        let mut round = 0;
        group.bench_function(name, |b| {
            b.iter_batched(
                || {
                    round += 1;
                    messages(round, copies)
                },
                |batch| black_box(writer.batch(&batch).unwrap()),
                BatchSize::LargeInput,
            );
        });
        writer.close().unwrap();
    }
    group.finish();
}

criterion_group!(benches, bench);
criterion_main!(benches);
