//! The answer to GET_AVG_MIN_MAX: the clock, then series of channel, type, minimum, maximum,
//! average, big endian, sized by the sensor firmware's own table. It differs from CayenneLPP: there
//! humidity is 2 bytes in tenths, current has no sign, and a polyline has 8 bytes.
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
    /// The least, in the type's unit. Firmware puts vectors and positions into one number, whatever
    /// that says.
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

    /// An answer whose series stand in `bytes` as on the wire.
    pub const fn from_bytes(now: u32, bytes: &'a [u8]) -> Self {
        Self { now, bytes }
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
    // Firmware has 32 bits for a number, however many bytes the type is given.
    let number = |bytes: &[u8]| match bytes.last_chunk::<4>() {
        Some(last) if size > 4 => big_endian(last, false),
        _ => big_endian(bytes, signed(lpp_type)),
    };
    let mut read = |name| {
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
        240 => 8,
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

/// Writes the numbers as the firmware's `putFloat` does; what does not fit the type's bytes is lost.
#[cfg(feature = "encode")]
impl Encode for Series {
    fn encode(&self, out: &mut Vec<u8>) {
        out.extend([self.channel, self.lpp_type]);
        let size = size(self.lpp_type);
        for value in [self.min, self.max, self.avg] {
            let number = (value * f64::from(multiplier(self.lpp_type))) as i64;
            let bytes = if size > 4 { (number as u32).into() } else { number }.to_be_bytes();
            out.extend(core::iter::repeat_n(0, size.saturating_sub(8)));
            out.extend(bytes.get(8 - size.min(8)..).unwrap_or_default());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;

    /// Three times the same number, as firmware's `putFloat` writes it.
    fn series(channel: u8, lpp_type: u8, number: &[u8]) -> Vec<u8> {
        [&[channel, lpp_type][..], number, number, number].concat()
    }

    #[test]
    fn numbers_have_the_sizes_and_signs_of_the_sensors_own_table() {
        let rows: [(u8, &[u8], f64); 9] = [
            (103, &[0xFF, 0xC9], -5.5),
            (104, &[0x01, 0xC7], 45.5),
            (117, &[0xFF, 0xFF], 65.535),
            (116, &[0x01, 0x9C], 4.12),
            (121, &[0xFF, 0xFE], -2.0),
            (131, &[0, 0, 0x27, 0x10], 10.0),
            (136, &[0, 0, 0, 0, 0, 0, 0, 1, 2], 258.0),
            (240, &[0, 0, 0, 0, 0, 0, 0, 9], 9.0),
            (102, &[1], 1.0),
        ];
        let mut plaintext = [0; 8].to_vec();
        for (index, (lpp_type, number, _)) in rows.iter().enumerate() {
            plaintext.extend(series(index as u8 + 1, *lpp_type, number));
        }
        let mut issues = Issues::new();
        let mut c = Cursor::plaintext(&plaintext[4..], &mut issues);
        let answer = AvgMinMax::read(&mut c).unwrap();
        assert_eq!(c.left(), 0);
        let read: Vec<Series> = answer.series().collect();
        assert_eq!(read.len(), rows.len());
        for (series, (lpp_type, _, value)) in read.iter().zip(rows) {
            assert_eq!(
                (series.lpp_type, series.min, series.max, series.avg),
                (lpp_type, value, value, value)
            );
        }
        #[cfg(feature = "encode")]
        {
            let mut again = [0; 4].to_vec();
            for series in &read {
                series.encode(&mut again);
            }
            assert_eq!(again, plaintext[4..]);
        }
        assert!(issues.is_empty());
    }

    #[test]
    fn a_series_that_the_end_cuts_off_is_reported() {
        let mut issues = Issues::new();
        let bytes = [0, 0, 0, 0, 1, 103, 0, 1, 0, 2, 0];
        let answer = AvgMinMax::read(&mut Cursor::plaintext(&bytes, &mut issues)).unwrap();
        assert_eq!(answer.series().count(), 0);
        assert!(issues.contains(IssueKind::LppTruncated));
    }
}
