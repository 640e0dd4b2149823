//! Decoding any packet to its typed payload allocates nothing: counted, not promised.

#![cfg(all(feature = "encode", feature = "signatures"))]
#![expect(unsafe_code, reason = "a global allocator cannot be written without it")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::hint::black_box;

use corescope_decode::encode::sample::traffic;
use corescope_decode::{ChannelKey, Packet, Payload, packet_hash};

struct Counting;

thread_local! {
    static ALLOCATIONS: Cell<usize> = const { Cell::new(0) };
}

// SAFETY: every call is handed to the system's allocator unchanged.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.with(|count| count.set(count.get() + 1));
        // SAFETY: the caller keeps the contract of `alloc`.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: the caller keeps the contract of `dealloc`.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn allocations(work: impl FnOnce()) -> usize {
    let before = ALLOCATIONS.with(Cell::get);
    work();
    ALLOCATIONS.with(Cell::get) - before
}

#[test]
fn the_counter_counts() {
    assert_eq!(allocations(|| drop(black_box(Box::new(7)))), 1);
}

#[test]
fn frames_payloads_hashes_and_plaintexts_need_no_heap() {
    let frames = traffic(2000, 11);
    let key = ChannelKey::from_hashtag("#test");
    let mut opened = 0;
    let count = allocations(|| {
        for frame in &frames {
            let Ok(packet) = Packet::parse(frame) else { continue };
            black_box(packet_hash(&packet));
            black_box(packet.path().hops().count());
            let typed = packet.typed();
            if let Payload::GroupText(group) = typed.payload
                && let Ok(plain) = key.open(&group)
            {
                black_box(corescope_decode::payload::GroupText::parse(plain.as_bytes()));
                opened += 1;
            }
            black_box(typed);
        }
    });
    assert_eq!(count, 0);
    assert!(opened > 20, "{opened}");
}

#[test]
fn broken_packets_need_none_either() {
    let mut frames = traffic(300, 12);
    for (number, frame) in frames.iter_mut().enumerate() {
        frame.truncate(number % 40);
        if let Some(first) = frame.first_mut() {
            *first = first.wrapping_mul(37);
        }
    }
    let count = allocations(|| {
        for frame in &frames {
            if let Ok(packet) = Packet::parse(black_box(frame)) {
                black_box(packet.typed());
            }
        }
    });
    assert_eq!(count, 0);
}
