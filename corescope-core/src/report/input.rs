//! What a collector is fed with.

/// A packet, as it lies in a database row or came in a message.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct Heard<'a> {
    /// Hash under which it is stored; `None` to compute it from the frame.
    pub hash: Option<&'a str>,
    /// The frame. Empty for messages that a companion bridge delivered without one.
    pub frame: &'a [u8],
    /// The frame the transmission is stored with, where this copy is another one; for filters.
    pub first_frame: Option<&'a [u8]>,
    /// Where it was found, for the list of bad packets: a line, a row.
    pub place: &'a str,
    /// Whether it is a row of a database: then it counts as a transmission even if it is no packet.
    pub stored: bool,
    /// Whether the row has a column for everything below. What it lacks is then missing for a
    /// filter too; otherwise it is read from the frame.
    pub in_full: bool,
    /// Payload type of the row. A filter takes it first, a report that of the frame.
    pub payload_type: Option<u8>,
    /// Route type of the row. A filter takes it first, a report that of the frame.
    pub route_type: Option<u8>,
    /// When it was first seen, in milliseconds since 1970.
    pub first_seen_ms: Option<i64>,
    /// The decoded payload that is stored with it.
    pub decoded_json: Option<&'a str>,
    /// Its stored channel.
    pub channel: Option<&'a str>,
    /// Its stored scope: empty when none of the known names fitted.
    pub scope: Option<&'a str>,
    /// How often it was heard, as far as is known; for filters.
    pub observation_count: u32,
    /// Keys of the resolved paths of all its copies, as far as they are known; for filters.
    pub routed_through: Vec<String>,
    /// Who heard it; `None` for a transmission without an observation.
    pub hearing: Option<Hearing<'a>>,
}

impl<'a> Heard<'a> {
    /// A bare frame, heard by nobody in particular.
    pub fn frame(frame: &'a [u8]) -> Self {
        Self { frame, observation_count: 1, hearing: Some(Hearing::default()), ..Self::default() }
    }
}

/// One observer hearing a packet.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct Hearing<'a> {
    /// Observer's id as published.
    pub observer: Option<&'a str>,
    /// Its name.
    pub observer_name: Option<&'a str>,
    /// Its region.
    pub iata: Option<&'a str>,
    /// When, in milliseconds since 1970.
    pub time_ms: Option<i64>,
    /// SNR in dB.
    pub snr_db: Option<f64>,
    /// RSSI in dBm.
    pub rssi_dbm: Option<f64>,
    /// The path of this copy, upper-case hex; `None` to read it from the frame.
    pub hops: Option<Vec<String>>,
    /// The path as the row has it, whatever the frame says; for filters, where it has everything.
    pub stored_hops: Vec<String>,
    /// Keys of the path as resolved, lower-case; unknown hops left out.
    pub resolved: Vec<String>,
}

/// A row of the table of nodes.
#[derive(Debug, Clone, Copy, Default)]
#[non_exhaustive]
pub struct ListedNode<'a> {
    /// Key as stored.
    pub key: &'a str,
    /// Name.
    pub name: Option<&'a str>,
    /// Role word.
    pub role: Option<&'a str>,
    /// Latitude and longitude in degrees.
    pub position: Option<(f64, f64)>,
    /// When it was last seen, in milliseconds since 1970.
    pub last_seen_ms: Option<i64>,
}

/// A row of the table of observers, or what a status message tells.
#[derive(Debug, Clone, Copy, Default)]
#[non_exhaustive]
pub struct ListedObserver<'a> {
    /// Id as stored.
    pub id: &'a str,
    /// Name.
    pub name: Option<&'a str>,
    /// Region.
    pub iata: Option<&'a str>,
    /// Radio settings as published.
    pub radio: Option<&'a str>,
    /// Firmware.
    pub firmware: Option<&'a str>,
    /// When it was last seen, in milliseconds since 1970.
    pub last_seen_ms: Option<i64>,
}

macro_rules! default_new {
    ($($name:ident<'a>($field:ident));*) => { $(
        impl<'a> $name<'a> {
            /// With nothing known but its identity; set the fields that are.
            pub fn new($field: &'a str) -> Self {
                Self { $field, ..Self::default() }
            }
        }
    )* };
}

default_new!(ListedNode<'a>(key); ListedObserver<'a>(id));
