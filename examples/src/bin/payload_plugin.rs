//! A decoder of one's own: a weather station that sends its readings as a group datagram.
//!
//! The application gets its own typed value; the dissection shows the fields by name.

use corescope_decode::encode::FrameBuilder;
use corescope_decode::payload::{Group, GroupData};
use corescope_decode::plugin::{DecodedValue, Fields, PayloadDecoder, Registry, Subject};
use corescope_decode::{ChannelKey, Dissector, KeyRing, PayloadType};

/// The data type that this application uses; 0xFF00 and above are for tests.
const WEATHER: u16 = 0xFF42;

/// What the station measures.
#[derive(Debug, PartialEq)]
struct Weather {
    celsius_x100: i16,
    wind_cm_per_s: u16,
    station: String,
}

/// Reads it.
struct WeatherDecoder;

impl PayloadDecoder for WeatherDecoder {
    fn name(&self) -> &'static str {
        "weather station"
    }

    fn accepts(&self, subject: &Subject<'_>) -> bool {
        matches!(subject, Subject::GroupData { data_type: WEATHER, .. })
    }

    fn decode(&self, _: &Subject<'_>, fields: &mut Fields<'_, '_>) -> Option<Box<dyn DecodedValue>> {
        let celsius_x100 = fields.scaled_i16("temperature", 100, "°C")?;
        let wind_cm_per_s = fields.u16("wind, cm/s")?;
        let len = fields.left();
        let station = fields.text("station", len)?.to_string();
        Some(Box::new(Weather { celsius_x100, wind_cm_per_s, station }))
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut registry = Registry::new();
    registry.register(WeatherDecoder);

    // What such a station would send.
    let data = [&(-350_i16).to_le_bytes()[..], &720_u16.to_le_bytes(), b"Ridge"].concat();
    let key = ChannelKey::from_hashtag("#weather");
    let datagram = GroupData::new(WEATHER, &data).ok_or("too long")?;
    let frame = FrameBuilder::flood().build(PayloadType::GroupData, &Group::seal(&key, &datagram))?;

    // The typed value.
    let decoded = registry.decode(&Subject::GroupData { data_type: WEATHER, data: &data });
    let weather = decoded.as_ref().and_then(|decoded| decoded.downcast_ref::<Weather>());
    println!("{weather:?}");

    // The fields, in the tree of the whole packet.
    let ring: KeyRing = [("#weather", key)].into_iter().collect();
    print!("{}", Dissector::new().with_ring(&ring).with_registry(&registry).dissect(&frame));
    Ok(())
}
