//! Signed adverts.

use super::{Encode, Vec};
use crate::crypto::KeyPair;
use crate::payload::{MAX_APPDATA, NodeType, Position};

/// Builds and signs an advert.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct AdvertBuilder<'n> {
    timestamp: u32,
    node_type: NodeType,
    position: Option<Position>,
    feature1: Option<u16>,
    feature2: Option<u16>,
    name: &'n str,
}

impl<'n> AdvertBuilder<'n> {
    /// Of this kind of node, at this time in Unix seconds.
    pub fn new(node_type: NodeType, timestamp: u32) -> Self {
        Self { timestamp, node_type, ..Self::default() }
    }

    /// Where the node is.
    #[must_use]
    pub const fn position(mut self, position: Position) -> Self {
        self.position = Some(position);
        self
    }

    /// The first reserved number.
    #[must_use]
    pub const fn feature1(mut self, value: u16) -> Self {
        self.feature1 = Some(value);
        self
    }

    /// The second reserved number.
    #[must_use]
    pub const fn feature2(mut self, value: u16) -> Self {
        self.feature2 = Some(value);
        self
    }

    /// The node's name. What does not fit is cut off between two characters, as firmware does.
    #[must_use]
    pub const fn name(mut self, name: &'n str) -> Self {
        self.name = name;
        self
    }

    /// The appdata: at most 32 bytes.
    pub fn appdata(&self) -> Vec<u8> {
        let flag = |set: bool, bit: u8| if set { bit } else { 0 };
        let flags = self.node_type.number() & 0x0F
            | flag(self.position.is_some(), 0x10)
            | flag(self.feature1.is_some(), 0x20)
            | flag(self.feature2.is_some(), 0x40)
            | flag(!self.name.is_empty(), 0x80);
        let mut out = Vec::from([flags]);
        if let Some(position) = self.position {
            out.extend(position.lat_e6.to_le_bytes());
            out.extend(position.lon_e6.to_le_bytes());
        }
        out.extend(self.feature1.into_iter().chain(self.feature2).flat_map(u16::to_le_bytes));
        let room = MAX_APPDATA - out.len();
        out.extend(self.name.get(..self.name.floor_char_boundary(room)).unwrap_or_default().as_bytes());
        out
    }

    /// The payload of an ADVERT, signed.
    pub fn sign(&self, keys: &KeyPair) -> Vec<u8> {
        let appdata = self.appdata();
        let mut message = keys.public().to_vec();
        message.extend(self.timestamp.to_le_bytes());
        message.extend(&appdata);
        let signature = keys.sign(&message);
        let mut out = Vec::with_capacity(100 + appdata.len());
        out.extend(keys.public());
        out.extend(self.timestamp.to_le_bytes());
        out.extend(signature);
        appdata.encode(&mut out);
        out
    }
}
