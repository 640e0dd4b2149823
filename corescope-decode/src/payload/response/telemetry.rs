//! The answer to GET_TELEMETRY: records of CayenneLPP.
//!
//! Each has a channel, a type and a value, big endian. Channel 0 ends the data, which is how the
//! cipher's padding reads; so do fewer than three bytes. Channel 1 is the node itself.
//!
//! Source of fact: MeshCore `src/helpers/sensors/LPPDataHelpers.h`.

#[cfg(feature = "encode")]
use crate::encode::{Encode, Vec};
use core::fmt;

use crate::cursor::{self, Cursor};
use crate::issue::{Detail, IssueKind, Issues};
use crate::listener::{Listener, Value};

/// A node's readings.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Telemetry<'a> {
    bytes: &'a [u8],
}

/// What a type of record measures.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct LppKind {
    /// Its number on the wire.
    pub number: u8,
    /// Its name.
    pub name: &'static str,
    /// Bytes of each number.
    size: u8,
    /// How many numbers.
    count: u8,
    signed: bool,
    /// How many of the wire's numbers make one unit; of altitude in a GPS record see the code.
    per_unit: u32,
    /// The unit's sign; empty where there is none.
    pub unit: &'static str,
}

const fn kind(
    number: u8,
    name: &'static str,
    shape: (u8, u8, bool),
    per_unit: u32,
    unit: &'static str,
) -> LppKind {
    LppKind { number, name, size: shape.0, count: shape.1, signed: shape.2, per_unit, unit }
}

const U1: (u8, u8, bool) = (1, 1, false);
const U2: (u8, u8, bool) = (2, 1, false);
const U4: (u8, u8, bool) = (4, 1, false);
const S2: (u8, u8, bool) = (2, 1, true);

/// Every type with a known length.
const KINDS: &[LppKind] = &[
    kind(0, "digital in", U1, 1, ""),
    kind(1, "digital out", U1, 1, ""),
    kind(2, "analog in", S2, 100, ""),
    kind(3, "analog out", S2, 100, ""),
    kind(100, "generic", U4, 1, ""),
    kind(101, "luminosity", U2, 1, "lux"),
    kind(102, "presence", U1, 1, ""),
    kind(103, "temperature", S2, 10, "°C"),
    kind(104, "humidity", U1, 2, "%"),
    kind(113, "accelerometer", (2, 3, true), 1000, "g"),
    kind(115, "pressure", U2, 10, "hPa"),
    kind(116, "voltage", U2, 100, "V"),
    kind(117, "current", S2, 1000, "A"),
    kind(118, "frequency", U4, 1, "Hz"),
    kind(120, "percentage", U1, 1, "%"),
    kind(121, "altitude", S2, 1, "m"),
    kind(125, "concentration", U2, 1, "ppm"),
    kind(128, "power", U2, 1, "W"),
    kind(130, "distance", U4, 1000, "m"),
    kind(131, "energy", U4, 1000, "kWh"),
    kind(132, "direction", U2, 1, "°"),
    kind(133, "Unix time", U4, 1, "s"),
    kind(134, "gyrometer", (2, 3, true), 100, "°/s"),
    kind(135, "colour", (1, 3, false), 1, ""),
    kind(136, "GPS", (3, 3, true), 10_000, "°"),
    kind(142, "switch", U1, 1, ""),
];

impl LppKind {
    /// The type with this number, if its length is known.
    pub fn from_number(number: u8) -> Option<&'static Self> {
        KINDS.iter().find(|kind| kind.number == number)
    }

    /// Bytes of a value.
    pub const fn byte_len(&self) -> usize {
        self.size as usize * self.count as usize
    }

    /// How many numbers make a value: 1, or 3 of a vector, colour or position.
    pub const fn count(&self) -> usize {
        self.count as usize
    }

    /// How many of the wire's numbers make one unit. A position has its altitude in 0.01 m.
    const fn divisor(&self, index: usize) -> u32 {
        if self.number == 136 && index == 2 { 100 } else { self.per_unit }
    }
}

/// One reading.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LppRecord {
    /// Which sensor; 1 is the node itself.
    pub channel: u8,
    /// The type's number.
    pub number: u8,
    /// What it measures; `None` for the unknown type that ends the list.
    pub kind: Option<&'static LppKind>,
    raw: [i64; 3],
}

impl LppRecord {
    /// A reading; `None` if the channel is 0, the type's length is not known, or the numbers are not
    /// as many as it has.
    pub fn new(channel: u8, number: u8, numbers: &[i64]) -> Option<Self> {
        let kind = LppKind::from_number(number)?;
        if channel == 0 || numbers.len() != kind.count() {
            return None;
        }
        let mut raw = [0; 3];
        raw.get_mut(..numbers.len())?.copy_from_slice(numbers);
        Some(Self { channel, number, kind: Some(kind), raw })
    }

    /// The numbers as on the wire: one, or three of a vector, colour or position.
    pub fn raw(&self) -> &[i64] {
        self.raw.get(..self.kind.map_or(0, LppKind::count)).unwrap_or_default()
    }

    /// The numbers in the unit of the type (a position's altitude in metres).
    pub fn values(&self) -> impl Iterator<Item = f64> + '_ {
        let kind = self.kind;
        self.raw()
            .iter()
            .enumerate()
            .map(move |(index, &raw)| raw as f64 / f64::from(kind.map_or(1, |kind| kind.divisor(index))))
    }
}

impl fmt::Display for LppRecord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(kind) = self.kind else { return write!(f, "type {}", self.number) };
        write!(f, "{}", kind.name)?;
        for value in self.values() {
            write!(f, " {value}")?;
        }
        if kind.unit.is_empty() { Ok(()) } else { write!(f, " {}", kind.unit) }
    }
}

impl<'a> Telemetry<'a> {
    pub(super) fn read<L: Listener>(c: &mut Cursor<'a, '_, L>) -> Self {
        let bytes = c.peek();
        while next(c).is_some() {}
        Self { bytes }
    }

    /// Reads LPP data that stands alone.
    pub fn parse(bytes: &'a [u8]) -> Self {
        Self { bytes }
    }

    /// The data as on the wire.
    pub const fn as_bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// The readings. An unknown type is the last, without a value.
    pub fn records(&self) -> impl Iterator<Item = LppRecord> + use<'a> {
        let mut rest = self.bytes;
        core::iter::from_fn(move || {
            let mut issues = Issues::new();
            let mut c = Cursor::plaintext(rest, &mut issues);
            let record = next(&mut c);
            rest = if record.is_some_and(|record| record.kind.is_none()) { &[] } else { c.peek() };
            record
        })
    }
}

/// One record; `None` at the end.
fn next<L: Listener>(c: &mut Cursor<'_, '_, L>) -> Option<LppRecord> {
    let &[channel, number, _, ..] = c.peek() else { return None };
    if channel == 0 {
        return None;
    }
    let kind = LppKind::from_number(number);
    let needed = kind.map_or(0, LppKind::byte_len);
    if c.left() < 2 + needed {
        let detail = Detail::Needs { bytes: needed as u16, left: (c.left() - 2) as u16 };
        c.issue(IssueKind::LppTruncated, "telemetry value", detail);
        c.remainder("cut off", |_| Value::Note("part of a record"));
        return None;
    }
    c.open("record");
    c.u8("channel");
    c.field("type", cursor::u8, |&n| Value::Named(n.into(), kind.map_or("unknown", |kind| kind.name)));
    let mut raw = [0; 3];
    if let Some(kind) = kind {
        for (index, place) in raw.iter_mut().take(kind.count()).enumerate() {
            *place = c
                .field(kind.name, cursor::bytes(usize::from(kind.size)), |bytes| Value::Scaled {
                    raw: big_endian(bytes, kind.signed),
                    per_unit: kind.divisor(index),
                    unit: if kind.number == 136 && index == 2 { "m" } else { kind.unit },
                })
                .map_or(0, |bytes| big_endian(bytes, kind.signed));
        }
    } else {
        let at = c.at() - 1;
        let detail = Detail::Value { came: number.into(), expected: "a type of known length" };
        c.issue_at(at, IssueKind::UnknownLppType, "telemetry type", detail);
        c.remainder("data", |_| Value::Note("of unknown length: the records end here"));
    }
    c.close();
    Some(LppRecord { channel, number, kind, raw })
}

/// Up to four bytes as a number.
pub(super) fn big_endian(bytes: &[u8], signed: bool) -> i64 {
    let negative = signed && bytes.first().is_some_and(|&b| b >= 0x80);
    bytes.iter().fold(if negative { -1 } else { 0 }, |n: i64, &b| n << 8 | i64::from(b))
}

#[cfg(feature = "serde")]
impl serde::Serialize for LppRecord {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        use serde::ser::SerializeStruct;
        struct Values<'a>(&'a LppRecord);
        impl serde::Serialize for Values<'_> {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_seq(self.0.values())
            }
        }
        let mut s = serializer.serialize_struct("LppRecord", 5)?;
        s.serialize_field("channel", &self.channel)?;
        s.serialize_field("type", &self.number)?;
        s.serialize_field("name", &self.kind.map(|kind| kind.name))?;
        s.serialize_field("values", &Values(self))?;
        s.serialize_field("unit", &self.kind.map(|kind| kind.unit))?;
        s.end()
    }
}

#[cfg(feature = "serde")]
impl serde::Serialize for Telemetry<'_> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.records())
    }
}

/// Writes the reading; numbers beyond the type's size lose their upper bytes.
#[cfg(feature = "encode")]
impl Encode for LppRecord {
    fn encode(&self, out: &mut Vec<u8>) {
        out.extend([self.channel, self.number]);
        let size = self.kind.map_or(0, |kind| usize::from(kind.size));
        for number in self.raw() {
            let bytes = number.to_be_bytes();
            out.extend(bytes.get(bytes.len() - size..).unwrap_or_default());
        }
    }
}
