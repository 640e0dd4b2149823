//! One reading, two uses: parsers tell a listener what they read.
//!
//! Decoding listens to nothing but the issues, and the compiler removes the rest;
//! [dissection](crate::dissect) listens to every field. So the tree that is shown and the values
//! that are used cannot disagree.

use core::fmt;

use crate::issue::{Issue, Issues};

/// Hears what a parser reads, in order, each byte once.
pub trait Events {
    /// A field was read.
    fn leaf(&mut self, leaf: Leaf<'_>);

    /// The fields until [`close`](Self::close) belong together.
    fn open(&mut self, name: &'static str, start: usize);

    /// The group ends before this byte.
    fn close(&mut self, end: usize);

    /// Something is wrong.
    fn issue(&mut self, issue: Issue);
}

/// Somebody who hears it, and whether they want to know of the fields.
pub trait Listener: Events {
    /// Whether fields are wanted; if not, nothing is computed for them.
    const FIELDS: bool;
}

/// Decoding: only the issues are kept.
impl Listener for Issues {
    const FIELDS: bool = false;
}

impl Events for Issues {
    #[inline(always)]
    fn leaf(&mut self, _: Leaf<'_>) {}

    #[inline(always)]
    fn open(&mut self, _: &'static str, _: usize) {}

    #[inline(always)]
    fn close(&mut self, _: usize) {}

    #[inline]
    fn issue(&mut self, issue: Issue) {
        self.push(issue);
    }
}

/// Nobody listens: a frame has errors and no issues.
pub(crate) struct Silent;

impl Listener for Silent {
    const FIELDS: bool = false;
}

impl Events for Silent {
    #[inline(always)]
    fn leaf(&mut self, _: Leaf<'_>) {}

    #[inline(always)]
    fn open(&mut self, _: &'static str, _: usize) {}

    #[inline(always)]
    fn close(&mut self, _: usize) {}

    #[inline(always)]
    fn issue(&mut self, _: Issue) {}
}

/// One field as it was read.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Leaf<'a> {
    /// The field's name.
    pub name: &'static str,
    /// Its first byte, counted in the frame or the plaintext.
    pub start: usize,
    /// The bytes it was read from.
    pub bytes: &'a [u8],
    /// Highest and lowest bit, 7 to 0, if it is a part of one byte.
    pub bits: Option<(u8, u8)>,
    /// What the bytes say.
    pub value: Value<'a>,
}

/// What the bytes of a field say.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum Value<'a> {
    /// Nothing but themselves.
    Bytes,
    /// Themselves, and what they are.
    Note(&'static str),
    /// A number.
    Unsigned(u64),
    /// A number with a sign.
    Signed(i64),
    /// A number that stands for something.
    Named(u64, &'static str),
    /// A yes or no.
    Flag(bool),
    /// Unix time in seconds.
    Time(u32),
    /// A ratio in quarters of a decibel.
    QuarterDb(i8),
    /// `raw / per_unit` of a unit.
    Scaled {
        /// The number in the bytes.
        raw: i64,
        /// How many of it make one unit.
        per_unit: u32,
        /// The unit's sign, such as `°` or `V`.
        unit: &'static str,
    },
    /// Text, UTF-8 as it should be.
    Text(&'a [u8]),
}

impl fmt::Display for Value<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Value::Bytes => Ok(()),
            Value::Note(note) => f.write_str(note),
            Value::Unsigned(n) => write!(f, "{n}"),
            Value::Signed(n) => write!(f, "{n}"),
            Value::Named(n, name) => write!(f, "{n} = {name}"),
            Value::Flag(yes) => f.write_str(if yes { "yes" } else { "no" }),
            Value::Time(seconds) => write!(f, "{}", crate::time::Utc(seconds)),
            Value::QuarterDb(q) => write!(f, "{} dB", f64::from(q) / 4.0),
            Value::Scaled { raw, per_unit, unit } => {
                write!(f, "{} {unit}", raw as f64 / f64::from(per_unit.max(1)))
            }
            Value::Text(bytes) => write!(f, "\"{}\"", crate::text::Text(bytes)),
        }
    }
}
