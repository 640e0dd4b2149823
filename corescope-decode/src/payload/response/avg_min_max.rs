//! The answer to GET_AVG_MIN_MAX: the clock, then series of channel, type, minimum, maximum,
//! average, big endian, sized by the sensor firmware's own table. It differs from CayenneLPP: there
//! humidity is 2 bytes in tenths, and current has no sign.
//!
//! Source of fact: MeshCore `examples/simple_sensor/SensorMesh.cpp`, `getDataSize`,
//! `getMultiplier`, `isSigned`.

use super::telemetry::big_endian;
use super::too_short;
use crate::cursor::{self, Cursor};
#[cfg(feature = "encode")]
use crate::encode::{Encode, Vec};
use crate::issue::{Detail, IssueKind, Issues};
use crate::listener::{Listener, Value};

/// Average, minimum, maximum of a sensor.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct AvgMinMax<'a> {
    /// The sensor's clock, Unix seconds.
    pub now: u32,
    bytes: &'a [u8],
}

/// One series.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct Series {
    /// Which sensor.
    pub channel: u8,
    /// The CayenneLPP type's number.
    pub lpp_type: u8,
    /// The least, in the type's unit. Of vectors and positions only the first four bytes count.
    pub min: f64,
    /// The most.
    pub max: f64,
    /// The mean.
    pub avg: f64,
}

impl<'a> AvgMinMax<'a> {
    pub(super) fn read<L: Listener>(c: &mut Cursor<'a, '_, L>) -> Option<Self> {
        let Some(now) = c.time("sensor clock") else { return too_short(c, "sensor clock", 4) };
        let bytes = c.peek();
        while next(c).is_some() {}
        Some(Self { now, bytes })
    }

    /// The series, in the order of the wire.
    pub fn series(&self) -> impl Iterator<Item = Series> + use<'a> {
        let mut rest = self.bytes;
        core::iter::from_fn(move || {
            let mut issues = Issues::new();
            let mut c = Cursor::plaintext(rest, &mut issues);
            let series = next(&mut c);
            rest = c.peek();
            series
        })
    }
}

/// One series; `None` at the end.
fn next<L: Listener>(c: &mut Cursor<'_, '_, L>) -> Option<Series> {
    let &[channel, lpp_type, ..] = c.peek() else { return None };
    if channel == 0 {
        return None;
    }
    let size = size(lpp_type);
    if c.left() < 2 + 3 * size {
        let detail = Detail::Needs { bytes: 3 * size as u16, left: (c.left() - 2) as u16 };
        c.issue(IssueKind::LppTruncated, "series", detail);
        c.remainder("cut off", |_| Value::Note("part of a series"));
        return None;
    }
    c.open("series");
    c.u8("channel");
    c.u8("type");
    let mut read = |name| {
        let number =
            |bytes: &[u8]| big_endian(bytes.get(..size.min(4)).unwrap_or_default(), signed(lpp_type));
        let bytes = c.field(name, cursor::bytes(size), |bytes| Value::Scaled {
            raw: number(bytes),
            per_unit: multiplier(lpp_type),
            unit: "",
        });
        bytes.map_or(0.0, |bytes| number(bytes) as f64 / f64::from(multiplier(lpp_type)))
    };
    let (min, max, avg) = (read("minimum"), read("maximum"), read("average"));
    c.close();
    Some(Series { channel, lpp_type, min, max, avg })
}

const fn size(lpp_type: u8) -> usize {
    match lpp_type {
        136 => 9,
        134 | 113 => 6,
        100 | 118 | 130 | 131 | 133 => 4,
        135 => 3,
        2 | 3 | 101 | 103 | 125 | 115 | 104 | 121 | 116 | 117 | 132 | 128 => 2,
        _ => 1,
    }
}

const fn multiplier(lpp_type: u8) -> u32 {
    match lpp_type {
        117 | 130 | 131 => 1000,
        116 | 2 | 3 => 100,
        103 | 115 | 104 => 10,
        _ => 1,
    }
}

const fn signed(lpp_type: u8) -> bool {
    matches!(lpp_type, 121 | 103 | 134 | 2 | 3 | 136 | 113)
}

#[cfg(feature = "serde")]
impl serde::Serialize for AvgMinMax<'_> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        use serde::ser::SerializeStruct;
        struct List<'a>(AvgMinMax<'a>);
        impl serde::Serialize for List<'_> {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_seq(self.0.series())
            }
        }
        let mut s = serializer.serialize_struct("AvgMinMax", 2)?;
        s.serialize_field("now", &self.now)?;
        s.serialize_field("series", &List(*self))?;
        s.end()
    }
}

#[cfg(feature = "encode")]
impl Encode for AvgMinMax<'_> {
    fn encode(&self, out: &mut Vec<u8>) {
        out.extend(self.now.to_le_bytes());
        out.extend(self.bytes);
    }
}
