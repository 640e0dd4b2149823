//! The index store on packets of the simulator: packing, appending, asking.

use std::hint::black_box;

use corescope_core::filter;
use corescope_core::sim::{Mesh, Preset, Traffic};
use corescope_core::time::rfc3339;
use corescope_store::memory::{Batch, Expression, ObservationRow, Order, Query, Store, TransmissionRow};
use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};

struct Packet {
    raw_hex: String,
    hash: String,
    first_seen: String,
    first_s: i64,
    route: i64,
    kind: i64,
    heard: Vec<(i64, f64, f64, [String; 2], i64, String)>,
}

fn packets(count: usize) -> Vec<Packet> {
    let mesh = Mesh::new(Preset::Town, 7);
    let traffic = Traffic::new(&mesh, 1_780_000_000_000, 500.0).reusing_floods(8);
    traffic
        .filter(|emission| !emission.receptions.is_empty())
        .take(count)
        .enumerate()
        .map(|(n, emission)| {
            let first_s = emission.time_ms / 1000;
            let heard = emission.receptions.iter().map(|r| {
                let (size, hops) =
                    r.path_field.split_first().map_or((1, &[][..]), |(l, h)| (usize::from(l >> 6) + 1, h));
                let list = |text: &dyn Fn(&[u8]) -> String| {
                    let hops: Vec<String> = hops.chunks(size).map(|h| format!("\"{}\"", text(h))).collect();
                    format!("[{}]", hops.join(","))
                };
                // The beginning of a key tells the whole of it.
                let key = |hop: &[u8]| hex::encode(hop.repeat(32)).chars().take(64).collect::<String>();
                (
                    r.observer as i64 + 1,
                    f64::from(r.snr_quarters) / 4.0,
                    f64::from(r.rssi_dbm),
                    [list(&|hop| hex::encode_upper(hop)), list(&key)],
                    first_s + i64::from(r.delay_ms / 1000),
                    hex::encode_upper(emission.frame(r)),
                )
            });
            Packet {
                raw_hex: hex::encode_upper(
                    emission.receptions.first().map(|r| emission.frame(r)).unwrap_or_default(),
                ),
                hash: format!("{:016x}", (n as u64 + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15)),
                first_seen: rfc3339(first_s),
                first_s,
                route: i64::from(emission.route_type),
                kind: i64::from(emission.payload_type),
                heard: heard.collect(),
            }
        })
        .collect()
}

/// Appends in batches of fifty transmissions, with or without paths that were resolved to keys.
fn fill(store: &Store, packets: &[Packet], resolved: bool) -> u64 {
    let (mut id, mut observation) = (0, 0);
    for some in packets.chunks(50) {
        let mut transmissions = Vec::new();
        let mut observations = Vec::new();
        for packet in some {
            id += 1;
            transmissions.push(TransmissionRow {
                id,
                raw_hex: &packet.raw_hex,
                hash: &packet.hash,
                first_seen: &packet.first_seen,
                last_seen: packet.first_s,
                route_type: Some(packet.route),
                payload_type: Some(packet.kind),
                payload_version: Some(0),
                decoded_json: Some(r#"{"type":"UNKNOWN"}"#),
                from_pubkey: None,
                channel_hash: None,
                scope_name: None,
            });
            for (observer, snr, rssi, [path, keys], timestamp, raw) in &packet.heard {
                observation += 1;
                observations.push(ObservationRow {
                    id: observation,
                    transmission_id: id,
                    observer: Some(*observer),
                    direction: Some("rx"),
                    snr: Some(*snr),
                    rssi: Some(*rssi),
                    score: None,
                    path_json: Some(path),
                    timestamp: *timestamp,
                    resolved_path: resolved.then_some(keys),
                    raw_hex: Some(raw),
                });
            }
        }
        store.append(&Batch { transmissions: &transmissions, observations: &observations });
    }
    observation as u64
}

fn memory(c: &mut Criterion) {
    let packets = packets(5000);
    let store = Store::new();
    let observations = fill(&store, &packets, false);
    store.pack();
    while store.compact() {}
    let snapshot = store.snapshot();
    let mut group = c.benchmark_group("memory");
    group.sample_size(20);
    group.throughput(Throughput::Elements(observations));
    for (name, resolved) in [("append", false), ("append_resolved", true)] {
        group.bench_function(name, |b| {
            b.iter_batched(Store::new, |store| fill(&store, &packets, resolved), BatchSize::LargeInput);
        });
    }
    group.throughput(Throughput::Elements(1));
    let hash = packets.get(1234).map(|p| p.hash.clone()).unwrap_or_default();
    group.bench_function("by_hash", |b| b.iter(|| snapshot.by_hash(black_box(&hash)).is_some()));
    group.bench_function("observation_by_id", |b| {
        b.iter(|| snapshot.observation_by_id(black_box(4321)).is_some())
    });
    let expression = |text: &str| {
        let filter = filter::parse(text).expect("an expression of this file");
        Query { filter: Some(Expression::at(filter, 0)), ..Query::default() }
    };
    for (name, query) in [
        ("latest_50", Query::default()),
        ("latest_50_grouped", Query { order: Order::Latest, ..Query::default() }),
        ("by_type", Query { payload_types: Some(vec![4]), ..Query::default() }),
        ("expression_columns", expression("type == ADVERT && snr > 5")),
        ("expression_rows", expression("path contains \"A\" && observations > 2")),
    ] {
        group.bench_function(name, |b| b.iter(|| snapshot.query(black_box(&query)).total));
    }
    group.finish();
}

criterion_group!(benches, memory);
criterion_main!(benches);
