//! Decoders of others: for RAW_CUSTOM, for the data types of GRP_DATA, for payload types and
//! versions to come.
//!
//! An application implements [`PayloadDecoder`], puts it in a [`Registry`], and gets its own typed
//! values; the [dissector](crate::dissect::Dissector) shows the fields they read. The decoders
//! built in are the same kind of thing: [`BuiltIn`].

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::any::Any;
use core::fmt;

use nom::Parser;

use crate::cursor::{self, Cursor};
use crate::frame::{Packet, PayloadType};
use crate::issue::{Detail, Issue, IssueKind, Issues, Space};
use crate::listener::{Events, Leaf, Listener, Value};
use crate::payload::Payload;

/// What there is to decode.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum Subject<'a> {
    /// A packet's payload.
    Payload(&'a Packet<'a>),
    /// The decrypted data of a group datagram.
    GroupData {
        /// Whose data it is.
        data_type: u16,
        /// The data, without length and padding.
        data: &'a [u8],
    },
}

impl<'a> Subject<'a> {
    /// The bytes to decode.
    pub const fn bytes(&self) -> &'a [u8] {
        match self {
            Self::Payload(packet) => packet.payload(),
            Self::GroupData { data, .. } => data,
        }
    }

    const fn place(&self) -> (usize, Space) {
        match self {
            Self::Payload(packet) => (packet.payload_offset(), Space::Frame),
            // After the data type and the length.
            Self::GroupData { .. } => (3, Space::Plaintext),
        }
    }
}

/// A value that a decoder made: anything that owns itself and can show itself.
pub trait DecodedValue: Any + fmt::Debug + Send + Sync {
    /// For [`Decoded::downcast_ref`].
    fn as_any(&self) -> &dyn Any;
}

impl<T: Any + fmt::Debug + Send + Sync> DecodedValue for T {
    fn as_any(&self) -> &dyn Any {
        self
    }
}

/// Decodes some kind of bytes.
pub trait PayloadDecoder: Send + Sync {
    /// What it is called, for display.
    fn name(&self) -> &'static str;

    /// Whether it knows this kind of thing. It need not be sure that the bytes are good.
    fn accepts(&self, subject: &Subject<'_>) -> bool;

    /// Reads the bytes through `fields`, which tells whoever listens, and returns what they say.
    /// `None` if they are not what this decoder knows: then the next one is asked, and nothing
    /// that was read is shown.
    fn decode(&self, subject: &Subject<'_>, fields: &mut Fields<'_, '_>) -> Option<Box<dyn DecodedValue>>;
}

/// What a decoder of the registry made of something.
#[derive(Debug)]
#[non_exhaustive]
pub struct Decoded {
    /// The decoder's name.
    pub decoder: &'static str,
    /// What it says is wrong.
    pub issues: Vec<Issue>,
    value: Box<dyn DecodedValue>,
}

impl Decoded {
    /// The value, if it is a `T`.
    pub fn downcast_ref<T: Any>(&self) -> Option<&T> {
        (*self.value).as_any().downcast_ref()
    }
}

impl fmt::Display for Decoded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {:?}", self.decoder, self.value)
    }
}

/// Decoders, asked in the order they were added.
#[derive(Default)]
pub struct Registry {
    decoders: Vec<Box<dyn PayloadDecoder>>,
}

impl Registry {
    /// None.
    pub const fn new() -> Self {
        Self { decoders: Vec::new() }
    }

    /// The decoders of this crate, one for each payload type.
    pub fn with_built_ins() -> Self {
        let mut registry = Self::new();
        for kind in PayloadType::ALL {
            registry.register(BuiltIn(kind));
        }
        registry
    }

    /// Adds one.
    pub fn register(&mut self, decoder: impl PayloadDecoder + 'static) -> &mut Self {
        self.decoders.push(Box::new(decoder));
        self
    }

    /// Asks each decoder that accepts the subject until one decodes it.
    pub fn decode(&self, subject: &Subject<'_>) -> Option<Decoded> {
        self.decode_with(subject, &mut Issues::new())
    }

    /// The same, telling `listener` what was read. A decoder that gives up is not told.
    pub fn decode_with(&self, subject: &Subject<'_>, listener: &mut dyn Events) -> Option<Decoded> {
        self.decoders.iter().filter(|decoder| decoder.accepts(subject)).find_map(|decoder| {
            let mut record = Record::default();
            let (at, space) = subject.place();
            let mut fields = Fields { cursor: Cursor::new(subject.bytes(), at, space, &mut record) };
            let value = decoder.decode(subject, &mut fields)?;
            fields.cursor.remainder("unread", |_| Value::Note("left over by the decoder"));
            let issues = record.issues.clone();
            record.tell(subject, listener);
            Some(Decoded { decoder: decoder.name(), issues, value })
        })
    }
}

impl fmt::Debug for Registry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.decoders.iter().map(|decoder| decoder.name())).finish()
    }
}

/// Reads fields of a plugin's format, one after another. Each returns `None`, and reads nothing, if
/// it does not fit.
pub struct Fields<'a, 'l> {
    cursor: Cursor<'a, 'l, Record>,
}

impl<'a> Fields<'a, '_> {
    /// Bytes left.
    pub fn left(&self) -> usize {
        self.cursor.left()
    }

    /// One byte.
    pub fn u8(&mut self, name: &'static str) -> Option<u8> {
        self.cursor.u8(name)
    }

    /// Two bytes, little endian.
    pub fn u16(&mut self, name: &'static str) -> Option<u16> {
        self.cursor.u16(name)
    }

    /// Two bytes with a sign, little endian, shown as `raw / per_unit` of a unit.
    pub fn scaled_i16(&mut self, name: &'static str, per_unit: u32, unit: &'static str) -> Option<i16> {
        self.cursor.field(name, cursor::i16, |&n| Value::Scaled { raw: n.into(), per_unit, unit })
    }

    /// Four bytes, little endian.
    pub fn u32(&mut self, name: &'static str) -> Option<u32> {
        self.cursor.u32(name)
    }

    /// Four bytes with a sign, little endian, shown as `raw / per_unit` of a unit.
    pub fn scaled_i32(&mut self, name: &'static str, per_unit: u32, unit: &'static str) -> Option<i32> {
        self.cursor.field(name, cursor::i32, |&n| Value::Scaled { raw: n.into(), per_unit, unit })
    }

    /// Unix time, four bytes, little endian.
    pub fn time(&mut self, name: &'static str) -> Option<u32> {
        self.cursor.time(name)
    }

    /// So many bytes.
    pub fn bytes(&mut self, name: &'static str, len: usize) -> Option<&'a [u8]> {
        self.cursor.field(name, cursor::bytes(len), |_| Value::Bytes)
    }

    /// Text of so many bytes.
    pub fn text(&mut self, name: &'static str, len: usize) -> Option<crate::text::Text<'a>> {
        self.cursor.field(name, cursor::bytes(len), |b| Value::Text(b)).map(crate::text::Text)
    }

    /// Everything that is left.
    pub fn rest(&mut self, name: &'static str) -> &'a [u8] {
        self.cursor.remainder(name, |_| Value::Bytes)
    }

    /// Whatever a nom parser reads, and how to show it.
    pub fn field<T>(
        &mut self,
        name: &'static str,
        parser: impl Parser<&'a [u8], Output = T, Error = ()>,
        value: impl FnOnce(&T) -> Value<'a>,
    ) -> Option<T> {
        self.cursor.field(name, parser, value)
    }

    /// Reports something wrong at the next field.
    pub fn issue(&mut self, kind: IssueKind, field: &'static str, rule: &'static str) {
        self.cursor.issue(kind, field, Detail::Rule(rule));
    }
}

/// What a decoder told, kept until it is known whether it succeeds.
#[derive(Default)]
struct Record {
    events: Vec<Event>,
    issues: Vec<Issue>,
}

/// An event without its bytes, which are the subject's.
enum Event {
    Leaf { name: &'static str, start: usize, len: usize, bits: Option<(u8, u8)>, value: Kept },
    Open(&'static str, usize),
    Close(usize),
}

/// A value without its bytes.
enum Kept {
    Text,
    Plain(Value<'static>),
}

impl Record {
    fn tell(self, subject: &Subject<'_>, listener: &mut dyn Events) {
        let base = subject.place().0;
        for event in self.events {
            match event {
                Event::Leaf { name, start, len, bits, value } => {
                    let from = start.saturating_sub(base);
                    let bytes = subject.bytes().get(from..from + len).unwrap_or_default();
                    let value = match value {
                        Kept::Text => Value::Text(bytes),
                        Kept::Plain(value) => value,
                    };
                    listener.leaf(Leaf { name, start, bytes, bits, value });
                }
                Event::Open(name, start) => listener.open(name, start),
                Event::Close(end) => listener.close(end),
            }
        }
        for issue in self.issues {
            listener.issue(issue);
        }
    }
}

impl Events for Record {
    fn leaf(&mut self, leaf: Leaf<'_>) {
        let Leaf { name, start, bytes, bits, value } = leaf;
        let value = match value {
            Value::Text(_) => Kept::Text,
            Value::Bytes => Kept::Plain(Value::Bytes),
            Value::Note(note) => Kept::Plain(Value::Note(note)),
            Value::Unsigned(n) => Kept::Plain(Value::Unsigned(n)),
            Value::Signed(n) => Kept::Plain(Value::Signed(n)),
            Value::Named(n, name) => Kept::Plain(Value::Named(n, name)),
            Value::Flag(yes) => Kept::Plain(Value::Flag(yes)),
            Value::Time(seconds) => Kept::Plain(Value::Time(seconds)),
            Value::QuarterDb(q) => Kept::Plain(Value::QuarterDb(q)),
            Value::Scaled { raw, per_unit, unit } => Kept::Plain(Value::Scaled { raw, per_unit, unit }),
        };
        self.events.push(Event::Leaf { name, start, len: bytes.len(), bits, value });
    }

    fn open(&mut self, name: &'static str, start: usize) {
        self.events.push(Event::Open(name, start));
    }

    fn close(&mut self, end: usize) {
        self.events.push(Event::Close(end));
    }

    fn issue(&mut self, issue: Issue) {
        self.issues.push(issue);
    }
}

impl Listener for Record {
    const FIELDS: bool = true;
}

/// The decoder of one payload type that this crate brings: its value is an [`OwnedPayload`].
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct BuiltIn(pub PayloadType);

impl PayloadDecoder for BuiltIn {
    fn name(&self) -> &'static str {
        self.0.name()
    }

    fn accepts(&self, subject: &Subject<'_>) -> bool {
        matches!(subject, Subject::Payload(packet) if packet.payload_type() == self.0)
    }

    fn decode(&self, subject: &Subject<'_>, fields: &mut Fields<'_, '_>) -> Option<Box<dyn DecodedValue>> {
        let Subject::Payload(packet) = subject else { return None };
        packet.typed_with(fields.cursor.hand_over());
        Some(Box::new(OwnedPayload { frame: packet.as_bytes().to_vec() }))
    }
}

/// A payload that owns its frame.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct OwnedPayload {
    frame: Vec<u8>,
}

impl OwnedPayload {
    /// The payload, read again from the frame: that costs less than to keep it. `None` never comes
    /// of a registry, whose frames were read before.
    pub fn get(&self) -> Option<Payload<'_>> {
        Packet::parse(&self.frame).ok().map(|packet| packet.typed().payload)
    }
}
