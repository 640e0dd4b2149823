//! Watches what a companion radio hears, from a recorded serial or TCP stream:
//! `companion_stream FILE`, or standard input without one. A serial port is a file too.

use std::fs::File;
use std::io::{self, BufReader, Read};

use corescope_decode::transport::StreamDecoder;
use corescope_decode::transport::companion::Message;
use corescope_decode::{Packet, packet_hash};

fn main() -> io::Result<()> {
    let input: Box<dyn Read> = match std::env::args_os().nth(1) {
        Some(path) => Box::new(File::open(path)?),
        None => Box::new(io::stdin().lock()),
    };
    let mut decoder = StreamDecoder::new();
    for byte in BufReader::new(input).bytes() {
        let Some(frame) = decoder.push(byte?) else { continue };
        match Message::parse(frame.body) {
            Ok(Message::LogRx { snr_q, rssi, raw }) => {
                let signal = format!("{:>6} dB {rssi:>4} dBm", f64::from(snr_q) / 4.0);
                match Packet::parse(raw) {
                    Ok(packet) => println!(
                        "{signal}  {} {:<10} {:<15} {} hops",
                        packet_hash(&packet),
                        packet.payload_type().name(),
                        packet.route_type().name(),
                        packet.path().len(),
                    ),
                    // Radios log everything they hear, noise included.
                    Err(error) => println!("{signal}  {error}"),
                }
            }
            Ok(message) => println!("message {:#04x}", message.code()),
            Err(error) => eprintln!("{error}"),
        }
    }
    if decoder.skipped() > 0 {
        eprintln!("{} bytes belonged to no message", decoder.skipped());
    }
    Ok(())
}
