//! Judging a packet.

use std::borrow::Cow;

use super::ast::{Comparison, Expr, Leaf, Operand, Test};
use super::field::Field;
use super::text::{Needle, number_of, number_text};
use crate::geo::LatLon;
use crate::ids::NodeKey;
use crate::time;

/// What a verdict depends on besides the packet.
#[derive(Debug, Clone, Copy, Default)]
pub struct Context<'a> {
    /// Now, in milliseconds since 1970; `age` counts back from it.
    pub now_ms: i64,
    /// The reader's own nodes, for `only my`.
    pub mine: &'a [NodeKey],
}

impl Context<'_> {
    /// A context with a clock and no nodes of one's own.
    pub fn at(now_ms: i64) -> Self {
        Self { now_ms, mine: &[] }
    }
}

/// The value of a field.
#[derive(Debug, Clone, PartialEq)]
pub enum Value<'a> {
    /// Not there; every comparison with it is false.
    Absent,
    /// A truth.
    Bool(bool),
    /// A number.
    Number(f64),
    /// A text.
    Text(Cow<'a, str>),
    /// A list or an object, as text; always true when asked bare.
    Composite(Cow<'a, str>),
}

/// A packet that can be judged: a transmission together with the observation that stands for it.
///
/// Texts that are missing are empty, counts that are missing are 0.
pub trait Fields {
    /// Payload type, header bits 2–5.
    fn payload_type(&self) -> Option<u8>;
    /// Route type, header bits 0–1.
    fn route_type(&self) -> Option<u8>;
    /// Packet hash, 16 hex digits.
    fn hash(&self) -> Cow<'_, str>;
    /// The transmission's frame in hex.
    fn raw_hex(&self) -> Cow<'_, str>;
    /// Bytes of the frame.
    fn size_bytes(&self) -> u32 {
        (self.raw_hex().len() / 2) as u32
    }
    /// SNR in dB.
    fn snr_db(&self) -> Option<f64>;
    /// RSSI in dBm.
    fn rssi_dbm(&self) -> Option<f64>;
    /// Hops in the path.
    fn hop_count(&self) -> u32;
    /// Hops in hex, joined with ` → `.
    fn path(&self) -> Cow<'_, str>;
    /// Observer's name.
    fn observer_name(&self) -> Cow<'_, str>;
    /// Observer's id.
    fn observer_id(&self) -> Cow<'_, str>;
    /// Observer's region code.
    fn observer_iata(&self) -> Cow<'_, str>;
    /// How often the transmission was heard.
    fn observation_count(&self) -> u32;
    /// Keys of the resolved path, lower-case, joined by blanks; of all copies, where they are known.
    fn routed_through(&self) -> Cow<'_, str>;
    /// When the packet was first heard, in milliseconds since 1970.
    fn time_ms(&self) -> Option<i64>;
    /// The four bytes of the transport codes, in wire order.
    fn transport_codes(&self) -> Option<[u8; 4]>;
    /// A field of the decoded payload, by its names from outside in.
    fn payload(&self, path: &[Box<str>]) -> Value<'_>;
    /// Channel name, or `enc_` and the channel hash.
    fn channel(&self) -> Cow<'_, str>;
    /// Name of the matched scope, with its `#`.
    fn scope(&self) -> Cow<'_, str>;
    /// Where the sender is, if known.
    fn position(&self) -> Option<LatLon>;
    /// Whether the node sent it or is on its resolved path.
    fn involves(&self, node: &NodeKey) -> bool {
        let key = Needle::new(&node.to_string());
        key.is_in(&self.routed_through())
            || matches!(self.payload(&["pubKey".into()]), Value::Text(text) if key.equals(&text))
    }
}

impl Expr {
    pub(super) fn matches<F: Fields + ?Sized>(&self, packet: &F, context: &Context<'_>) -> bool {
        self.decide(&mut |leaf| leaf.matches(packet, context))
    }
}

impl Leaf {
    /// The verdict on one packet.
    pub fn matches<F: Fields + ?Sized>(&self, packet: &F, context: &Context<'_>) -> bool {
        match self {
            Self::Comparison(comparison) => comparison.matches(packet, context),
            Self::From(needle) => is_from(packet, needle),
            Self::Near { center, km } => packet.position().is_some_and(|at| at.distance_km(center) <= *km),
            Self::Mine => context.mine.iter().any(|node| packet.involves(node)),
        }
    }
}

fn is_from<F: Fields + ?Sized>(packet: &F, needle: &Needle) -> bool {
    let is = |name: &str, test: fn(&Needle, &str) -> bool| match packet.payload(&[name.into()]) {
        Value::Text(text) => test(needle, &text),
        _ => false,
    };
    is("sender", Needle::is_in)
        || is("name", Needle::is_in)
        || is("pubKey", Needle::starts)
        || is("ephemeralPubKey", Needle::starts)
        || is("srcHash", Needle::equals)
}

impl Comparison {
    /// The verdict on one packet.
    pub fn matches<F: Fields + ?Sized>(&self, packet: &F, context: &Context<'_>) -> bool {
        match &self.field {
            Field::Type => self.on_type(packet.payload_type()),
            Field::Route | Field::Transport => self.on_route(packet.route_type()),
            field => self.test.on(&field.value(packet, context)),
        }
    }
}

impl Field {
    /// Its value in a packet.
    pub fn value<'a, F: Fields + ?Sized>(&self, packet: &'a F, context: &Context<'_>) -> Value<'a> {
        let text = Value::Text;
        let count = |n: u32| Value::Number(f64::from(n));
        let number = |n: Option<f64>| n.map_or(Value::Absent, Value::Number);
        match self {
            Self::Type => text(packet.payload_type().map_or("", super::payload_type_name).into()),
            Self::Route => text(packet.route_type().map_or("", super::route_type_name).into()),
            Self::Transport => Value::Bool(matches!(packet.route_type(), Some(0 | 3))),
            Self::Hash => text(packet.hash()),
            Self::Raw => text(packet.raw_hex()),
            Self::Size => count(packet.size_bytes()),
            Self::Snr => number(packet.snr_db()),
            Self::Rssi => number(packet.rssi_dbm()),
            Self::Hops => count(packet.hop_count()),
            Self::Observer => text(packet.observer_name()),
            Self::ObserverId => text(packet.observer_id()),
            Self::Iata => text(packet.observer_iata()),
            Self::Observations => count(packet.observation_count()),
            Self::Path => text(packet.path()),
            Self::RoutedThrough => text(packet.routed_through()),
            Self::PayloadBytes => count(packet.size_bytes().saturating_sub(2)),
            Self::PayloadHex => text(after(packet.raw_hex(), 2)),
            Self::BodyBytes => {
                count(packet.size_bytes().saturating_sub(body_offset(&packet.raw_hex()) as u32))
            }
            Self::BodyHex => {
                let raw = packet.raw_hex();
                let offset = body_offset(&raw);
                text(after(raw, offset))
            }
            Self::Time => number(packet.time_ms().map(|ms| ms as f64)),
            Self::Age => number(packet.time_ms().map(|ms| context.now_ms.saturating_sub(ms) as f64 / 1000.0)),
            Self::Code1 => code(packet, 0),
            Self::Code2 => code(packet, 2),
            Self::Channel => text(packet.channel()),
            Self::Scope => text(packet.scope()),
            Self::Payload(path) => packet.payload(path),
            Self::Unknown(_) => Value::Absent,
        }
    }
}

fn code<'a, F: Fields + ?Sized>(packet: &F, at: usize) -> Value<'a> {
    match packet.transport_codes() {
        Some(codes) => Value::Text(format!("{:02X}{:02X}", codes[at], codes[at + 1]).into()),
        None => Value::Absent,
    }
}

/// The hex text without its first `bytes` bytes.
fn after(hex: Cow<'_, str>, bytes: usize) -> Cow<'_, str> {
    match hex {
        Cow::Borrowed(text) => Cow::Borrowed(text.get(bytes * 2..).unwrap_or("")),
        Cow::Owned(text) => Cow::Owned(text.get(bytes * 2..).unwrap_or("").to_owned()),
    }
}

/// Where the payload begins in a frame: header, transport codes on routes 0 and 3, path length, path.
/// The length of the whole for a frame that ends before that.
fn body_offset(raw_hex: &str) -> usize {
    let byte = |at: usize| raw_hex.get(at * 2..at * 2 + 2).and_then(|h| u8::from_str_radix(h, 16).ok());
    let whole = raw_hex.len() / 2;
    let Some(header) = byte(0) else { return whole };
    let path_at = if matches!(header & 3, 0 | 3) { 5 } else { 1 };
    let Some(path_len) = byte(path_at) else { return whole };
    let path_bytes = usize::from(path_len & 63) * (usize::from(path_len >> 6) + 1);
    (path_at + 1 + path_bytes).min(whole)
}

impl Test {
    /// The verdict on a value.
    pub fn on(&self, value: &Value<'_>) -> bool {
        match value {
            Value::Absent => false,
            Value::Bool(truth) => self.on_bool(*truth),
            Value::Number(number) => self.on_number(*number),
            Value::Text(text) => self.on_text(text),
            Value::Composite(text) => matches!(self, Self::Truthy | Self::Present) || self.on_text(text),
        }
    }

    /// The verdict on a truth: 1 or 0 for the ordering operators, `true` or `false` for the rest.
    pub fn on_bool(&self, truth: bool) -> bool {
        match self {
            Self::Truthy => truth,
            Self::Less(_) | Self::AtMost(_) | Self::Greater(_) | Self::AtLeast(_) | Self::Between { .. } => {
                self.order(f64::from(u8::from(truth)))
            }
            Self::After(_) | Self::Before(_) => false,
            _ => self.on_text(if truth { "true" } else { "false" }),
        }
    }

    /// The verdict on a number.
    pub fn on_number(&self, number: f64) -> bool {
        match self {
            Self::Truthy => number != 0.0 && !number.is_nan(),
            Self::Present => true,
            Self::Equals(operand) => operand.is_number(number),
            Self::Differs(operand) => !operand.is_number(number),
            Self::OneOf(operands) => operands.iter().any(|operand| operand.is_number(number)),
            Self::Contains(_) | Self::StartsWith(_) | Self::EndsWith(_) | Self::Matches(_) => {
                self.on_text(&number_text(number))
            }
            _ => self.order(number),
        }
    }

    /// The verdict on a text.
    pub fn on_text(&self, text: &str) -> bool {
        match self {
            Self::Truthy | Self::Present => !text.is_empty(),
            Self::Equals(operand) => operand.text.equals(text),
            Self::Differs(operand) => !operand.text.equals(text),
            Self::Contains(needle) => needle.is_in(text),
            Self::StartsWith(needle) => needle.starts(text),
            Self::EndsWith(needle) => needle.ends(text),
            Self::OneOf(operands) => operands.iter().any(|operand| operand.text.equals(text)),
            Self::Matches(pattern) => pattern.is_in(text),
            Self::After(_) | Self::Before(_) => moment(text).is_some_and(|ms| self.order(ms)),
            Self::Between { .. } => number_of(text).or_else(|| moment(text)).is_some_and(|n| self.order(n)),
            Self::Less(_) | Self::AtMost(_) | Self::Greater(_) | Self::AtLeast(_) => {
                number_of(text).is_some_and(|n| self.order(n))
            }
        }
    }

    fn order(&self, number: f64) -> bool {
        match self {
            Self::Less(bound) | Self::Before(bound) => number < *bound,
            Self::AtMost(bound) => number <= *bound,
            Self::Greater(bound) | Self::After(bound) => number > *bound,
            Self::AtLeast(bound) => number >= *bound,
            Self::Between { low, high } => *low <= number && number <= *high,
            _ => false,
        }
    }
}

impl Operand {
    fn is_number(&self, number: f64) -> bool {
        match self.number {
            Some(own) => own == number,
            None => self.text.equals(&number_text(number)),
        }
    }
}

/// The moment that a date text means, in milliseconds; a year or a month alone is its beginning.
pub(super) fn moment(text: &str) -> Option<f64> {
    let text = text.trim();
    let whole = match text.len() {
        4 => format!("{text}-01-01"),
        7 => format!("{text}-01"),
        _ => return time::parse_rfc3339_millis(text).map(|ms| ms as f64),
    };
    time::parse_rfc3339_millis(&whole).map(|ms| ms as f64)
}
