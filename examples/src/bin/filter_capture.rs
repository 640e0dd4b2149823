//! Prints the messages of a capture that match an expression of the filter language.
//!
//! ```text
//! cargo run --bin filter_capture -- 'type == ADVERT && snr > 5' < capture.jsonl
//! ```

use std::io::BufRead;

use corescope_core::capture::{self, Line};
use corescope_core::filter::{self, Context, JsonFields};
use corescope_core::uplink::{self, Uplink};
use corescope_decode::crypto::KeyRing;
use corescope_decode::{Packet, compat, packet_hash};
use serde_json::json;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let expression = std::env::args().nth(1).unwrap_or_default();
    let filter = filter::parse(&expression)?;
    for warning in filter.warnings() {
        eprintln!("column {}: {}", warning.column, warning.message);
    }
    let ring = KeyRing::with_public();
    for line in std::io::stdin().lock().lines() {
        let line = line?;
        let Ok(Line::Message(recorded)) = capture::line(&line) else { continue };
        let Ok(Uplink::Packet(heard)) = uplink::parse(&recorded.topic, recorded.payload.as_bytes()) else {
            continue;
        };
        let Ok(packet) = Packet::parse(&heard.frame) else { continue };
        // The packet in the JSON of the API, which the filter language can judge as it is.
        let row = json!({
            "hash": packet_hash(&packet).to_string(), "raw_hex": heard.raw_hex,
            "payload_type": packet.payload_type().number(), "route_type": packet.route_type() as u8,
            "snr": heard.snr_db, "rssi": heard.rssi_dbm, "path_json": compat::go::path_json(&packet),
            "observer_name": heard.name, "observer_id": heard.observer, "observer_iata": heard.region,
            "timestamp": recorded.time_ms, "decoded_json": compat::go::decoded_json(&packet, Some(&ring), false).json,
        });
        if filter.matches(&JsonFields::new(&row), &Context::at(recorded.time_ms.unwrap_or_default())) {
            println!("{line}");
        }
    }
    Ok(())
}
