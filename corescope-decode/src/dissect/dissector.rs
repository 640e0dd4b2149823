//! Takes packets apart with all that one knows.

#[cfg(feature = "crypto")]
use alloc::boxed::Box;
use alloc::format;
use alloc::string::String;
#[cfg(feature = "crypto")]
use alloc::string::ToString;
use alloc::vec::Vec;

use super::build::Builder;
#[cfg(feature = "crypto")]
use super::tree::Decrypted;
use super::tree::{Node, Tree};
use crate::frame::{Packet, PayloadType, unread};
use crate::issue::Issue;
use crate::payload::{NodeType, Payload, ReplyTo};
use crate::plugin::{OwnedPayload, Registry, Subject};

#[cfg(feature = "crypto")]
use crate::crypto::{KeyRing, OpenError, SharedSecret};

/// Takes packets apart. What it is given to know it shows: keys open ciphertexts, the kinds of
/// nodes and requests say how answers are laid out.
#[derive(Clone, Copy, Default)]
pub struct Dissector<'k> {
    #[cfg(feature = "crypto")]
    ring: Option<&'k KeyRing>,
    #[cfg(feature = "crypto")]
    secrets: &'k [(String, SharedSecret)],
    registry: Option<&'k Registry>,
    target: Option<NodeType>,
    request: ReplyTo,
    verify: bool,
    marker: core::marker::PhantomData<&'k ()>,
}

/// Takes a frame apart, with the channels one knows.
#[cfg(feature = "crypto")]
pub fn dissect(frame: &[u8], ring: &KeyRing) -> Tree {
    Dissector::new().with_ring(ring).dissect(frame)
}

/// Takes a frame apart.
#[cfg(not(feature = "crypto"))]
pub fn dissect(frame: &[u8]) -> Tree {
    Dissector::new().dissect(frame)
}

impl<'k> Dissector<'k> {
    /// Knows nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Channels to open group messages with.
    #[cfg(feature = "crypto")]
    #[must_use]
    pub const fn with_ring(mut self, ring: &'k KeyRing) -> Self {
        self.ring = Some(ring);
        self
    }

    /// Secrets, each with a name to show, to open messages between two nodes with.
    #[cfg(feature = "crypto")]
    #[must_use]
    pub const fn with_secrets(mut self, secrets: &'k [(String, SharedSecret)]) -> Self {
        self.secrets = secrets;
        self
    }

    /// Decoders that are asked before those built in.
    #[must_use]
    pub const fn with_registry(mut self, registry: &'k Registry) -> Self {
        self.registry = Some(registry);
        self
    }

    /// The kind of node that requests are for.
    #[must_use]
    pub const fn with_target(mut self, target: NodeType) -> Self {
        self.target = Some(target);
        self
    }

    /// The request that a response answers.
    #[must_use]
    pub const fn with_request(mut self, request: ReplyTo) -> Self {
        self.request = request;
        self
    }

    /// Check adverts' signatures too, which takes a thousand times longer than all else. Without
    /// the feature `signatures` it does nothing.
    #[must_use]
    pub const fn verifying(mut self) -> Self {
        self.verify = true;
        self
    }

    /// Takes a frame apart, whatever it is: what is no packet has an error in its tree.
    pub fn dissect(&self, frame: &[u8]) -> Tree {
        let mut builder = Builder::new(frame);
        let packet = match Packet::parse_with(frame, &mut builder) {
            Ok(packet) => packet,
            Err(error) => {
                unread(frame, error.read(), &mut builder);
                let (fields, issues) = builder.finish();
                let summary = "not a packet".into();
                return Tree {
                    bytes: frame.to_vec(),
                    summary,
                    hash: None,
                    error: Some(error),
                    issues,
                    fields,
                };
            }
        };
        let known = self.registry.and_then(|r| r.decode_with(&Subject::Payload(&packet), &mut builder));
        let payload = match known {
            // Of a built-in decoder: the fields have been told, but what is inside has not.
            Some(decoded) if decoded.downcast_ref::<OwnedPayload>().is_some() => Some(packet.typed().payload),
            Some(_) => None,
            None => Some(packet.typed_with(&mut builder)),
        };
        let (mut fields, mut issues) = builder.finish();
        if let Some(payload) = payload {
            self.look_inside(&payload, &mut fields, &mut issues);
        }
        Tree {
            bytes: frame.to_vec(),
            summary: summary(&packet),
            hash: hash_of(&packet),
            error: None,
            issues,
            fields,
        }
    }

    #[cfg(not(feature = "crypto"))]
    fn look_inside(&self, _: &Payload<'_>, _: &mut Vec<Node>, _: &mut Vec<Issue>) {}

    /// Opens what a key opens, and checks what can be checked.
    #[cfg(feature = "crypto")]
    fn look_inside(&self, payload: &Payload<'_>, fields: &mut [Node], issues: &mut Vec<Issue>) {
        use crate::payload::{AnonBody, GroupText, Request, Response, ReturnPath, TextMessage};
        let opened = match payload {
            Payload::GroupText(group) => self.open_group(group, |plain, b| {
                GroupText::parse_with(plain, b);
            }),
            Payload::GroupData(group) => self.open_group(group, |plain, b| self.group_data(plain, b)),
            Payload::TextMessage(peer) => self.open_peer(peer, |plain, b| {
                TextMessage::parse_with(plain, b);
            }),
            Payload::Request(peer) => self.open_peer(peer, |plain, b| {
                Request::parse_with(plain, b);
            }),
            Payload::Response(peer) => self.open_peer(peer, |plain, b| {
                Response::parse_with(plain, self.request, b);
            }),
            Payload::Path(peer) => self.open_peer(peer, |plain, b| {
                ReturnPath::parse_with(plain, self.request, b);
            }),
            Payload::AnonRequest(request) => {
                self.first_secret(|secret| secret.open_anon(request)).map(|opened| {
                    opened.map(|(key, plain)| {
                        read_plaintext(key, plain.as_bytes(), |plain, b| {
                            AnonBody::parse_with(plain, self.target, b);
                        })
                    })
                })
            }
            Payload::Advert(advert) => {
                self.check_signature(advert, fields, issues);
                None
            }
            _ => None,
        };
        match opened {
            Some(Ok((decrypted, inner))) => {
                issues.extend(inner);
                if let Some(node) = fields.iter_mut().find(|node| node.name == "ciphertext") {
                    node.decrypted = Some(Box::new(decrypted));
                }
            }
            Some(Err(OpenError::MacMismatch)) => {
                let at = fields.iter().find(|node| node.name == "MAC").map_or(0, |node| node.range.start);
                issues.push(Issue::mac_mismatch(at));
            }
            _ => {}
        }
    }

    #[cfg(feature = "crypto")]
    fn open_group(
        &self,
        group: &crate::payload::Group<'_>,
        read: impl FnOnce(&[u8], &mut Builder<'_>),
    ) -> Option<Result<Inside, OpenError>> {
        let opened = self.ring?.open(group);
        Some(opened.map(|opened| {
            let key = format!("channel {}", opened.channel.name);
            read_plaintext(&key, opened.plaintext.as_bytes(), read)
        }))
    }

    #[cfg(feature = "crypto")]
    fn open_peer(
        &self,
        peer: &crate::payload::Peer<'_>,
        read: impl FnOnce(&[u8], &mut Builder<'_>),
    ) -> Option<Result<Inside, OpenError>> {
        let opened = self.first_secret(|secret| secret.open(peer))?;
        Some(opened.map(|(key, plain)| read_plaintext(key, plain.as_bytes(), read)))
    }

    #[cfg(feature = "crypto")]
    fn first_secret(
        &self,
        open: impl Fn(&SharedSecret) -> Result<crate::crypto::Plaintext, OpenError>,
    ) -> Option<Result<(&'k str, crate::crypto::Plaintext), OpenError>> {
        let mut failed = None;
        for (name, secret) in self.secrets {
            match open(secret) {
                Ok(plain) => return Some(Ok((name, plain))),
                Err(error) => failed = Some(Err(error)),
            }
        }
        failed
    }

    #[cfg(feature = "crypto")]
    fn group_data(&self, plain: &[u8], builder: &mut Builder<'_>) {
        let Some(registry) = self.registry else {
            crate::payload::GroupData::parse_with(plain, builder);
            return;
        };
        crate::payload::GroupData::parse_through(plain, registry, builder);
    }

    #[cfg(all(feature = "crypto", feature = "signatures"))]
    fn check_signature(
        &self,
        advert: &crate::payload::Advert<'_>,
        fields: &mut [Node],
        issues: &mut Vec<Issue>,
    ) {
        if !self.verify {
            return;
        }
        let valid = crate::crypto::verify_advert(advert);
        let Some(node) = fields.iter_mut().find(|node| node.name == "signature") else { return };
        node.meaning = if valid { "valid".into() } else { "not valid".into() };
        if !valid {
            issues.insert(0, Issue::bad_signature(node.range.start));
        }
    }

    #[cfg(all(feature = "crypto", not(feature = "signatures")))]
    fn check_signature(&self, _: &crate::payload::Advert<'_>, _: &mut [Node], _: &mut Vec<Issue>) {
        let _ = self.verify;
    }
}

/// A plaintext's tree and issues.
#[cfg(feature = "crypto")]
type Inside = (Decrypted, Vec<Issue>);

#[cfg(feature = "crypto")]
fn read_plaintext(key: &str, plain: &[u8], read: impl FnOnce(&[u8], &mut Builder<'_>)) -> Inside {
    let mut builder = Builder::new(plain);
    read(plain, &mut builder);
    let (fields, issues) = builder.finish();
    (Decrypted { key: key.to_string(), bytes: plain.to_vec(), fields }, issues)
}

fn summary(packet: &Packet<'_>) -> String {
    let hops = packet.path().len();
    let done = if packet.payload_type() == PayloadType::Trace { "done" } else { "" };
    format!(
        "{} by {}, {hops} {}{}{done}",
        packet.payload_type(),
        packet.route_type(),
        if hops == 1 { "hop" } else { "hops" },
        if done.is_empty() { "" } else { " " },
    )
}

#[cfg(feature = "crypto")]
fn hash_of(packet: &Packet<'_>) -> Option<crate::PacketHash> {
    Some(crate::packet_hash(packet))
}

#[cfg(not(feature = "crypto"))]
fn hash_of(_: &Packet<'_>) -> Option<crate::PacketHash> {
    None
}
