//! `meshcore://` URIs, as QR codes hold them.
//!
//! * `meshcore://channel/add?name=…&secret=<32 hex>[&region_scope=…]`
//! * `meshcore://contact/add?name=…&public_key=<64 hex>&type=<1..4>`
//! * `meshcore://<hex>`: a business card, the whole frame of an ADVERT
//!
//! Values are form-encoded: `+` is a space, `%XX` a byte of UTF-8.
//!
//! Source of fact: MeshCore `docs/qr_codes.md`.

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt::{self, Write as _};

use crate::frame::Packet;
use crate::hex::{self, Hex};
use crate::payload::{NodeType, Payload};

const SCHEME: &str = "meshcore://";

/// The longest text that is looked at: the largest QR code holds less.
pub const MAX_LEN: usize = 8192;

/// What a URI hands over.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Uri {
    /// A channel.
    Channel {
        /// Its name.
        name: String,
        /// Its key.
        secret: [u8; 16],
        /// The region that messages should be scoped to.
        region_scope: Option<String>,
    },
    /// Somebody's identity.
    Contact {
        /// Its name.
        name: String,
        /// Its key.
        public_key: [u8; 32],
        /// What kind of node: 1 to 4.
        node_type: NodeType,
    },
    /// A business card.
    Card {
        /// The frame of an advert.
        raw: Vec<u8>,
        /// Whose.
        public_key: [u8; 32],
    },
}

/// Text that is no URI we know. Its stable code is `bad_uri`.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct BadUri {
    /// What is wrong, and what was expected.
    pub reason: &'static str,
}

impl fmt::Display for BadUri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "not a meshcore:// URI: {}", self.reason)
    }
}

impl core::error::Error for BadUri {}

const fn bad(reason: &'static str) -> BadUri {
    BadUri { reason }
}

impl Uri {
    /// Reads a URI.
    ///
    /// # Errors
    ///
    /// [`BadUri`] says which part is missing or wrong.
    pub fn parse(text: &str) -> Result<Self, BadUri> {
        if text.len() > MAX_LEN {
            return Err(bad("longer than any QR code"));
        }
        let (scheme, rest) =
            text.split_at_checked(SCHEME.len()).ok_or(bad("it should begin with meshcore://"))?;
        if !scheme.eq_ignore_ascii_case(SCHEME) {
            return Err(bad("it should begin with meshcore://"));
        }
        if let Some(query) = rest.strip_prefix("channel/add?") {
            return Self::channel(query);
        }
        if let Some(query) = rest.strip_prefix("contact/add?") {
            return Self::contact(query);
        }
        Self::card(rest)
    }

    fn channel(query: &str) -> Result<Self, BadUri> {
        let name = value(query, "name")?.ok_or(bad("a channel needs a name"))?;
        let secret = value(query, "secret")?.ok_or(bad("a channel needs a secret"))?;
        let secret = exact(&secret).ok_or(bad("a channel's secret is 32 hex digits"))?;
        Ok(Self::Channel { name, secret, region_scope: value(query, "region_scope")? })
    }

    fn contact(query: &str) -> Result<Self, BadUri> {
        let name = value(query, "name")?.ok_or(bad("a contact needs a name"))?;
        let key = value(query, "public_key")?.ok_or(bad("a contact needs a public_key"))?;
        let public_key = exact(&key).ok_or(bad("a public_key is 64 hex digits"))?;
        let kind = value(query, "type")?.ok_or(bad("a contact needs a type"))?;
        let number = kind.parse().ok().filter(|n| (1..=4).contains(n)).ok_or(bad("a type is 1 to 4"))?;
        Ok(Self::Contact { name, public_key, node_type: NodeType::from_number(number) })
    }

    fn card(text: &str) -> Result<Self, BadUri> {
        if text.contains(|c: char| !c.is_ascii_hexdigit()) {
            return Err(bad("after meshcore:// comes channel/add?, contact/add? or the hex of an advert"));
        }
        let raw = hex::parse(text).map_err(|_| bad("a business card is whole bytes of hex"))?;
        let not_advert = bad("a business card is the frame of an advert");
        let packet = Packet::parse(&raw).map_err(|_| not_advert)?;
        let Payload::Advert(advert) = packet.typed().payload else { return Err(not_advert) };
        let public_key = *advert.public_key;
        Ok(Self::Card { raw, public_key })
    }
}

/// Exactly `N` bytes of hex, nothing between the digits.
fn exact<const N: usize>(text: &str) -> Option<[u8; N]> {
    if text.len() == 2 * N { hex::parse_array(text).ok() } else { None }
}

/// The first value of this name, decoded.
fn value(query: &str, name: &str) -> Result<Option<String>, BadUri> {
    let pair = query.split('&').filter_map(|pair| pair.split_once('=')).find(|(key, _)| *key == name);
    pair.map(|(_, value)| decode(value)).transpose()
}

fn decode(value: &str) -> Result<String, BadUri> {
    let mut out = Vec::with_capacity(value.len());
    let mut bytes = value.bytes();
    while let Some(byte) = bytes.next() {
        out.push(match byte {
            b'+' => b' ',
            b'%' => {
                let digit = |b: Option<u8>| b.and_then(|b| char::from(b).to_digit(16));
                let (high, low) = (digit(bytes.next()), digit(bytes.next()));
                let (Some(high), Some(low)) = (high, low) else {
                    return Err(bad("% is followed by two hex digits"));
                };
                (high << 4 | low) as u8
            }
            byte => byte,
        });
    }
    String::from_utf8(out).map_err(|_| bad("a value is not UTF-8"))
}

/// As it stands in a QR code.
impl fmt::Display for Uri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Channel { name, secret, region_scope } => {
                write!(f, "{SCHEME}channel/add?name={}&secret={}", Encoded(name), Hex(secret))?;
                match region_scope {
                    Some(scope) => write!(f, "&region_scope={}", Encoded(scope)),
                    None => Ok(()),
                }
            }
            Self::Contact { name, public_key, node_type } => write!(
                f,
                "{SCHEME}contact/add?name={}&public_key={}&type={}",
                Encoded(name),
                Hex(public_key),
                node_type.number()
            ),
            Self::Card { raw, .. } => write!(f, "{SCHEME}{:X}", Hex(raw)),
        }
    }
}

struct Encoded<'a>(&'a str);

impl fmt::Display for Encoded<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for byte in self.0.bytes() {
            match byte {
                b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                    f.write_char(char::from(byte))?;
                }
                byte => write!(f, "%{byte:02X}")?,
            }
        }
        Ok(())
    }
}
