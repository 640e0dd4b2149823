//! A library for machines without an operating system: no std, no allocator.

#![no_std]

use corescope_decode::Packet;

/// The payload type of a frame, 255 if it is none.
#[unsafe(no_mangle)]
pub extern "C" fn payload_type(first: u8, second: u8) -> u8 {
    let bytes = [first, second];
    match Packet::parse(&bytes) {
        Ok(packet) if packet.typed().issues.len() < 9 => packet.payload_type().number(),
        _ => 255,
    }
}

#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    loop {}
}
