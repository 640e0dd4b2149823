//! All the channels one knows.

use alloc::string::String;
use alloc::vec::Vec;

use super::candidates::Candidates;
use super::channel::{ChannelKey, PUBLIC_CHANNEL_KEY, PUBLIC_CHANNEL_NAME};
use super::cipher::{self, OpenError, Plaintext};
use crate::payload::Group;

/// Channel keys by name. A packet is tried only with the keys of its channel hash, about one in
/// 256, and all of those: hash collisions are normal.
#[derive(Clone)]
pub struct KeyRing {
    keys: Vec<NamedKey>,
    candidates: Candidates,
}

/// A key and what it is called.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct NamedKey {
    /// The channel's name, for display: it is not checked against anything.
    pub name: String,
    /// Its key.
    pub key: ChannelKey,
}

/// A packet that a key opened.
#[derive(Clone, Copy, Debug)]
pub struct Opened<'k> {
    /// The channel.
    pub channel: &'k NamedKey,
    /// What it says.
    pub plaintext: Plaintext,
}

impl KeyRing {
    /// No channel at all.
    pub fn new() -> Self {
        Self { keys: Vec::new(), candidates: Candidates::new() }
    }

    /// The public channel alone.
    pub fn with_public() -> Self {
        let mut ring = Self::new();
        ring.insert(PUBLIC_CHANNEL_NAME, ChannelKey::from_128(PUBLIC_CHANNEL_KEY));
        ring
    }

    /// Adds a channel. The same name with the same key is kept once; keys are tried in the order
    /// they were added.
    pub fn insert(&mut self, name: &str, key: ChannelKey) {
        let known = self.candidates.rows(key.hash()).iter();
        if known.filter_map(|&row| self.keys.get(row as usize)).any(|old| old.name == name && old.key == key)
        {
            return;
        }
        let Ok(row) = u32::try_from(self.keys.len()) else { return };
        self.candidates.push(key.hash(), key.cipher().mac, row);
        self.keys.push(NamedKey { name: name.into(), key });
    }

    /// Adds a hashtag channel, whose key follows from its name.
    pub fn insert_hashtag(&mut self, name: &str) {
        self.insert(name, ChannelKey::from_hashtag(name));
    }

    /// The channel of this name.
    pub fn get(&self, name: &str) -> Option<&NamedKey> {
        self.iter().find(|key| key.name == name)
    }

    /// All channels, in the order they were added.
    pub fn iter(&self) -> core::slice::Iter<'_, NamedKey> {
        self.keys.iter()
    }

    /// How many.
    pub fn len(&self) -> usize {
        self.keys.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// The channels with this hash.
    pub fn candidates(&self, channel_hash: u8) -> impl ExactSizeIterator<Item = &NamedKey> {
        self.candidates.rows(channel_hash).iter().map(|&row| &self.keys[row as usize])
    }

    /// Whether any key has this channel hash.
    pub fn has_candidate(&self, channel_hash: u8) -> bool {
        !self.candidates.rows(channel_hash).is_empty()
    }

    /// Opens a packet with the first key that fits.
    ///
    /// # Errors
    ///
    /// [`OpenError::NoKey`] if no key has its channel hash; else why none opens it.
    pub fn open(&self, group: &Group<'_>) -> Result<Opened<'_>, OpenError> {
        if !self.has_candidate(group.channel_hash) {
            return Err(OpenError::NoKey);
        }
        cipher::check(group.ciphertext)?;
        self.open_all(group).next().ok_or(OpenError::MacMismatch)
    }

    /// Every reading of a packet: with many keys of one channel hash two bytes of MAC may let a
    /// wrong one pass.
    pub fn open_all<'k, 'g>(&'k self, group: &Group<'g>) -> impl Iterator<Item = Opened<'k>> + use<'k, 'g> {
        let ciphertext = if cipher::check(group.ciphertext).is_ok() { Some(group.ciphertext) } else { None };
        let (hash, mac) = (group.channel_hash, group.mac);
        ciphertext
            .into_iter()
            .flat_map(move |ciphertext| {
                self.candidates.matching(hash, mac, ciphertext).map(move |row| (row, ciphertext))
            })
            .filter_map(|(row, ciphertext)| {
                let channel = self.keys.get(row as usize)?;
                Some(Opened { channel, plaintext: channel.key.cipher().decrypt(ciphertext) })
            })
    }
}

impl Default for KeyRing {
    fn default() -> Self {
        Self::new()
    }
}

impl<'k> IntoIterator for &'k KeyRing {
    type Item = &'k NamedKey;
    type IntoIter = core::slice::Iter<'k, NamedKey>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl<S: AsRef<str>> FromIterator<(S, ChannelKey)> for KeyRing {
    fn from_iter<I: IntoIterator<Item = (S, ChannelKey)>>(keys: I) -> Self {
        let mut ring = Self::new();
        for (name, key) in keys {
            ring.insert(name.as_ref(), key);
        }
        ring
    }
}

impl core::fmt::Debug for KeyRing {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_map().entries(self.iter().map(|named| (&named.name, &named.key))).finish()
    }
}
