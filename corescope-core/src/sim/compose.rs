//! What nodes say, as payload bytes: signed adverts, encrypted texts, requests and the rest.

use corescope_decode::crypto::{ChannelKey, PUBLIC_CHANNEL_KEY, SharedSecret};

use super::dice::Dice;
use super::names;
use super::world::Node;

/// The channels whose keys anybody can derive from their names, busiest first. `Public` is the one
/// with the key that every radio has.
pub(super) const CHANNELS: [&str; 6] = ["Public", "#test", "#mesh", "#wetter", "#bot", "#treffen"];
/// How many channels have keys that nobody published.
const PRIVATE_CHANNELS: usize = 5;
/// The scopes that packets are confined to.
pub(super) const SCOPES: [&str; 3] = ["#hessen", "#rhein-main", "#de"];
/// Longest text with its sender, in bytes, that firmware sends.
const MAX_TEXT: usize = 160;
/// Longest data of an advert behind its flags, in bytes.
const MAX_APPDATA: usize = 31;

/// The keys of all channels in use.
#[derive(Debug)]
pub(super) struct Channels {
    keys: Vec<(Option<&'static str>, ChannelKey)>,
}

impl Channels {
    pub(super) fn new(dice: &mut Dice) -> Self {
        let named = CHANNELS.into_iter().map(|name| {
            let key = match name {
                "Public" => ChannelKey::from_128(PUBLIC_CHANNEL_KEY),
                name => ChannelKey::from_hashtag(name),
            };
            (Some(name), key)
        });
        let private = (0..PRIVATE_CHANNELS).map(|_| (None, ChannelKey::from_128(dice.bytes())));
        Self { keys: named.chain(private).collect() }
    }

    /// A text on one of the channels: the payload, the channel's name, and the text.
    pub(super) fn text(
        &self,
        dice: &mut Dice,
        from: &Node,
        at_s: i64,
    ) -> (Vec<u8>, Option<&'static str>, String) {
        let busy = [40, 18, 9, 5, 4, 3];
        let private = [7, 5, 4, 3, 2];
        let weights: Vec<u32> = busy.into_iter().chain(private).collect();
        let text = cut(&format!("{}: {}", from.name, names::sentence(dice)), MAX_TEXT).to_owned();
        let mut plain = timestamp(from, at_s).to_vec();
        plain.push(0);
        plain.extend_from_slice(text.as_bytes());
        let Some((name, key)) = self.keys.get(dice.weighted(&weights)) else {
            return (Vec::new(), None, text);
        };
        (sealed(key, &plain), *name, text)
    }

    /// A datagram on a private channel.
    pub(super) fn data(&self, dice: &mut Dice) -> Vec<u8> {
        let Some((_, key)) = self.keys.get(CHANNELS.len() + dice.below(PRIVATE_CHANNELS)) else {
            return Vec::new();
        };
        let blob: [u8; 12] = dice.bytes();
        let mut plain = vec![0x20, 0x01, blob.len() as u8];
        plain.extend_from_slice(&blob);
        sealed(key, &plain)
    }
}

fn sealed(key: &ChannelKey, plain: &[u8]) -> Vec<u8> {
    let mut payload = vec![key.hash()];
    payload.extend(key.seal(plain));
    payload
}

/// An advert, signed.
pub(super) fn advert(node: &Node, at_s: i64) -> Vec<u8> {
    let mut appdata = vec![node.role as u8 | 0x80];
    if let Some(place) = node.claimed {
        appdata[0] |= 0x10;
        for degrees in [place.lat, place.lon] {
            appdata.extend_from_slice(&((degrees * 1e6).round() as i32).to_le_bytes());
        }
    }
    let room = MAX_APPDATA + 1 - appdata.len();
    appdata.extend_from_slice(cut(&node.name, room).as_bytes());
    let mut message = node.key.0.to_vec();
    message.extend_from_slice(&timestamp(node, at_s));
    message.extend_from_slice(&appdata);
    let signature = node.keys.sign(&message);
    let mut payload = message[..36].to_vec();
    payload.extend_from_slice(&signature);
    payload.extend_from_slice(&appdata);
    payload
}

/// A message for one node: destination, source, and the sealed plaintext.
pub(super) fn peer(from: &Node, to: &Node, secret: &SharedSecret, plain: &[u8]) -> Vec<u8> {
    let mut payload = vec![to.key.0[0], from.key.0[0]];
    payload.extend(secret.seal(plain));
    payload
}

/// The plaintext of a direct text.
pub(super) fn text_plain(dice: &mut Dice, from: &Node, at_s: i64) -> Vec<u8> {
    let mut plain = timestamp(from, at_s).to_vec();
    plain.push(0);
    plain.extend_from_slice(cut(&names::sentence(dice), MAX_TEXT).as_bytes());
    plain
}

/// The plaintext of a request of a type (1 status, 3 telemetry, 6 neighbours).
pub(super) fn request_plain(dice: &mut Dice, from: &Node, at_s: i64) -> Vec<u8> {
    let mut plain = timestamp(from, at_s).to_vec();
    plain.push([1, 3, 6][dice.below(3)]);
    plain.extend_from_slice(&dice.bytes::<8>());
    plain
}

/// An anonymous request (a login) to a room or repeater.
pub(super) fn anonymous(from: &Node, to: &Node, secret: &SharedSecret, at_s: i64) -> Vec<u8> {
    let mut plain = timestamp(from, at_s).to_vec();
    plain.extend_from_slice(b"hello");
    let mut payload = vec![to.key.0[0]];
    payload.extend_from_slice(&from.key.0);
    payload.extend(secret.seal(&plain));
    payload
}

/// A trace over relays, each named by one byte.
pub(super) fn trace(dice: &mut Dice, relays: &[&Node]) -> Vec<u8> {
    let mut payload = dice.word().to_le_bytes().to_vec();
    payload.extend_from_slice(&dice.word().to_le_bytes());
    payload.push(0);
    payload.extend(relays.iter().map(|relay| relay.key.0[0]));
    payload
}

/// "Which repeaters hear me?"
pub(super) fn discover(dice: &mut Dice) -> Vec<u8> {
    let mut payload = vec![0x80, 0x04];
    payload.extend_from_slice(&dice.word().to_le_bytes());
    payload
}

/// "I do": how well, and the responder's key.
pub(super) fn discovered(node: &Node, tag: &[u8], snr_quarters: i8) -> Vec<u8> {
    let mut payload = vec![0x90 | node.role as u8, snr_quarters as u8];
    payload.extend_from_slice(tag);
    payload.extend_from_slice(&node.key.0);
    payload
}

/// What the node's own clock says, as it goes into packets.
fn timestamp(node: &Node, at_s: i64) -> [u8; 4] {
    ((at_s + node.clock_error_s).clamp(0, i64::from(u32::MAX)) as u32).to_le_bytes()
}

/// The text, cut to so many bytes at the end of a character.
fn cut(text: &str, max: usize) -> &str {
    let end = (0..=max.min(text.len())).rev().find(|end| text.is_char_boundary(*end)).unwrap_or(0);
    &text[..end]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sim::{Mesh, Preset};
    use corescope_decode::crypto::{KeyRing, verify_advert};
    use corescope_decode::{Packet, Payload};

    fn framed(kind: u8, payload: &[u8]) -> Vec<u8> {
        let mut frame = vec![kind << 2 | 1, 0];
        frame.extend_from_slice(payload);
        frame
    }

    #[test]
    fn every_advert_is_validly_signed_and_names_its_node() {
        let mesh = Mesh::new(Preset::Town, 3);
        for node in mesh.nodes() {
            let frame = framed(4, &advert(node, 1_780_000_000));
            let typed = Packet::parse(&frame).unwrap().typed();
            let Payload::Advert(advert) = typed.payload else { panic!("no advert: {typed:?}") };
            assert!(verify_advert(&advert), "{}", node.name);
            assert_eq!(advert.public_key, &node.key.0);
            assert!(typed.issues.is_empty(), "{:?}", typed.issues);
        }
    }

    #[test]
    fn texts_on_named_channels_open_with_the_derived_keys() {
        let mesh = Mesh::new(Preset::Town, 3);
        let mut dice = Dice::new(1, 1);
        let channels = Channels::new(&mut dice);
        let mut ring = KeyRing::with_public();
        CHANNELS[1..].iter().for_each(|name| ring.insert_hashtag(name));
        for _ in 0..50 {
            let (payload, name, text) = channels.text(&mut dice, &mesh.nodes()[70], 1_780_000_000);
            let frame = framed(5, &payload);
            let Payload::GroupText(group) = Packet::parse(&frame).unwrap().typed().payload else { panic!() };
            match (ring.open(&group), name) {
                (Ok(opened), Some(name)) => {
                    assert_eq!(&*opened.channel.name, name);
                    assert_eq!(&opened.plaintext.as_bytes()[5..5 + text.len()], text.as_bytes());
                }
                (opened, name) => assert!(opened.is_err() && name.is_none(), "{name:?}"),
            }
        }
    }

    #[test]
    fn texts_are_cut_between_characters() {
        assert_eq!(cut("Zürich", 2), "Z");
        assert_eq!(cut("Zürich", 3), "Zü");
        assert_eq!(cut("ab", 9), "ab");
    }
}
