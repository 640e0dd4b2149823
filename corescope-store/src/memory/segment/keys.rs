//! The public keys of a segment: senders and relays, each once.

use crate::memory::saved::codec::stored_fields;
use std::borrow::Cow;

use super::dictionary::Interner;
use super::frame::write_hex;

/// Collects keys. Ordinary keys are 64 lower-case hex digits; whatever else was stored is kept as its text.
#[derive(Debug, Default)]
pub(crate) struct KeysBuilder {
    texts: Interner<Box<str>>,
}

impl KeysBuilder {
    pub(crate) fn number(&mut self, text: &str) -> u32 {
        self.texts.text(text)
    }

    pub(crate) fn finish(self) -> Keys {
        let mut keys = Keys::default();
        let texts = self.texts.into_values();
        keys.bytes.reserve_exact(texts.len());
        for (at, text) in texts.iter().enumerate() {
            match parse(text) {
                Some(key) => keys.bytes.push(key),
                None => {
                    keys.bytes.push([0; 32]);
                    keys.odd.push((at as u32, text.clone()));
                }
            }
        }
        keys.sorted = (0..texts.len() as u32).collect();
        keys.sorted.sort_unstable_by(|a, b| texts[*a as usize].cmp(&texts[*b as usize]));
        keys.odd.shrink_to_fit();
        keys
    }
}

/// The keys of a segment by number, and the numbers by key.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Keys {
    bytes: Vec<[u8; 32]>,
    odd: Vec<(u32, Box<str>)>,
    /// Numbers in ascending order of the texts.
    sorted: Vec<u32>,
}

impl Keys {
    #[cfg(test)]
    pub(crate) fn from_texts(texts: impl IntoIterator<Item = Box<str>>) -> Self {
        let mut builder = KeysBuilder::default();
        for text in texts {
            builder.number(&text);
        }
        builder.finish()
    }

    pub(crate) fn len(&self) -> usize {
        self.bytes.len()
    }

    /// The text of a key.
    pub(crate) fn get(&self, number: u32) -> Cow<'_, str> {
        if let Ok(at) = self.odd.binary_search_by_key(&number, |(n, _)| *n) {
            return Cow::Borrowed(self.odd.get(at).map_or("", |(_, text)| text));
        }
        self.bytes.get(number as usize).map_or(Cow::Borrowed(""), |key| {
            let mut text = String::with_capacity(64);
            write_hex(key, false, &mut text);
            Cow::Owned(text)
        })
    }

    /// Appends the text of a key.
    pub(crate) fn write_text(&self, number: u32, out: &mut String) {
        if !self.odd.is_empty() {
            out.push_str(&self.get(number));
        } else if let Some(key) = self.bytes.get(number as usize) {
            write_hex(key, false, out);
        }
    }

    /// The number of a key.
    pub(crate) fn find(&self, text: &str) -> Option<u32> {
        let at = if self.odd.is_empty() {
            let key = parse(text)?;
            self.sorted
                .binary_search_by(|n| self.bytes.get(*n as usize).unwrap_or(&[0; 32]).cmp(&key))
                .ok()?
        } else {
            self.sorted.binary_search_by(|n| (*self.get(*n)).cmp(text)).ok()?
        };
        self.sorted.get(at).copied()
    }

    /// Whether every number has its place, for keys that were read.
    pub(crate) fn is_sound(&self) -> bool {
        self.sorted.len() == self.bytes.len() && self.sorted.iter().all(|n| (*n as usize) < self.bytes.len())
    }

    pub(crate) fn bytes(&self) -> usize {
        self.bytes.capacity() * 32
            + self.sorted.capacity() * 4
            + self.odd.iter().map(|(_, text)| size_of::<(u32, Box<str>)>() + text.len()).sum::<usize>()
    }
}

fn parse(text: &str) -> Option<[u8; 32]> {
    let digits: &[u8; 64] = text.as_bytes().try_into().ok()?;
    let mut key = [0; 32];
    for (byte, pair) in key.iter_mut().zip(digits.chunks_exact(2)) {
        *byte = digit(pair[0])? << 4 | digit(pair[1])?;
    }
    Some(key)
}

fn digit(text: u8) -> Option<u8> {
    match text {
        b'0'..=b'9' => Some(text - b'0'),
        b'a'..=b'f' => Some(text - b'a' + 10),
        _ => None,
    }
}

stored_fields!(Keys { bytes, odd, sorted });

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ordinary_and_odd_keys_come_back_and_are_found() {
        let ordinary = "0f".repeat(32);
        let upper = "0F".repeat(32);
        for texts in [
            vec![ordinary.clone(), "ab".repeat(32)],
            vec![ordinary, upper, "sender-alice".into(), String::new()],
        ] {
            let keys = Keys::from_texts(texts.iter().map(|t| t.as_str().into()));
            assert_eq!(keys.len(), texts.len());
            for (number, text) in texts.iter().enumerate() {
                assert_eq!(keys.get(number as u32), text.as_str());
                assert_eq!(keys.find(text), Some(number as u32));
                let mut written = String::new();
                keys.write_text(number as u32, &mut written);
                assert_eq!(&written, text);
            }
            assert_eq!(keys.find("nobody"), None);
        }
    }
}
