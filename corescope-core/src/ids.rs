//! Identities: nodes by their key, observers by what they call themselves.
//!
//! The database and the API spell a node's key in lower-case hex and an observer's id exactly as
//! the observer published it; the two types here keep that difference from being forgotten.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

pub use corescope_decode::PacketHash;

/// A node's Ed25519 public key: its identity on the mesh. Shown as 64 lower-case hex digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeKey(pub [u8; 32]);

impl NodeKey {
    /// Reads 64 hex digits of either case.
    ///
    /// # Errors
    ///
    /// [`BadNodeKey`] when the length or a digit is wrong.
    pub fn from_hex(text: &str) -> Result<Self, BadNodeKey> {
        let mut key = [0; 32];
        if text.len() != 64 {
            return Err(BadNodeKey { length: text.len() });
        }
        hex::decode_to_slice(text, &mut key).map_err(|_| BadNodeKey { length: text.len() })?;
        Ok(Self(key))
    }

    /// The bytes, as they travel in an advert.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// The first `size` bytes: what a path names this node by (1, 2 or 3; 1, 2, 4 or 8 in a trace).
    /// A larger size than the key has gives the whole key.
    pub fn path_hash(&self, size: usize) -> &[u8] {
        self.0.get(..size).unwrap_or(&self.0)
    }

    /// Whether the first byte is 0x00 or 0xFF, which the firmware refuses to use
    /// (MeshCore `src/helpers/IdentityStore`, `examples/*/main.cpp`: keys are drawn again).
    pub fn is_reserved(&self) -> bool {
        matches!(self.0[0], 0x00 | 0xFF)
    }
}

impl fmt::Display for NodeKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for NodeKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "NodeKey({self})")
    }
}

impl FromStr for NodeKey {
    type Err = BadNodeKey;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::from_hex(text)
    }
}

impl From<[u8; 32]> for NodeKey {
    fn from(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }
}

impl Serialize for NodeKey {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for NodeKey {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<str>::deserialize(deserializer)?;
        Self::from_hex(&text).map_err(serde::de::Error::custom)
    }
}

/// A text that is no node key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a node key is 64 hex digits; this has {length} bytes or a digit that is not hex")]
pub struct BadNodeKey {
    /// Length of the text in bytes.
    pub length: usize,
}

/// What an observer calls itself: the third segment of its topic, kept letter for letter.
///
/// Usually its key in *upper-case* hex, but names are legal. Compare with
/// [`same_as`](Self::same_as), because one observer is found in both spellings.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ObserverId(Box<str>);

impl ObserverId {
    /// The id as published. Returns `None` for an empty text, for one over 128 bytes, and for the
    /// words that publishers send when they do not know their key (`UNKNOWN`, `DEVICE`).
    pub fn new(text: &str) -> Option<Self> {
        let text = text.trim();
        let unknown = ["UNKNOWN", "DEVICE"].iter().any(|word| text.eq_ignore_ascii_case(word));
        (!text.is_empty() && text.len() <= Self::MAX_LEN && !unknown).then(|| Self(text.into()))
    }

    /// Longest accepted id in bytes.
    pub const MAX_LEN: usize = 128;

    /// The id as published.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether both name the same observer: ASCII letters compare without case.
    pub fn same_as(&self, other: &str) -> bool {
        self.0.eq_ignore_ascii_case(other)
    }

    /// The node behind the observer, when its id is a key.
    pub fn node_key(&self) -> Option<NodeKey> {
        NodeKey::from_hex(&self.0).ok()
    }
}

impl fmt::Display for ObserverId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for ObserverId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ObserverId({:?})", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_node_key_reads_either_case_and_shows_lower() {
        let text = "7E7662676F7F0850A8A355BAAFBFC1EB7B4174C340442D7D7161C9474A2C9400";
        let key: NodeKey = text.parse().unwrap();
        assert_eq!(key.to_string(), text.to_lowercase());
        assert_eq!(key.path_hash(2), [0x7e, 0x76]);
        assert_eq!(key.path_hash(99).len(), 32);
        assert!(!key.is_reserved());
        assert_eq!(serde_json::from_str::<NodeKey>(&serde_json::to_string(&key).unwrap()).unwrap(), key);
    }

    #[test]
    fn what_is_no_key_says_what_a_key_is() {
        let error = NodeKey::from_hex("7e").unwrap_err();
        assert_eq!(
            error.to_string(),
            "a node key is 64 hex digits; this has 2 bytes or a digit that is not hex"
        );
        assert!(NodeKey::from_hex(&"zz".repeat(32)).is_err());
        assert!(NodeKey::from_hex(&"é".repeat(32)).is_err());
    }

    #[test]
    fn an_observer_keeps_its_spelling_but_compares_without_case() {
        let id = ObserverId::new(" Hill-RPT ").unwrap();
        assert_eq!(id.as_str(), "Hill-RPT");
        assert!(id.same_as("hill-rpt"));
        assert!(id.node_key().is_none());
        for nobody in ["", "  ", "unknown", "DEVICE", &"x".repeat(129)] {
            assert!(ObserverId::new(nobody).is_none(), "{nobody}");
        }
    }
}
