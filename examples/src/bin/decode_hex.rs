//! Decodes packets given as hex: `decode_hex HEX…`
//!
//! Prints what each carries in one line, then all of its bytes as a tree.

use std::process::ExitCode;

use corescope_decode::{KeyRing, Packet, dissect, hex, packet_hash};

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    if args.is_empty() {
        eprintln!("usage: decode_hex HEX…");
        return ExitCode::from(64);
    }
    let ring = KeyRing::with_public();
    let mut code = ExitCode::SUCCESS;
    for text in args {
        let bytes = match hex::parse(&text) {
            Ok(bytes) => bytes,
            Err(error) => {
                eprintln!("{text}: {error}");
                code = ExitCode::from(65);
                continue;
            }
        };
        match Packet::parse(&bytes) {
            Ok(packet) => println!("{} {:?}", packet_hash(&packet), packet.typed().payload),
            Err(error) => {
                eprintln!("{text}: {error}");
                code = ExitCode::from(65);
            }
        }
        print!("{}", dissect(&bytes, &ring));
    }
    code
}
