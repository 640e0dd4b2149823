//! `bench decode`: the decoder on one core, over traffic in the proportions of a real mesh.

use std::hint::black_box;
use std::io::Write;
use std::time::Duration;

use aes::cipher::{Array, BlockCipherDecrypt, KeyInit};
use anyhow::Context;
use corescope_decode::crypto::{verify_advert, verify_adverts};
use corescope_decode::encode::sample::traffic;
use corescope_decode::payload::{Advert, Group};
use corescope_decode::{ChannelKey, Dissector, KeyRing, Packet, Payload, packet_hash};
use serde_json::{Map, Value, json};
use sha2::Digest;

use super::timing::median_ns;
use crate::{Failure, Global};

/// Decoding, hashing, trial decryption, signatures.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Print one JSON object
    #[arg(long)]
    json: bool,
    /// Seconds for each figure
    #[arg(long, value_name = "SECONDS", default_value_t = 0.5)]
    time: f64,
}

/// Frames of one batch: small enough for the cache, as live traffic is.
const BATCH: usize = 512;
/// Frames of the whole capture.
const CAPTURE: usize = 100_000;
/// Frames of it that are timed together.
const STRETCH: usize = 2_000;
/// Keys of the ring that none of fits.
const KEYS: usize = 10_000;

/// Measures and prints.
pub(super) fn run(args: Args, _global: &Global) -> Result<(), Failure> {
    let figures = measure(Duration::from_secs_f64(args.time.clamp(0.01, 60.0)));
    let mut out = std::io::stdout().lock();
    if args.json {
        writeln!(out, "{}", Value::Object(figures)).context("standard output")?;
        return Ok(());
    }
    for (name, value) in &figures {
        let Some(value) = value.as_f64() else { continue };
        let (label, number, unit) = if name == "packets_per_s" {
            ("packets", value / 1e6, "million/s")
        } else if let Some(label) = name.strip_suffix("_ns") {
            (label, value, "ns")
        } else if let Some(label) = name.strip_suffix("_gb_per_s") {
            (label, value, "GB/s")
        } else {
            (name.as_str(), value * 100.0, "%")
        };
        let label = label.replace('_', " ");
        writeln!(out, "{label:<28} {number:>12.1} {unit}").context("standard output")?;
    }
    Ok(())
}

fn measure(time: Duration) -> Map<String, Value> {
    let frames = traffic(BATCH, 1);
    let packets: Vec<Packet<'_>> = frames.iter().filter_map(|frame| Packet::parse(frame).ok()).collect();
    let mut figures = Map::new();
    let mut note = |name: &str, value: f64| {
        figures.insert(name.into(), json!((value * 1000.0).round() / 1000.0));
    };
    note(
        "frame_ns",
        median_ns(time, BATCH, || {
            for frame in &frames {
                let _ = black_box(&Packet::parse(black_box(frame)));
            }
        }),
    );
    note("typed_ns", median_ns(time, BATCH, || typed(&frames)));
    let ring = KeyRing::with_public();
    let dissector = Dissector::new().with_ring(&ring);
    note(
        "dissect_ns",
        median_ns(time, 32, || {
            for frame in frames.iter().take(32) {
                black_box(dissector.dissect(black_box(frame)));
            }
        }),
    );
    let hash = median_ns(time, BATCH, || {
        for packet in &packets {
            black_box(packet_hash(black_box(packet)));
        }
    });
    note("hash_ns", hash);
    let (limit, library) = raw_hash_ns(time, &packets);
    let compression = compression_ns(time);
    keys(time, compression, &mut note);
    verify(time, &mut note);
    let capture = traffic(CAPTURE, 3);
    // In stretches, each colder than the cache: a long one would measure who else runs here.
    let mut stretches = capture.chunks(STRETCH).cycle();
    let each = median_ns(time, STRETCH, || typed(stretches.next().unwrap_or_default()));
    note("packets_per_s", 1e9 / each);
    let bytes: usize = capture.iter().map(Vec::len).sum();
    note("capture_gb_per_s", bytes as f64 / capture.len() as f64 / each);
    note("raw_memory_gb_per_s", memory_gb_per_s(time));
    note("raw_sha256_block_ns", compression);
    note("raw_aes_block_ns", aes_block_ns(time));
    note("raw_sha256_packet_ns", limit);
    note("sha2_crate_packet_ns", library);
    note("hash_share_of_sha256", limit / hash);
    figures
}

fn typed(frames: &[Vec<u8>]) {
    for frame in frames {
        if let Ok(packet) = Packet::parse(black_box(frame)) {
            black_box(&packet.typed());
        }
    }
}

/// Trial decryption of a message of three blocks that no key fits.
fn keys(time: Duration, compression: f64, note: &mut impl FnMut(&str, f64)) {
    let ciphertext = [0x5A; 48];
    let key = ChannelKey::from_hashtag("#unknown");
    let group = Group { channel_hash: key.hash(), mac: [1, 2], ciphertext: &ciphertext };
    let trial = median_ns(time, 64, || {
        for _ in 0..64 {
            let _ = black_box(black_box(&key).open(black_box(&group)));
        }
    });
    note("trial_key_ns", trial);
    let mut ring = KeyRing::new();
    for number in 0..KEYS {
        ring.insert_hashtag(&format!("#channel-{number}"));
    }
    note(
        "candidates_ns",
        median_ns(time, 256, || {
            for hash in 0..=u8::MAX {
                black_box(black_box(&ring).candidates(black_box(hash)).len());
            }
        }),
    );
    note(
        "trial_10000_keys_ns",
        median_ns(time, 256, || {
            for channel_hash in 0..=u8::MAX {
                let _ = black_box(black_box(&ring).open(black_box(&Group { channel_hash, ..group })));
            }
        }),
    );
    // A trial of three blocks is two compressions with the key's midstates at hand.
    note("trial_share_of_sha256", 2.0 * compression / trial);
}

fn verify(time: Duration, note: &mut impl FnMut(&str, f64)) {
    let frames = traffic(BATCH, 2);
    let adverts: Vec<Advert<'_>> = frames
        .iter()
        .filter_map(|frame| match Packet::parse(frame).ok()?.typed().payload {
            Payload::Advert(advert) => Some(advert),
            _ => None,
        })
        .take(32)
        .collect();
    let Some(first) = adverts.first() else { return };
    note(
        "verify_ns",
        median_ns(time, 1, || {
            black_box(verify_advert(black_box(first)));
        }),
    );
    note(
        "verify_batch_ns",
        median_ns(time, adverts.len(), || {
            black_box(verify_adverts(black_box(&adverts)));
        }),
    );
}

/// The limit of hashing these packets, and what the sha2 crate's own hasher takes: bare compressions
/// of blocks that lie ready, as many for each packet as its hash needs; and the same bytes streamed.
fn raw_hash_ns(time: Duration, packets: &[Packet<'_>]) -> (f64, f64) {
    let ready = [[0x5A_u8; 64]; 4];
    let limit = median_ns(time, packets.len(), || {
        for packet in packets {
            let blocks = (packet.payload().len() + 1 + 9).div_ceil(64);
            let mut state = [7_u32; 8];
            sha2::block_api::compress256(&mut state, black_box(ready.get(..blocks).unwrap_or_default()));
            black_box(state);
        }
    });
    let library = median_ns(time, packets.len(), || {
        for packet in packets {
            let mut hasher = sha2::Sha256::new();
            hasher.update([packet.payload_type().number()]);
            hasher.update(black_box(packet.payload()));
            black_box(hasher.finalize());
        }
    });
    (limit, library)
}

/// The limit of going through a capture: reading more bytes than any cache holds, once.
fn memory_gb_per_s(time: Duration) -> f64 {
    let words = vec![1_u64; 16 << 20];
    let read = median_ns(time, 1, || {
        black_box(black_box(&words).iter().fold(0_u64, |sum, word| sum.wrapping_add(*word)));
    });
    size_of_val(&words[..]) as f64 / read
}

/// The limit of a trial: one compression by the instructions of this machine.
fn compression_ns(time: Duration) -> f64 {
    let block = [[0x5A_u8; 64]];
    let mut state = [0_u32; 8];
    median_ns(time, 256, || {
        for _ in 0..256 {
            sha2::block_api::compress256(black_box(&mut state), black_box(&block));
        }
    })
}

/// The limit of decryption here, in blocks of a message of three.
fn aes_block_ns(time: Duration) -> f64 {
    let aes = aes::Aes128Dec::new(&[7; 16].into());
    let mut bytes = [9_u8; 48];
    median_ns(time, 3 * 256, || {
        for _ in 0..256 {
            let (blocks, _) = Array::slice_as_chunks_mut(black_box(&mut bytes));
            aes.decrypt_blocks(blocks);
        }
    })
}
