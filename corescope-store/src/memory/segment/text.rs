//! Payload texts (`decoded_json`) in few bytes: copies from what is known anyway, literals for the rest.
//!
//! Known are a skeleton of the usual texts, the frame's bytes in lower-case hex, the frame's bytes themselves
//! (names stand in adverts as they are) and what was already written. The form is lossless for any text: what is
//! not known is a literal.
//!
//! | first byte | then | means |
//! |---|---|---|
//! | `0x00`–`0x7F` | that many plus one bytes | literal |
//! | `0x80`–`0xFF` | `u16` position, little endian | copy of `(first & 0x7F) + 4` bytes; at `0xFF` a length byte follows, which adds to it |
//!
//! Positions count through skeleton, hex and frame, then the text written so far.

use std::sync::LazyLock;

use super::frame::LOWER;

/// Shortest copy worth its three bytes.
const SHORTEST: usize = 4;
/// Longest copy without a length byte.
const PLAIN: usize = 0x7E + SHORTEST;
const LONGEST: usize = PLAIN + 1 + 255;

const SKELETON: &str = concat!(
    r##"{"type":"CHAN","channelHash":,"channelHashHex":"11","decryptionStatus":"decrypted","channel":"#test","text":"##,
    r##""","sender":"","sender_timestamp":17"##,
    r##"{"type":"CHAN","channelHash":17,"channelHashHex":"11","decryptionStatus":"decrypted","channel":"Public","text":""##,
    r##"{"type":"GRP_TXT","mac":"","encryptedData":"","channelHash":,"channelHashHex":"","##,
    r##""decryptionStatus":"decryption_failed"}"decryptionStatus":"no_key"}"##,
    r##"{"type":"GRP_TXT","channelHash":"##,
    r##"{"type":"ADVERT","pubKey":"","timestamp":17,"timestampISO":"2026-T:00.000Z","signature":"","##,
    r##""signatureValid":true,"flags":{"raw":146,"type":2,"chat":false,"repeater":true,"room":false,"sensor":false,"##,
    r##""hasLocation":true,"hasFeat1":false,"hasFeat2":false,"hasName":true},"lat":,"lon":-1,"name":""##,
    r##""flags":{"raw":145,"type":1,"chat":true,"repeater":false,"room":false,"sensor":false,"hasLocation":true"##,
    r##""flags":{"raw":147,"type":3,"chat":false,"repeater":false,"room":true,"sensor":false,"hasLocation":false"##,
    r##""type":4,"chat":false,"repeater":false,"room":false,"sensor":true,"battery_mv":,"temperature_c":,"feat1":"##,
    r##"{"type":"REQ","destHash":"","srcHash":"","mac":"","encryptedData":""}{"type":"RESPONSE","destHash":""##,
    r##"{"type":"TXT_MSG","destHash":"{"type":"ACK","extraHash":"","ackLen":4}{"type":"PATH","destHash":"","##,
    r##""srcHash":"","mac":"","pathData":""}{"type":"ANON_REQ","destHash":"","ephemeralPubKey":"","mac":"","##,
    r##""encryptedData":"","ephemeralPubKey":""{"type":"TRACE","pathData":"","snrValues":[],"tag":,"authCode":,"##,
    r##""traceFlags":0}{"type":"TRACE","tag":{"type":"MULTIPART","remaining":,"innerType":3,"innerTypeName":"ACK","##,
    r##""innerAckCrc":"","innerAckLen":4,"innerPayload":"{"type":"CONTROL","ctrlFlags":"80","ctrlZeroHop":true,"##,
    r##""ctrlLength":6,"ctrlSubtype":"DISCOVER_REQ","ctrlFilter":4,"ctrlTag":,"ctrlSince":"raw":""##,
    r##"{"type":"CONTROL","raw":"80","ctrlFlags":"90","ctrlSubtype":"DISCOVER_RESP","ctrlNodeType":2,"ctrlSNR":,"##,
    r##""ctrlPubKey":"","ctrlTag":{"type":"RAW_CUSTOM","rawLength":,"firstByteTag":"","raw":""##,
    r##"{"type":"GRP_DATA","dataType":,"dataLen":,"decryptedBlob":"{"type":"UNKNOWN","raw":"","error":"too short"}"##,
);

/// A checksum of the skeleton: short forms written with another one cannot be read.
pub(crate) fn skeleton_sum() -> u32 {
    crc32fast::hash(SKELETON.as_bytes())
}

const HASH_BITS: u32 = 12;

/// Position (plus one) of the last occurrence of four bytes of the skeleton, by their hash.
static SKELETON_TABLE: LazyLock<Vec<u16>> = LazyLock::new(|| {
    let mut table = vec![0; 1 << HASH_BITS];
    let bytes = SKELETON.as_bytes();
    for at in 0..bytes.len().saturating_sub(SHORTEST - 1) {
        table[hash(&bytes[at..])] = at as u16 + 1;
    }
    table
});

/// Hash of the first four bytes.
fn hash(bytes: &[u8]) -> usize {
    let word = bytes.first_chunk::<4>().map_or(0, |b| u32::from_le_bytes(*b));
    (word.wrapping_mul(0x9E37_79B1) >> (32 - HASH_BITS)) as usize
}

/// Writes texts in their short form; keeps its tables from one to the next.
#[derive(Debug, Default)]
pub(crate) struct Shortener {
    window: Vec<u8>,
    /// Position (plus one) behind the skeleton, by hash, and in which text it was noted.
    table: Vec<(u32, u16)>,
    round: u32,
}

impl Shortener {
    /// Appends the short form of `text`, whose transmission's frame is `raw`, to `out`.
    pub(crate) fn write(&mut self, text: &str, raw: &[u8], out: &mut Vec<u8>) {
        self.table.resize(1 << HASH_BITS, (0, 0));
        self.round = self.round.wrapping_add(1);
        if self.round == 0 {
            self.table.fill((0, 0));
            self.round = 1;
        }
        self.window.clear();
        self.window.extend_from_slice(SKELETON.as_bytes());
        for byte in raw {
            self.window.push(b"0123456789abcdef"[usize::from(byte >> 4)]);
            self.window.push(b"0123456789abcdef"[usize::from(byte & 15)]);
        }
        self.window.extend_from_slice(raw);
        let begin = self.window.len();
        self.window.extend_from_slice(text.as_bytes());
        for at in SKELETON.len()..begin {
            self.note(at);
        }
        let (mut at, mut literal) = (begin, begin);
        while at < self.window.len() {
            let (from, len) = self.longest(at);
            if len < SHORTEST {
                self.note(at);
                at += 1;
                continue;
            }
            literals(&self.window[literal..at], out);
            let short = len.min(PLAIN + 1) - SHORTEST;
            out.push(0x80 | short as u8);
            if len > PLAIN {
                out.push((len - PLAIN - 1) as u8);
            }
            out.extend_from_slice(&(from as u16).to_le_bytes());
            for inside in at..at + len {
                self.note(inside);
            }
            at += len;
            literal = at;
        }
        literals(&self.window[literal..], out);
    }

    fn note(&mut self, at: usize) {
        if at + SHORTEST <= self.window.len() && at < usize::from(u16::MAX) {
            self.table[hash(&self.window[at..])] = (self.round, at as u16 + 1);
        }
    }

    /// The longest copy that begins at `at`, among one candidate of the skeleton and one of the rest.
    fn longest(&self, at: usize) -> (usize, usize) {
        if at + SHORTEST > self.window.len() {
            return (0, 0);
        }
        let slot = hash(&self.window[at..]);
        let (round, near) = self.table[slot];
        let near = if round == self.round { usize::from(near) } else { 0 };
        let fixed = usize::from(SKELETON_TABLE[slot]);
        [near, fixed]
            .into_iter()
            .filter_map(|from| from.checked_sub(1))
            .map(|from| (from, self.common(from, at)))
            .max_by_key(|(_, len)| *len)
            .unwrap_or((0, 0))
    }

    /// Bytes that agree. Both ends stay where they can be copied from: a copy never reads what it writes.
    fn common(&self, from: usize, at: usize) -> usize {
        let most = LONGEST.min(at - from).min(self.window.len() - at);
        self.window[from..from + most]
            .iter()
            .zip(&self.window[at..at + most])
            .take_while(|(a, b)| a == b)
            .count()
    }
}

fn literals(bytes: &[u8], out: &mut Vec<u8>) {
    for run in bytes.chunks(128) {
        out.push(run.len() as u8 - 1);
        out.extend_from_slice(run);
    }
}

/// The text of a short form; what is damaged ends it.
pub(crate) fn expand(mut short: &[u8], raw: &[u8]) -> String {
    let known = SKELETON.len() + raw.len() * 3;
    let mut text: Vec<u8> = Vec::with_capacity(short.len() * 4);
    while let Some((first, rest)) = short.split_first() {
        if *first < 0x80 {
            let Some((run, rest)) = rest.split_at_checked(usize::from(*first) + 1) else { break };
            text.extend_from_slice(run);
            short = rest;
            continue;
        }
        let mut rest = rest;
        let mut len = usize::from(first & 0x7F) + SHORTEST;
        if *first == 0xFF {
            let Some((more, after)) = rest.split_first() else { break };
            len += usize::from(*more);
            rest = after;
        }
        let Some((position, after)) = rest.split_first_chunk::<2>() else { break };
        short = after;
        copy(usize::from(u16::from_le_bytes(*position)), len, known, raw, &mut text);
    }
    // Copies may begin inside a character of the frame, but what was shortened was text.
    String::from_utf8(text).unwrap_or_else(|broken| String::from_utf8_lossy(broken.as_bytes()).into_owned())
}

fn copy(mut from: usize, mut len: usize, known: usize, raw: &[u8], text: &mut Vec<u8>) {
    if from >= known {
        let begin = from - known;
        if begin + len <= text.len() {
            text.extend_from_within(begin..begin + len);
        }
        return;
    }
    if from < SKELETON.len() {
        let run = len.min(SKELETON.len() - from);
        text.extend_from_slice(&SKELETON.as_bytes()[from..from + run]);
        from += run;
        len -= run;
    }
    let bytes_at = SKELETON.len() + raw.len() * 2;
    if len > 0 && from < bytes_at {
        let at = from - SKELETON.len();
        let run = len.min(bytes_at - from);
        // Whole bytes first; what is too much at the ends is one digit each.
        let digits = raw.get(at / 2..(at + run).div_ceil(2)).unwrap_or_default();
        let begin = text.len();
        text.extend(digits.iter().flat_map(|byte| LOWER[usize::from(*byte)]));
        text.truncate(begin + at % 2 + run);
        if at % 2 == 1 && begin < text.len() {
            text.remove(begin);
        }
        from += run;
        len -= run;
    }
    if len > 0 && from < known {
        let at = from - bytes_at;
        let run = len.min(known - from);
        text.extend_from_slice(raw.get(at..at + run).unwrap_or_default());
        from += run;
        len -= run;
    }
    if len > 0 {
        copy(from, len, known, raw, text);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn shortened(text: &str, raw: &[u8]) -> usize {
        let mut out = Vec::new();
        Shortener::default().write(text, raw, &mut out);
        assert_eq!(expand(&out, raw), text);
        out.len()
    }

    #[test]
    fn a_text_that_follows_from_its_frame_is_short() {
        let raw: Vec<u8> = (0..40).map(|b| b * 5).collect();
        let text = format!(
            r#"{{"type":"REQ","destHash":"0a","srcHash":"0f","mac":"1419","encryptedData":"{}"}}"#,
            hex::encode(&raw[6..])
        );
        assert!(shortened(&text, &raw) < 40, "{}", shortened(&text, &raw));
    }

    proptest! {
        #[test]
        fn any_text_comes_back(text in "(\\PC|[a-c\"{:,]){0,400}", raw in proptest::collection::vec(any::<u8>(), 0..256)) {
            shortened(&text, &raw);
        }

        #[test]
        fn texts_that_repeat_the_frame_come_back(raw in proptest::collection::vec(0_u8..4, 0..100), n in 0_usize..600) {
            let text = format!("{}{}{}", hex::encode(&raw), "ab".repeat(n), hex::encode(&raw));
            shortened(&text, &raw);
        }

        #[test]
        fn damaged_bytes_never_panic(short in proptest::collection::vec(any::<u8>(), 0..100), raw in proptest::collection::vec(any::<u8>(), 0..20)) {
            expand(&short, &raw);
        }
    }
}
