//! Reads a channel: `decrypt_channel '#name' < packets.hex`, one packet a line.
//!
//! Hashtag channels have a key that follows from their name; for others give it as hex.

use std::io::{self, BufRead};

use corescope_decode::payload::GroupText;
use corescope_decode::{ChannelKey, KeyRing, Packet, Payload, hex};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut ring = KeyRing::with_public();
    for name in std::env::args().skip(1) {
        if name.starts_with('#') {
            ring.insert_hashtag(&name);
        } else {
            ring.insert("(key given)", ChannelKey::from_hex(&name)?);
        }
    }
    for line in io::stdin().lock().lines() {
        let line = line?;
        let Ok(bytes) = hex::parse(&line) else { continue };
        let Ok(packet) = Packet::parse(&bytes) else { continue };
        let Payload::GroupText(group) = packet.typed().payload else { continue };
        match ring.open(&group) {
            Ok(opened) => {
                let message = GroupText::parse(opened.plaintext.as_bytes());
                let Some((message, text)) = message.and_then(|message| Some((message, message.text()?)))
                else {
                    continue;
                };
                println!("{} [{}] {text}", message.timestamp, opened.channel.name);
            }
            Err(error) => println!("          [{:02X}] {error}", group.channel_hash),
        }
    }
    Ok(())
}
