//! The tree itself.

use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;
use core::ops::Range;

use crate::frame::FrameError;
use crate::hash::PacketHash;
use crate::issue::Issue;

/// A frame taken apart.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Tree {
    /// The frame.
    pub bytes: Vec<u8>,
    /// What it is in a few words, such as `ADVERT by FLOOD, 3 hops`.
    pub summary: String,
    /// The packet hash; absent if there is no packet.
    pub hash: Option<PacketHash>,
    /// Why it is no packet. The fields before the error are there all the same.
    pub error: Option<FrameError>,
    /// What is wrong with the payload and what is inside it.
    pub issues: Vec<Issue>,
    /// The fields, in the order of the wire.
    pub fields: Vec<Node>,
}

/// One field, or a group of them.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Node {
    /// Its name.
    pub name: &'static str,
    /// Its bytes: from the frame's start, or the plaintext's beneath a ciphertext.
    pub range: Range<usize>,
    /// Highest and lowest bit, 7 to 0, if it is a part of one byte.
    pub bits: Option<(u8, u8)>,
    /// The bytes as lower-case hex; of bits their number.
    pub raw: String,
    /// What they say; empty if nothing but themselves.
    pub meaning: String,
    /// The fields it consists of; if there are any, they cover all of it.
    pub children: Vec<Node>,
    /// What a key opened.
    pub decrypted: Option<Box<Decrypted>>,
}

/// The plaintext beneath a ciphertext.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Decrypted {
    /// Whose key opened it, such as a channel's name.
    pub key: String,
    /// The decrypted bytes with their padding.
    pub bytes: Vec<u8>,
    /// Their fields.
    pub fields: Vec<Node>,
}

impl Node {
    /// Those without children, beneath and including this one; not what is decrypted.
    pub fn leaves(&self) -> Vec<&Node> {
        let mut out = Vec::new();
        collect(core::slice::from_ref(self), &mut out);
        out
    }

    /// The node of this name beneath it, plaintexts included.
    pub fn find(&self, name: &str) -> Option<&Node> {
        if self.name == name {
            return Some(self);
        }
        let inner = self.decrypted.iter().flat_map(|plain| &plain.fields);
        self.children.iter().chain(inner).find_map(|child| child.find(name))
    }
}

impl Tree {
    /// The fields without children, in the order of the wire: together the whole frame.
    pub fn leaves(&self) -> Vec<&Node> {
        let mut out = Vec::new();
        collect(&self.fields, &mut out);
        out
    }

    /// The first field of this name, plaintexts included.
    pub fn find(&self, name: &str) -> Option<&Node> {
        self.fields.iter().find_map(|node| node.find(name))
    }
}

impl Decrypted {
    /// The fields without children: together the whole plaintext.
    pub fn leaves(&self) -> Vec<&Node> {
        let mut out = Vec::new();
        collect(&self.fields, &mut out);
        out
    }
}

fn collect<'t>(nodes: &'t [Node], out: &mut Vec<&'t Node>) {
    for node in nodes {
        if node.children.is_empty() {
            out.push(node);
        } else {
            collect(&node.children, out);
        }
    }
}

#[cfg(feature = "serde")]
mod ser {
    use super::{Decrypted, Node, Tree};
    use alloc::string::ToString;
    use serde::ser::{Serialize, SerializeMap, Serializer};

    impl Serialize for Tree {
        fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            let mut map = serializer.serialize_map(None)?;
            map.serialize_entry("summary", &self.summary)?;
            map.serialize_entry("length", &self.bytes.len())?;
            if let Some(hash) = self.hash {
                map.serialize_entry("hash", &hash)?;
            }
            if let Some(error) = &self.error {
                map.serialize_entry("error", error.code())?;
                map.serialize_entry("message", &error.to_string())?;
            }
            map.serialize_entry("issues", &self.issues)?;
            map.serialize_entry("fields", &self.fields)?;
            map.end()
        }
    }

    impl Serialize for Node {
        fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            let mut map = serializer.serialize_map(None)?;
            map.serialize_entry("name", self.name)?;
            map.serialize_entry("offset", &self.range.start)?;
            map.serialize_entry("length", &self.range.len())?;
            if let Some((high, low)) = self.bits {
                map.serialize_entry("bits", &[high, low])?;
            }
            map.serialize_entry("raw", &self.raw)?;
            if !self.meaning.is_empty() {
                map.serialize_entry("meaning", &self.meaning)?;
            }
            if !self.children.is_empty() {
                map.serialize_entry("fields", &self.children)?;
            }
            if let Some(decrypted) = &self.decrypted {
                map.serialize_entry("decrypted", decrypted)?;
            }
            map.end()
        }
    }

    impl Serialize for Decrypted {
        fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            let mut map = serializer.serialize_map(Some(3))?;
            map.serialize_entry("key", &self.key)?;
            map.serialize_entry("plaintext", &crate::hex::Hex(&self.bytes))?;
            map.serialize_entry("fields", &self.fields)?;
            map.end()
        }
    }

    impl Serialize for crate::issue::Issue {
        fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            let mut map = serializer.serialize_map(Some(4))?;
            map.serialize_entry("kind", self.kind.code())?;
            map.serialize_entry("offset", &self.offset)?;
            map.serialize_entry("field", self.field)?;
            map.serialize_entry("message", &self.to_string())?;
            map.end()
        }
    }
}
