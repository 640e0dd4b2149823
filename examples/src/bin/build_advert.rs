//! Builds and signs an advert, and reads it back: `build_advert NAME [LAT LON]`
//!
//! The key is made of a fixed seed, so that nobody takes it for a real one.

use corescope_decode::crypto::{KeyPair, verify_advert};
use corescope_decode::encode::{AdvertBuilder, FrameBuilder};
use corescope_decode::hex::Hex;
use corescope_decode::payload::{NodeType, Position};
use corescope_decode::{Packet, Payload, PayloadType};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let name = args.first().map_or("Example node", String::as_str);
    let keys = KeyPair::from_seed(b"an example seed, not for the air");
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH)?.as_secs();
    let mut advert = AdvertBuilder::new(NodeType::Chat, u32::try_from(now)?).name(name);
    if let [_, lat, lon, ..] = args.as_slice() {
        let e6 = |text: &str| text.parse::<f64>().map(|degrees| (degrees * 1e6).round() as i32);
        let position = Position { lat_e6: e6(lat)?, lon_e6: e6(lon)? };
        if !position.is_on_earth() {
            return Err("latitude is within ±90, longitude within ±180".into());
        }
        advert = advert.position(position);
    }
    let frame = FrameBuilder::flood().build(PayloadType::Advert, &advert.sign(&keys))?;
    println!("{:X}", Hex(&frame));

    let Payload::Advert(read) = Packet::parse(&frame)?.typed().payload else {
        return Err("not an advert".into());
    };
    println!("{} by {}, signature {}", name, Hex(keys.public()), verify_advert(&read));
    println!("as a business card: meshcore://{:X}", Hex(&frame));
    Ok(())
}
