//! What each step costs, over traffic in the proportions of a real mesh.
//!
//! `raw/…` is what to hold the others against: the limits of this machine (one SHA-256 compression,
//! one AES block), and the hash crates as they are.

use std::hint::black_box;

use aes::Aes128Dec;
use aes::cipher::{Array, BlockCipherDecrypt, KeyInit};
use corescope_decode::crypto::{sha256, verify_advert, verify_adverts};
use corescope_decode::encode::sample::traffic;
use corescope_decode::payload::Group;
use corescope_decode::{ChannelKey, Dissector, KeyRing, Packet, Payload, packet_hash};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use hmac::{Hmac, Mac};

const COUNT: usize = 1024;

fn decoding(c: &mut Criterion) {
    let frames = traffic(COUNT, 1);
    let mut group = c.benchmark_group("traffic");
    group.throughput(Throughput::Elements(COUNT as u64));
    group.bench_function("frame", |b| {
        b.iter(|| {
            for frame in &frames {
                let _ = black_box(&Packet::parse(black_box(frame)));
            }
        });
    });
    group.bench_function("frame and typed payload", |b| {
        b.iter(|| {
            for frame in &frames {
                if let Ok(packet) = Packet::parse(black_box(frame)) {
                    black_box(&packet.typed());
                }
            }
        });
    });
    let packets: Vec<Packet<'_>> = frames.iter().filter_map(|frame| Packet::parse(frame).ok()).collect();
    group.bench_function("hash", |b| {
        b.iter(|| {
            for packet in &packets {
                black_box(packet_hash(black_box(packet)));
            }
        });
    });
    let ring = KeyRing::with_public();
    group.bench_function("dissect", |b| {
        let dissector = Dissector::new().with_ring(&ring);
        b.iter(|| frames.iter().for_each(|frame| drop(black_box(dissector.dissect(black_box(frame))))));
    });
    group.bench_function("decoded_json", |b| {
        b.iter(|| {
            for packet in &packets {
                black_box(corescope_decode::compat::go::decoded_json(packet, Some(&ring), false));
            }
        });
    });
    group.finish();
}

fn keys(c: &mut Criterion) {
    let key = ChannelKey::from_hashtag("#unknown");
    let ciphertext = [0x5A; 48];
    let packet = Group { channel_hash: key.hash(), mac: [1, 2], ciphertext: &ciphertext };
    let mut group = c.benchmark_group("channel");
    group.bench_function("trial of one key, 48 bytes", |b| {
        b.iter(|| black_box(&key).open(black_box(&packet)))
    });
    let mut ring = KeyRing::new();
    for n in 0..10_000 {
        ring.insert_hashtag(&format!("#channel-{n}"));
    }
    group.bench_function("candidates among 10 000", |b| {
        b.iter(|| black_box(&ring).candidates(black_box(packet.channel_hash)).len());
    });
    group.bench_function("trial of 10 000 keys, none fits", |b| {
        b.iter(|| black_box(&ring).open(black_box(&packet)))
    });
    group.finish();
}

fn signatures(c: &mut Criterion) {
    let frames: Vec<Vec<u8>> = traffic(400, 2);
    let adverts: Vec<_> = frames
        .iter()
        .filter_map(|frame| match Packet::parse(frame).ok()?.typed().payload {
            Payload::Advert(advert) => Some(advert),
            _ => None,
        })
        .take(32)
        .collect();
    let mut group = c.benchmark_group("advert");
    group.bench_function("verify one", |b| b.iter(|| verify_advert(black_box(&adverts[0]))));
    group.throughput(Throughput::Elements(adverts.len() as u64));
    group.bench_function("verify 32 at once", |b| b.iter(|| verify_adverts(black_box(&adverts))));
    group.finish();
}

fn limits(c: &mut Criterion) {
    let mut group = c.benchmark_group("raw");
    let block = [[0x5A_u8; 64]];
    group.bench_function("SHA-256 compression", |b| {
        let mut state = [0_u32; 8];
        b.iter(|| sha2::block_api::compress256(black_box(&mut state), black_box(&block)));
    });
    let message = [7_u8; 48];
    group.bench_function("SHA-256 of 48 bytes by the sha2 crate", |b| {
        b.iter(|| sha256(&[black_box(&message)]));
    });
    group.bench_function("HMAC of 48 bytes by the hmac crate, key taken in", |b| {
        let key = Hmac::<sha2::Sha256>::new_from_slice(&[7; 32]).expect("HMAC takes keys of any length");
        b.iter(|| {
            let mut mac = black_box(&key).clone();
            mac.update(black_box(&message));
            mac.finalize()
        });
    });
    group.bench_function("AES-128 of 3 blocks", |b| {
        let aes = Aes128Dec::new(&[7; 16].into());
        let mut bytes = [9_u8; 48];
        b.iter(|| {
            let (blocks, _) = Array::slice_as_chunks_mut(black_box(&mut bytes));
            aes.decrypt_blocks(blocks);
        });
    });
    group.finish();
}

criterion_group!(benches, limits, decoding, keys, signatures);
criterion_main!(benches);
