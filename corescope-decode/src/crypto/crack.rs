//! Finding the name of a hashtag channel among many, over packets one has captured.
//!
//! A name is tried only on packets with its channel hash, one in 256, and fits one of those by
//! chance once in 65 536. So a hit is weighed: by further packets that it opens, and by plaintexts
//! that look like messages.

use alloc::string::{String, ToString};
use alloc::vec::Vec;

use super::channel::ChannelKey;
use super::hmac::HmacKey;
use super::sha256::sha256_of;
use crate::frame::Packet;
use crate::payload::{Group, GroupText, Payload};
use crate::text::Text;

/// Captured group texts, by channel hash.
#[derive(Clone)]
pub struct ChannelSearch {
    buckets: Vec<Vec<Captured>>,
    packets: usize,
}

#[derive(Clone, Eq, PartialEq)]
struct Captured {
    mac: [u8; 2],
    ciphertext: Vec<u8>,
}

/// A name that opens packets.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Hit {
    /// The channel's name.
    pub name: String,
    /// Its key.
    pub key: ChannelKey,
    /// Captured packets with its channel hash; others may share it.
    pub with_hash: usize,
    /// How many of them it opens.
    pub opened: usize,
    /// How many of those read like messages.
    pub readable: usize,
    /// One of the messages.
    pub sample: Option<String>,
}

impl Hit {
    /// How many names one would expect to open as many packets by chance, of `tried` names: well
    /// below one is good. What the plaintexts look like is not counted in.
    pub fn expected_by_chance(&self, tried: u64) -> f64 {
        let mut ways = 1.0;
        for taken in 0..self.opened.min(64) {
            ways *= (self.with_hash - taken) as f64 / (taken + 1) as f64 / 65_536.0;
        }
        tried as f64 / 256.0 * ways
    }

    /// Whether to believe it: at least half of what it opens reads like messages, and chance would
    /// not bring as much among `tried` names.
    pub fn is_confirmed(&self, tried: u64) -> bool {
        // Random plaintext passes the look of a message less than once in ten thousand.
        let looks = if self.readable > 0 { 1e-4 } else { 1.0 };
        self.readable * 2 >= self.opened && self.expected_by_chance(tried) * looks < 0.01
    }
}

impl ChannelSearch {
    /// No packets yet.
    pub fn new() -> Self {
        Self { buckets: alloc::vec![Vec::new(); 256], packets: 0 }
    }

    /// Adds a frame; `false` if it is no group text that can be opened, or is known already.
    pub fn add(&mut self, frame: &[u8]) -> bool {
        let Ok(packet) = Packet::parse(frame) else { return false };
        let Payload::GroupText(group) = packet.typed().payload else { return false };
        if super::cipher::check(group.ciphertext).is_err() {
            return false;
        }
        let captured = Captured { mac: group.mac, ciphertext: group.ciphertext.to_vec() };
        let Some(bucket) = self.buckets.get_mut(usize::from(group.channel_hash)) else { return false };
        if bucket.contains(&captured) {
            return false;
        }
        bucket.push(captured);
        self.packets += 1;
        true
    }

    /// Different packets so far.
    pub const fn packets(&self) -> usize {
        self.packets
    }

    /// Channel hashes that have packets.
    pub fn channel_hashes(&self) -> usize {
        self.buckets.iter().filter(|bucket| !bucket.is_empty()).count()
    }

    /// Tries a channel name, with its `#`.
    pub fn try_name(&self, name: &str) -> Option<Hit> {
        let digest = sha256_of(name.as_bytes());
        let key = digest.first_chunk::<16>()?;
        let hash = sha256_of(key)[0];
        let bucket = self.buckets.get(usize::from(hash))?;
        if bucket.is_empty() {
            return None;
        }
        let mac = HmacKey::new(key);
        bucket.iter().any(|packet| mac.mac2(&[], &packet.ciphertext) == packet.mac).then(|| {
            let key = ChannelKey::from_128(*key);
            weigh(name, key, bucket)
        })
    }

    /// Takes away what a found channel opens, so that it is not found again.
    pub fn remove(&mut self, key: &ChannelKey) {
        let Some(bucket) = self.buckets.get_mut(usize::from(key.hash())) else { return };
        let before = bucket.len();
        bucket.retain(|packet| open(key, packet).is_none());
        self.packets -= before - bucket.len();
    }
}

impl Default for ChannelSearch {
    fn default() -> Self {
        Self::new()
    }
}

impl core::fmt::Debug for ChannelSearch {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "ChannelSearch({} packets)", self.packets)
    }
}

fn open(key: &ChannelKey, packet: &Captured) -> Option<super::Plaintext> {
    key.open(&Group { channel_hash: key.hash(), mac: packet.mac, ciphertext: &packet.ciphertext }).ok()
}

fn weigh(name: &str, key: ChannelKey, bucket: &[Captured]) -> Hit {
    let plaintexts: Vec<_> = bucket.iter().filter_map(|packet| open(&key, packet)).collect();
    let texts: Vec<String> = plaintexts.iter().filter_map(|plain| message(plain.as_bytes())).collect();
    Hit {
        name: name.to_string(),
        key,
        with_hash: bucket.len(),
        opened: plaintexts.len(),
        readable: texts.len(),
        sample: texts.into_iter().next(),
    }
}

/// The text, if the plaintext is built like a message: type 0, UTF-8 without control characters, and
/// nothing but zeros behind its end.
fn message(plaintext: &[u8]) -> Option<String> {
    let message = GroupText::parse(plaintext)?;
    let text = message.text()?;
    let padding = message.body.get(text.as_bytes().len()..).unwrap_or_default();
    let readable = text.as_str().is_some_and(|text| !text.chars().any(char::is_control));
    (readable && padding.iter().all(|&b| b == 0)).then(|| Text(text.as_bytes()).to_string())
}

#[cfg(test)]
#[cfg(feature = "encode")]
mod tests {
    use super::*;
    use crate::encode::FrameBuilder;
    use crate::frame::PayloadType;

    fn frame(channel: &str, text: &str, at: u32) -> Vec<u8> {
        let payload = Group::seal(&ChannelKey::from_hashtag(channel), &GroupText::new(at, text));
        FrameBuilder::flood().build(PayloadType::GroupText, &payload).unwrap()
    }

    #[test]
    fn a_name_is_found_weighed_and_believed() {
        let mut search = ChannelSearch::new();
        for n in 0..4 {
            assert!(search.add(&frame("#fern", "Ann: hello there", 1_770_000_000 + n)));
        }
        assert!(!search.add(&frame("#fern", "Ann: hello there", 1_770_000_000)), "known already");
        search.add(&frame("#other", "Bo: 73", 1));
        assert_eq!((search.packets(), search.channel_hashes()), (5, 2));
        assert_eq!(search.try_name("#Fern"), None);
        let hit = search.try_name("#fern").unwrap();
        assert_eq!((hit.with_hash, hit.opened, hit.readable), (4, 4, 4));
        assert_eq!(hit.sample.as_deref(), Some("Ann: hello there"));
        assert!(hit.is_confirmed(1_000_000_000));
        search.remove(&hit.key);
        assert_eq!(search.try_name("#fern"), None);
    }

    #[test]
    fn one_packet_that_does_not_read_is_not_believed() {
        let hit = Hit {
            name: String::new(),
            key: ChannelKey::from_128([1; 16]),
            with_hash: 300,
            opened: 1,
            readable: 0,
            sample: None,
        };
        assert!(hit.expected_by_chance(1_000_000) > 10.0);
        assert!(!hit.is_confirmed(1_000_000));
    }
}
