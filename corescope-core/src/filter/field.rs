//! What can be asked about a packet.

use std::fmt;

use smallvec::SmallVec;

use super::names::nearest;

/// A field of the language. The comment on each says its value and what a missing one reads as.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Field {
    /// `type`: wire name of the payload type; missing reads as empty text.
    Type,
    /// `route`: wire name of the route type; missing reads as empty text.
    Route,
    /// `transport`: true for the two routes with transport codes.
    Transport,
    /// `hash`: 16 hex digits.
    Hash,
    /// `raw`: the whole frame in hex, as the transmission has it.
    Raw,
    /// `size`: bytes of the frame; missing reads as 0.
    Size,
    /// `snr`: dB; can be absent.
    Snr,
    /// `rssi`: dBm; can be absent.
    Rssi,
    /// `hops`: number of hops in the path; missing reads as 0.
    Hops,
    /// `observer`: name; missing reads as empty text.
    Observer,
    /// `observer_id`: as published; missing reads as empty text.
    ObserverId,
    /// `observer_iata`, `iata`: region code; missing reads as empty text.
    Iata,
    /// `observations`: how often it was heard; missing reads as 0.
    Observations,
    /// `path`, `path_prefixes`: hops in hex, joined with ` → `.
    Path,
    /// `routed_through`: full keys of the resolved path, lower case, joined by blanks. Of all copies, where they are
    /// known; without the sender.
    RoutedThrough,
    /// `payload_bytes`: size − 2. Kept for old expressions; `body_bytes` is right.
    PayloadBytes,
    /// `payload_hex`: the frame without its first two bytes. Kept; `body_hex` is right.
    PayloadHex,
    /// `body_bytes`: bytes of the payload.
    BodyBytes,
    /// `body_hex`: the payload.
    BodyHex,
    /// `time`, `timestamp`: when it was first heard, milliseconds since 1970; can be absent.
    Time,
    /// `age`: seconds since then; can be absent.
    Age,
    /// `code1`: first transport code, four upper-case hex digits in wire order; can be absent.
    Code1,
    /// `code2`: second transport code; can be absent.
    Code2,
    /// `channel`: channel name, or `enc_` and its hash; missing reads as empty text.
    Channel,
    /// `scope`: matched region name with `#`; missing reads as empty text.
    Scope,
    /// `payload.a.b…`: a field of the decoded payload; can be absent.
    Payload(PayloadPath),
    /// A name that no packet has: always absent.
    Unknown(Box<str>),
}

/// The names after `payload.`, outermost first.
pub type PayloadPath = SmallVec<[Box<str>; 2]>;

const NAMES: [(&str, Field); 28] = [
    ("type", Field::Type),
    ("route", Field::Route),
    ("transport", Field::Transport),
    ("hash", Field::Hash),
    ("raw", Field::Raw),
    ("size", Field::Size),
    ("snr", Field::Snr),
    ("rssi", Field::Rssi),
    ("hops", Field::Hops),
    ("observer", Field::Observer),
    ("observer_id", Field::ObserverId),
    ("observer_iata", Field::Iata),
    ("iata", Field::Iata),
    ("observations", Field::Observations),
    ("path", Field::Path),
    ("path_prefixes", Field::Path),
    ("routed_through", Field::RoutedThrough),
    ("payload_bytes", Field::PayloadBytes),
    ("payload_hex", Field::PayloadHex),
    ("body_bytes", Field::BodyBytes),
    ("body_hex", Field::BodyHex),
    ("time", Field::Time),
    ("timestamp", Field::Time),
    ("age", Field::Age),
    ("code1", Field::Code1),
    ("code2", Field::Code2),
    ("channel", Field::Channel),
    ("scope", Field::Scope),
];

impl Field {
    /// The field of this name. Names are case-sensitive; any name is legal, and one that means
    /// nothing gives [`Field::Unknown`].
    pub fn named(name: &str) -> Self {
        if let Some(path) = name.strip_prefix("payload.") {
            return Self::Payload(path.split('.').map(Box::from).collect());
        }
        let known = NAMES.iter().find(|(n, _)| *n == name).map(|(_, field)| field.clone());
        known.unwrap_or_else(|| Self::Unknown(name.into()))
    }

    /// All names that can be written, without those under `payload.`.
    pub fn names() -> impl Iterator<Item = &'static str> {
        NAMES.iter().map(|(name, _)| *name)
    }

    /// Whether its value is a number, so that text bounds make no sense.
    pub fn is_numeric(&self) -> bool {
        matches!(
            self,
            Self::Size
                | Self::Snr
                | Self::Rssi
                | Self::Hops
                | Self::Observations
                | Self::PayloadBytes
                | Self::BodyBytes
                | Self::Time
                | Self::Age
        )
    }

    /// Whether the shorthand `field:value` looks for a part rather than the whole.
    pub(super) fn is_free_text(&self) -> bool {
        matches!(
            self,
            Self::Hash
                | Self::Raw
                | Self::Observer
                | Self::ObserverId
                | Self::Path
                | Self::RoutedThrough
                | Self::PayloadHex
                | Self::BodyHex
                | Self::Channel
                | Self::Scope
                | Self::Payload(_)
        )
    }

    /// The known name that a misspelt one may stand for.
    pub(super) fn nearest_name(name: &str) -> Option<String> {
        // Payload fields named without their prefix are the commonest slip.
        let payload =
            ["name", "text", "sender", "lat", "lon", "channelHash", "destHash", "srcHash", "pubKey"];
        if payload.contains(&name) || name.starts_with("flags.") {
            return Some(format!("payload.{name}"));
        }
        nearest(name, Self::names()).map(str::to_owned)
    }
}

impl fmt::Display for Field {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Payload(path) => write!(f, "payload.{}", path.join(".")),
            Self::Unknown(name) => f.write_str(name),
            known => {
                f.write_str(NAMES.iter().find(|(_, field)| field == known).map_or("", |(name, _)| *name))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_is_found_and_shown() {
        for (name, field) in &NAMES {
            assert_eq!(&Field::named(name), field);
            assert_eq!(&Field::named(&field.to_string()), field);
        }
        assert_eq!(Field::named("payload.flags.room").to_string(), "payload.flags.room");
        assert_eq!(Field::named("Snr"), Field::Unknown("Snr".into()));
    }

    #[test]
    fn slips_are_recognised() {
        assert_eq!(Field::nearest_name("name").as_deref(), Some("payload.name"));
        assert_eq!(Field::nearest_name("observr").as_deref(), Some("observer"));
        assert_eq!(Field::nearest_name("zzzzzz"), None);
    }
}
