//! ADVERT: a node tells who it is, where, and signs it.
//!
//! | offset | size | field                                                 |
//! |-------:|-----:|-------------------------------------------------------|
//! |      0 |   32 | public key, Ed25519                                   |
//! |     32 |    4 | timestamp, Unix seconds by the node's own clock       |
//! |     36 |   64 | signature over key, timestamp and appdata             |
//! |    100 | 0–32 | appdata: flags, then what they promise                |
//!
//! | size | if flags have | field of appdata                              |
//! |-----:|---------------|-----------------------------------------------|
//! |    1 | always        | flags                                         |
//! |    8 | 0x10          | latitude, longitude: i32, degrees × 10⁶       |
//! |    2 | 0x20          | feature 1, reserved                           |
//! |    2 | 0x40          | feature 2, reserved                           |
//! | rest | 0x80          | name, UTF-8, up to a NUL or the end           |
//!
//! Source of fact: MeshCore `src/Mesh.cpp`, `createAdvert`, and `src/helpers/AdvertDataHelpers.cpp`.

use super::Partial;
use crate::cursor::{self, Cursor, checked_text};
#[cfg(feature = "encode")]
use crate::encode::{Encode, Vec};
use crate::frame::PayloadType;
use crate::issue::{Detail, IssueKind};
use crate::listener::{Listener, Value};
use crate::text::Text;

/// The most appdata that firmware verifies and reads; bytes beyond are invisible to it.
pub const MAX_APPDATA: usize = 32;

/// What a node says of itself.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct Advert<'a> {
    /// The node's identity.
    #[cfg_attr(feature = "serde", serde(serialize_with = "crate::ser::hex"))]
    pub public_key: &'a [u8; 32],
    /// Unix seconds by the node's own clock, which may be wrong by years.
    pub timestamp: u32,
    /// Ed25519 over the key, the timestamp and the appdata.
    #[cfg_attr(feature = "serde", serde(serialize_with = "crate::ser::hex"))]
    pub signature: &'a [u8; 64],
    /// The signed appdata: at most 32 bytes.
    #[cfg_attr(feature = "serde", serde(serialize_with = "crate::ser::hex"))]
    pub appdata: &'a [u8],
    /// Bytes after it, which firmware neither verifies nor reads.
    #[cfg_attr(feature = "serde", serde(serialize_with = "crate::ser::hex"))]
    pub excess: &'a [u8],
    /// The flags, unless there is no appdata.
    pub flags: Option<AdvertFlags>,
    /// Where the node says it is.
    pub position: Option<Position>,
    /// A reserved number.
    pub feature1: Option<u16>,
    /// Another.
    pub feature2: Option<u16>,
    /// The node's name, if it has one: not empty.
    pub name: Option<Text<'a>>,
}

impl<'a> Advert<'a> {
    #[inline(always)]
    pub(super) fn read<L: Listener>(c: &mut Cursor<'a, '_, L>) -> Result<Self, Partial<'a>> {
        let mut partial = Partial::new(PayloadType::Advert, c.peek());
        if c.left() < 100 {
            c.needs(IssueKind::PayloadTooShort, "key, timestamp and signature", 100);
        }
        partial.public_key = c.array::<32>("public key");
        if partial.public_key.is_some() {
            partial.timestamp = c.time("timestamp");
        }
        let signature = if partial.timestamp.is_some() { c.array::<64>("signature") } else { None };
        let (Some(public_key), Some(timestamp), Some(signature)) =
            (partial.public_key, partial.timestamp, signature)
        else {
            return Err(partial.end(c));
        };
        let (appdata, excess) = c.peek().split_at_checked(MAX_APPDATA).unwrap_or((c.peek(), &[]));
        let mut advert = Self {
            public_key,
            timestamp,
            signature,
            appdata,
            excess,
            flags: None,
            position: None,
            feature1: None,
            feature2: None,
            name: None,
        };
        if appdata.is_empty() {
            c.issue(IssueKind::AppdataMissing, "appdata", Detail::Needs { bytes: 1, left: 0 });
        } else {
            advert.read_appdata(c);
        }
        Ok(advert)
    }

    #[inline(always)]
    fn read_appdata<L: Listener>(&mut self, c: &mut Cursor<'a, '_, L>) {
        if !self.excess.is_empty() {
            let came = c.left() as u16;
            let detail = Detail::AtMost { bytes: MAX_APPDATA as u16, came };
            c.issue(IssueKind::AppdataTooLong, "appdata", detail);
        }
        c.open("appdata");
        self.read_clamped(c);
        c.close();
        c.remainder("excess", |_| Value::Note("beyond the 32 bytes that are signed and read"));
    }

    #[inline(always)]
    fn read_clamped<L: Listener>(&mut self, c: &mut Cursor<'a, '_, L>) {
        let excess = self.excess.len();
        let Some(flags) = c.bits("flags", flag_bits).map(AdvertFlags) else { return };
        self.flags = Some(flags);
        if flags.has_position() {
            if c.left() - excess < 8 {
                return cut(c, excess, "position", 8);
            }
            let at = c.at();
            let lat = c.field("latitude", cursor::i32, degrees).unwrap_or_default();
            let lon = c.field("longitude", cursor::i32, degrees).unwrap_or_default();
            let position = Position { lat_e6: lat, lon_e6: lon };
            if !position.is_on_earth() {
                let wrong = if lat.unsigned_abs() > Position::MAX_LAT_E6 { lat } else { lon };
                let detail = Detail::Value { came: wrong, expected: "within ±90° and ±180°" };
                c.issue_at(at, IssueKind::CoordinateOutOfRange, "position", detail);
            }
            self.position = Some(position);
        }
        if flags.has_feature1() {
            if c.left() - excess < 2 {
                return cut(c, excess, "feature 1", 2);
            }
            self.feature1 = c.u16("feature 1");
        }
        if flags.has_feature2() {
            if c.left() - excess < 2 {
                return cut(c, excess, "feature 2", 2);
            }
            self.feature2 = c.u16("feature 2");
        }
        let rest = c.left() - excess;
        if flags.has_name() {
            let at = c.at();
            let bytes = c.peek().get(..rest).unwrap_or_default();
            let name = c.up_to("name", Text::until_nul(bytes).as_bytes().len(), Value::Text);
            if !name.is_empty() {
                self.name = Some(checked_text(c, "name", name, at));
            }
            let after = c.left() - excess;
            c.up_to("after the name", after, |_| Value::Note("after the NUL that ends the name"));
        } else {
            c.up_to("unused", rest, |_| Value::Note("after the last field"));
        }
    }

    /// The signed bytes after the name's end, which no firmware writes: some analyzers look for
    /// a sensor's readings there.
    pub fn after_name(&self) -> &'a [u8] {
        let Some(name) = self.name else { return &[] };
        // The name is a part of appdata, so its start is the length before it.
        let flags = self.flags.unwrap_or_default();
        let before = 1
            + if flags.has_position() { 8 } else { 0 }
            + if flags.has_feature1() { 2 } else { 0 }
            + if flags.has_feature2() { 2 } else { 0 };
        self.appdata.get(before + name.as_bytes().len()..).unwrap_or_default()
    }

    /// Writes the bytes that are signed: key, timestamp, appdata. Returns the part of `out` used.
    pub fn signed_message<'o>(&self, out: &'o mut [u8; 68]) -> &'o [u8] {
        let len = 36 + self.appdata.len();
        out[..32].copy_from_slice(self.public_key);
        out[32..36].copy_from_slice(&self.timestamp.to_le_bytes());
        if let Some(place) = out.get_mut(36..len) {
            place.copy_from_slice(self.appdata);
        }
        out.get(..len).unwrap_or_default()
    }

    /// What kind of node it is; [`NodeType::None`] without appdata.
    pub fn node_type(&self) -> NodeType {
        self.flags.unwrap_or_default().node_type()
    }
}

#[cfg(feature = "encode")]
impl Encode for Advert<'_> {
    fn encode(&self, out: &mut Vec<u8>) {
        out.extend(self.public_key);
        out.extend(self.timestamp.to_le_bytes());
        out.extend(self.signature);
        out.extend(self.appdata);
        out.extend(self.excess);
    }
}

/// Tells that a promised field does not fit, and what is left of the appdata.
#[cold]
fn cut<L: Listener>(c: &mut Cursor<'_, '_, L>, excess: usize, field: &'static str, bytes: usize) {
    let left = c.left() - excess;
    let detail = Detail::Needs { bytes: bytes as u16, left: left as u16 };
    c.issue(IssueKind::AppdataTruncated, field, detail);
    c.up_to("cut off", left, |_| Value::Note("a field that the flags promise does not fit"));
}

fn degrees<'a>(e6: &i32) -> Value<'a> {
    Value::Scaled { raw: (*e6).into(), per_unit: 1_000_000, unit: "°" }
}

fn flag_bits(byte: u8, part: &mut dyn FnMut(&'static str, u8, u8, Value<'static>)) {
    let flags = AdvertFlags(byte);
    part("has name", 7, 7, Value::Flag(flags.has_name()));
    part("has feature 2", 6, 6, Value::Flag(flags.has_feature2()));
    part("has feature 1", 5, 5, Value::Flag(flags.has_feature1()));
    part("has position", 4, 4, Value::Flag(flags.has_position()));
    part("node type", 3, 0, Value::Named(u64::from(byte & 0x0F), flags.node_type().name()));
}

/// The first byte of the appdata. Its lower half is a number, not flags.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct AdvertFlags(pub u8);

impl AdvertFlags {
    /// What kind of node it is.
    pub const fn node_type(self) -> NodeType {
        NodeType::from_number(self.0 & 0x0F)
    }

    /// Whether a position follows.
    pub const fn has_position(self) -> bool {
        self.0 & 0x10 != 0
    }

    /// Whether the first reserved number follows.
    pub const fn has_feature1(self) -> bool {
        self.0 & 0x20 != 0
    }

    /// Whether the second reserved number follows.
    pub const fn has_feature2(self) -> bool {
        self.0 & 0x40 != 0
    }

    /// Whether a name follows.
    pub const fn has_name(self) -> bool {
        self.0 & 0x80 != 0
    }
}

/// What kind of node it is.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize), serde(rename_all = "snake_case"))]
#[non_exhaustive]
pub enum NodeType {
    /// 0: it does not say.
    #[default]
    None,
    /// 1: a companion, with a person behind it.
    Chat,
    /// 2: a repeater.
    Repeater,
    /// 3: a room server.
    Room,
    /// 4: a sensor.
    Sensor,
    /// 5 to 15: of a later firmware.
    Other(u8),
}

impl NodeType {
    /// From the number in the flags.
    pub const fn from_number(number: u8) -> Self {
        match number {
            0 => Self::None,
            1 => Self::Chat,
            2 => Self::Repeater,
            3 => Self::Room,
            4 => Self::Sensor,
            other => Self::Other(other),
        }
    }

    /// The number in the flags.
    pub const fn number(self) -> u8 {
        match self {
            Self::None => 0,
            Self::Chat => 1,
            Self::Repeater => 2,
            Self::Room => 3,
            Self::Sensor => 4,
            Self::Other(number) => number,
        }
    }

    /// A word for it; `other` where there is none yet.
    pub const fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Chat => "companion",
            Self::Repeater => "repeater",
            Self::Room => "room",
            Self::Sensor => "sensor",
            Self::Other(_) => "other",
        }
    }
}

/// A place on earth in millionths of a degree.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct Position {
    /// Latitude, north positive; ±90 000 000.
    pub lat_e6: i32,
    /// Longitude, east positive; ±180 000 000.
    pub lon_e6: i32,
}

impl Position {
    const MAX_LAT_E6: u32 = 90_000_000;
    const MAX_LON_E6: u32 = 180_000_000;

    /// Whether both are within their range.
    pub const fn is_on_earth(self) -> bool {
        self.lat_e6.unsigned_abs() <= Self::MAX_LAT_E6 && self.lon_e6.unsigned_abs() <= Self::MAX_LON_E6
    }

    /// Whether it is 0, 0, which nodes without a position send.
    pub const fn is_null(self) -> bool {
        self.lat_e6 == 0 && self.lon_e6 == 0
    }
}
