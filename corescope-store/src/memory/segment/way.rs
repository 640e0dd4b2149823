//! Ways: what an observation says of its path, each distinct one once in a segment.
//!
//! A way holds `path_json`, `resolved_path` and the observation's own `raw_hex`, in a form from which the three
//! texts are written again byte for byte.
//!
//! | part | bytes |
//! |---|---|
//! | kinds | 1: bits 0–1 [`PathKind`], bits 2–3 [`ResolvedKind`], bits 4–6 [`RawKind`] |
//! | path, `Hops` | 1 byte: hop size; 1 byte: number of hops; the hops |
//! | path, `Text` | varint length; the text |
//! | resolved, `Keys` | varint number of items; per item a varint: 0 null, else number of the key plus one |
//! | resolved, `Text` | varint length; the text |
//! | raw, `Behind` | varint length; the bytes before the transmission's payload |
//! | raw, `Text` | varint length; the text |

use super::frame::{Frame, Part, is_hex_of, write_hex};
use super::hops::{code, code_of_hex};
use super::keys::{Keys, KeysBuilder};
use crate::memory::checks::Defect;
use crate::memory::matcher::resolved_keys;

/// What the path column holds.
#[derive(Clone, Copy, PartialEq, Eq)]
enum PathKind {
    Null = 0,
    Hops = 1,
    Text = 2,
}

/// What the resolved column holds.
#[derive(Clone, Copy, PartialEq, Eq)]
enum ResolvedKind {
    Null = 0,
    Keys = 1,
    Text = 2,
}

/// What the raw column holds.
#[derive(Clone, Copy, PartialEq, Eq)]
enum RawKind {
    Null = 0,
    /// The transmission's frame.
    Same = 1,
    /// The transmission's frame behind this way's path.
    Path = 2,
    /// The transmission's payload behind other bytes.
    Behind = 3,
    Text = 4,
}

/// How the transmission's frame is written in hex; `None` for mixed letter case.
pub(crate) type Upper = Option<bool>;

/// The transmission an observation belongs to, as far as its frame matters.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Of<'a> {
    pub(crate) raw: &'a [u8],
    pub(crate) upper: Upper,
    /// The text of the frame when its letter case is mixed.
    pub(crate) verbatim: Option<&'a str>,
}

impl Of<'_> {
    /// Appends the text of the frame.
    pub(crate) fn write_text(&self, out: &mut String) {
        match self.verbatim {
            Some(text) => out.push_str(text),
            None => write_hex(self.raw, self.upper.unwrap_or(true), out),
        }
    }
}

/// Writes the bytes of a way to `out`. `frame` is the text of the transmission's frame, as [`Of::write_text`] writes it:
/// many observations are compared with it.
pub(crate) fn encode(
    (path_json, resolved, raw_hex): (Option<&str>, Option<&str>, Option<&str>),
    (of, frame): (Of<'_>, &str),
    keys: &mut KeysBuilder,
    out: &mut Vec<u8>,
) -> Result<(), Defect> {
    out.clear();
    out.push(0);
    let mut path = [0; 255];
    let mut hops = None;
    let path_kind = match path_json {
        None => PathKind::Null,
        Some(text) => {
            if let Some((size, len)) = parse_hops(text, &mut path) {
                hops = Some((size, len));
                out.push(size as u8);
                out.push(len.checked_div(size).unwrap_or(0) as u8);
                out.extend_from_slice(&path[..len]);
                PathKind::Hops
            } else {
                check::<std::borrow::Cow<'_, str>>(text)?;
                sized(text.as_bytes(), out);
                PathKind::Text
            }
        }
    };
    let resolved_kind = match resolved {
        None => ResolvedKind::Null,
        Some(text) => {
            let mark = out.len();
            if encode_keys(text, keys, out).is_some() {
                ResolvedKind::Keys
            } else {
                out.truncate(mark);
                check::<Option<std::borrow::Cow<'_, str>>>(text)?;
                sized(text.as_bytes(), out);
                ResolvedKind::Text
            }
        }
    };
    let raw_kind = match raw_hex {
        None => RawKind::Null,
        Some(text) => encode_raw(text, hops.map(|(size, len)| (size, &path[..len])), (of, frame), out)?,
    };
    out[0] = path_kind as u8 | (resolved_kind as u8) << 2 | (raw_kind as u8) << 4;
    Ok(())
}

/// A text that is not in the usual form must still be a JSON array (or empty).
fn check<'t, T: serde::Deserialize<'t>>(text: &'t str) -> Result<(), Defect> {
    if text.is_empty() || serde_json::from_str::<Vec<T>>(text).is_ok() { Ok(()) } else { Err(Defect::Json) }
}

/// `["AB","CD"]` as bytes: hop size and length. `None` for any other spelling or hops of unequal size.
fn parse_hops(text: &str, path: &mut [u8; 255]) -> Option<(usize, usize)> {
    let inner = text.as_bytes().strip_prefix(b"[")?.strip_suffix(b"]")?;
    if inner.is_empty() {
        return Some((0, 0));
    }
    let digits = inner.get(1..)?.iter().position(|b| *b == b'"')?;
    let size = digits / 2;
    if digits % 2 != 0 || !(1..=16).contains(&size) {
        return None;
    }
    let stride = digits + 3;
    if (inner.len() + 1) % stride != 0 {
        return None;
    }
    let mut len = 0;
    for (at, item) in inner.chunks(stride).enumerate() {
        let (hop, end) = item.split_at_checked(digits + 2)?;
        let last = (at + 1) * stride > inner.len();
        // Patterns are compared in place, prefixes by a call each.
        let ([b'"', hop @ .., b'"'], true) = (hop, if last { end.is_empty() } else { matches!(end, [b',']) })
        else {
            return None;
        };
        for pair in hop.chunks_exact(2) {
            *path.get_mut(len)? = upper_digit(pair[0])? << 4 | upper_digit(pair[1])?;
            len += 1;
        }
    }
    Some((size, len))
}

fn upper_digit(text: u8) -> Option<u8> {
    match text {
        b'0'..=b'9' => Some(text - b'0'),
        b'A'..=b'F' => Some(text - b'A' + 10),
        _ => None,
    }
}

/// `["key",null]` as numbers of keys. `None` for any other spelling.
fn encode_keys(text: &str, keys: &mut KeysBuilder, out: &mut Vec<u8>) -> Option<()> {
    let mut rest = text.strip_prefix('[')?.strip_suffix(']')?;
    let mut numbers = smallvec::SmallVec::<[u32; 16]>::new();
    while !rest.is_empty() {
        if let Some(after) = rest.strip_prefix("null") {
            numbers.push(0);
            rest = after;
        } else {
            let inner = rest.strip_prefix('"')?;
            let end = match inner.as_bytes().get(64) {
                Some(b'"') => 64,
                _ => inner.find('"')?,
            };
            let (key, after) = (inner.get(..end)?, inner.get(end + 1..)?);
            // Looked at whole, which compilers do many bytes at a time. A key that is known already may have come from
            // elsewhere, where any text is one.
            let odd = |b: u8| u8::from(b == b'\\') | u8::from(b == b'"') | u8::from(b < 0x20);
            if key.bytes().fold(0, |any, b| any | odd(b)) != 0 {
                return None;
            }
            numbers.push(keys.number(key) + 1);
            rest = after;
        }
        if rest.is_empty() {
            break;
        }
        rest = rest.strip_prefix(',').filter(|r| !r.is_empty())?;
    }
    varint(numbers.len() as u32, out);
    numbers.iter().for_each(|n| varint(*n, out));
    Some(())
}

fn encode_raw(
    text: &str,
    path: Option<(usize, &[u8])>,
    (of, frame_text): (Of<'_>, &str),
    out: &mut Vec<u8>,
) -> Result<RawKind, Defect> {
    let frame = Frame::split(of.raw);
    if let (Some(upper), Some(frame)) = (of.upper, frame) {
        let payload_at = frame_text.len().saturating_sub(frame.payload.len() * 2);
        let before = text.strip_suffix(frame_text.get(payload_at..).unwrap_or_default());
        if let Some((size, path)) = path
            && let Some(before) = before
            && let Some([head, length, path, _]) = frame.with_path(size, path)
            && is_hex_of(before, &[head, length, path], upper)
        {
            return Ok(RawKind::Path);
        }
        if text == frame_text {
            return Ok(RawKind::Same);
        }
        if let Some(before) = before
            && !frame.payload.is_empty()
            && let Ok(bytes) = hex::decode(before)
            && is_hex_of(before, &[Part::Slice(&bytes)], upper)
        {
            sized(&bytes, out);
            return Ok(RawKind::Behind);
        }
    } else if text == frame_text {
        return Ok(RawKind::Same);
    }
    if !text.len().is_multiple_of(2) || !text.bytes().all(|b| b.is_ascii_hexdigit()) {
        return Err(Defect::Hex);
    }
    sized(text.as_bytes(), out);
    Ok(RawKind::Text)
}

/// The bytes of a way, read.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Way<'a> {
    kinds: u8,
    path: &'a [u8],
    hop_size: usize,
    hops: usize,
    /// Items still in varint form, or the text.
    resolved: &'a [u8],
    raw: &'a [u8],
}

impl<'a> Way<'a> {
    /// Reads the bytes of a way; damaged ones read as absent columns.
    pub(crate) fn read(bytes: &'a [u8]) -> Self {
        let mut way = Self { kinds: 0, path: &[], hop_size: 0, hops: 0, resolved: &[], raw: &[] };
        let Some((kinds, rest)) = bytes.split_first() else { return way };
        let mut rest = rest;
        if kinds & 3 == PathKind::Hops as u8 {
            let Some((head, after)) = rest.split_first_chunk::<2>() else { return way };
            way.hop_size = usize::from(head[0]);
            way.hops = usize::from(head[1]);
            let Some((path, after)) = after.split_at_checked(way.hop_size * way.hops) else { return way };
            way.path = path;
            rest = after;
        } else if kinds & 3 == PathKind::Text as u8 {
            let Some((text, after)) = take_sized(rest) else { return way };
            way.path = text;
            way.hops = crate::memory::owned::count_hops(std::str::from_utf8(text).unwrap_or_default());
            rest = after;
        }
        if kinds >> 2 & 3 == ResolvedKind::Keys as u8 {
            let begin = rest;
            let Some((items, after)) = take_varint(rest) else { return way };
            rest = after;
            for _ in 0..items {
                let Some((_, after)) = take_varint(rest) else { return way };
                rest = after;
            }
            way.resolved = &begin[..begin.len() - rest.len()];
        } else if kinds >> 2 & 3 == ResolvedKind::Text as u8 {
            let Some((text, after)) = take_sized(rest) else { return way };
            way.resolved = text;
            rest = after;
        }
        if matches!(kinds >> 4, 3 | 4) {
            let Some((bytes, _)) = take_sized(rest) else { return way };
            way.raw = bytes;
        }
        way.kinds = *kinds;
        way
    }

    /// Number of hops of a way, from its first bytes.
    pub(crate) fn hop_count(bytes: &[u8]) -> usize {
        match bytes {
            [kinds, _, hops, ..] if kinds & 3 == PathKind::Hops as u8 => usize::from(*hops),
            [kinds, ..] if kinds & 3 == PathKind::Text as u8 => Way::read(bytes).hops,
            _ => 0,
        }
    }

    /// Whether there is a resolved path.
    pub(crate) fn is_resolved(&self) -> bool {
        self.kinds >> 2 & 3 != ResolvedKind::Null as u8
    }

    /// Codes of the hops when there is no resolved path, however the path is spelled.
    pub(crate) fn unresolved_hops(&self) -> impl Iterator<Item = u32> + use<'a> {
        let (kind, open) = (self.kinds & 3, !self.is_resolved());
        let path: &'a [u8] = if open && kind == PathKind::Hops as u8 { self.path } else { &[] };
        let text: &'a [u8] = if open && kind == PathKind::Text as u8 { self.path } else { &[] };
        let spelled = resolved_keys(std::str::from_utf8(text).unwrap_or_default()).filter_map(code_of_hex);
        path.chunks_exact(self.hop_size.max(1)).filter_map(code).chain(spelled)
    }

    /// The column `path_json`.
    pub(crate) fn path_json(&self) -> Option<String> {
        if self.kinds & 3 == PathKind::Null as u8 {
            return None;
        }
        if self.kinds & 3 == PathKind::Text as u8 {
            return Some(String::from_utf8_lossy(self.path).into_owned());
        }
        let mut out = String::with_capacity(2 + self.hops * (self.hop_size * 2 + 3));
        out.push('[');
        for (at, hop) in self.path.chunks_exact(self.hop_size.max(1)).enumerate() {
            out.push_str(if at == 0 { "\"" } else { ",\"" });
            write_hex(hop, true, &mut out);
            out.push('"');
        }
        out.push(']');
        Some(out)
    }

    /// Appends the hops in hex, joined by a text.
    pub(crate) fn write_path(&self, between: &str, out: &mut String) {
        if self.kinds & 3 == PathKind::Text as u8 {
            let text = std::str::from_utf8(self.path).unwrap_or_default();
            let hops: Vec<&str> = resolved_keys(text).collect();
            out.push_str(&hops.join(between));
            return;
        }
        for (at, hop) in self.path.chunks_exact(self.hop_size.max(1)).enumerate() {
            if at > 0 {
                out.push_str(between);
            }
            write_hex(hop, true, out);
        }
    }

    /// The column `resolved_path`.
    pub(crate) fn resolved_path(&self, keys: &Keys) -> Option<String> {
        if !self.is_resolved() {
            return None;
        }
        if self.kinds >> 2 & 3 == ResolvedKind::Text as u8 {
            return Some(String::from_utf8_lossy(self.resolved).into_owned());
        }
        let mut out = String::with_capacity(2 + self.hops * 67);
        out.push('[');
        for (at, key) in self.keys().enumerate() {
            if at > 0 {
                out.push(',');
            }
            match key {
                None => out.push_str("null"),
                Some(key) => {
                    out.push('"');
                    keys.write_text(key, &mut out);
                    out.push('"');
                }
            }
        }
        out.push(']');
        Some(out)
    }

    /// Numbers of the keys of the resolved path, `None` for null; nothing for one kept as text.
    pub(crate) fn keys(&self) -> impl Iterator<Item = Option<u32>> + use<'a> {
        let mut rest = if self.kinds >> 2 & 3 == ResolvedKind::Keys as u8 {
            take_varint(self.resolved).map_or(&[][..], |(_, rest)| rest)
        } else {
            &[]
        };
        std::iter::from_fn(move || {
            let (number, after) = take_varint(rest)?;
            rest = after;
            Some(number.checked_sub(1))
        })
    }

    /// The resolved path when it is kept as text.
    pub(crate) fn resolved_text(&self) -> Option<&'a str> {
        (self.kinds >> 2 & 3 == ResolvedKind::Text as u8)
            .then(|| std::str::from_utf8(self.resolved).unwrap_or_default())
    }

    /// The column `raw_hex`.
    pub(crate) fn raw_hex(&self, of: Of<'_>) -> Option<String> {
        let kind = self.kinds >> 4;
        if kind == RawKind::Null as u8 {
            return None;
        }
        if kind == RawKind::Text as u8 {
            return Some(String::from_utf8_lossy(self.raw).into_owned());
        }
        if kind == RawKind::Same as u8
            && let Some(text) = of.verbatim
        {
            return Some(text.to_owned());
        }
        let upper = of.upper.unwrap_or(true);
        let mut out = String::with_capacity(of.raw.len() * 2 + 64);
        let frame = Frame::split(of.raw);
        match frame {
            Some(frame) if kind == RawKind::Path as u8 => {
                for part in frame.with_path(self.hop_size, self.path).iter().flatten() {
                    write_hex(part.as_slice(), upper, &mut out);
                }
            }
            Some(frame) if kind == RawKind::Behind as u8 => {
                write_hex(self.raw, upper, &mut out);
                write_hex(frame.payload, upper, &mut out);
            }
            _ => write_hex(of.raw, upper, &mut out),
        }
        Some(out)
    }
}

fn sized(bytes: &[u8], out: &mut Vec<u8>) {
    varint(bytes.len() as u32, out);
    out.extend_from_slice(bytes);
}

fn take_sized(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (len, rest) = take_varint(bytes)?;
    rest.split_at_checked(len as usize)
}

/// Seven bits a byte, lowest first.
fn varint(mut value: u32, out: &mut Vec<u8>) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

fn take_varint(bytes: &[u8]) -> Option<(u32, &[u8])> {
    let mut value = 0;
    for (at, byte) in bytes.iter().take(5).enumerate() {
        value |= u32::from(byte & 0x7F) << (7 * at as u32);
        if byte & 0x80 == 0 {
            return Some((value, &bytes[at + 1..]));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn round_trip(path: Option<&str>, resolved: Option<&str>, raw: Option<&str>, of: Of<'_>) -> usize {
        let mut keys = KeysBuilder::default();
        let mut bytes = Vec::new();
        let mut frame = String::new();
        of.write_text(&mut frame);
        encode((path, resolved, raw), (of, &frame), &mut keys, &mut bytes).expect("a way");
        let keys = keys.finish();
        let way = Way::read(&bytes);
        assert_eq!(way.path_json().as_deref(), path);
        assert_eq!(way.resolved_path(&keys).as_deref(), resolved);
        assert_eq!(way.raw_hex(of).as_deref(), raw);
        assert_eq!(Way::hop_count(&bytes), path.map_or(0, crate::memory::owned::count_hops));
        bytes.len()
    }

    #[test]
    fn every_spelling_comes_back() {
        let frame = [0x15, 0x01, 0xAA, 9, 8, 7];
        let of = Of { raw: &frame, upper: Some(true), verbatim: None };
        let key = "0a".repeat(32);
        let resolved = format!(r#"["{key}",null]"#);
        assert_eq!(round_trip(Some(r#"["AB","CD"]"#), Some(&resolved), Some("1502ABCD090807"), of), 8);
        assert_eq!(round_trip(Some("[]"), None, Some("1500090807"), of), 3);
        for path in [
            None,
            Some(""),
            Some("[]"),
            Some(r#"["AB"]"#),
            Some(r#"["ab"]"#),
            Some(r#"[ "AB" ]"#),
            Some(r#"["AB","CDEF"]"#),
            Some(r#"["ABCD","CDEF"]"#),
            Some(r#"["ABC"]"#),
            Some(r#"[""]"#),
            Some(r#"["AB", "CD"]"#),
        ] {
            for resolved in [
                None,
                Some("[]"),
                Some("[null]"),
                Some(r#"["x",null,"y"]"#),
                Some(r#"[ null]"#),
                Some(r#"["\u0041"]"#),
                Some(""),
            ] {
                for raw in [
                    None,
                    Some(""),
                    Some("1501AA090807"),
                    Some("1501aa090807"),
                    Some("1101AA090807"),
                    Some("15"),
                    Some("FF00090807"),
                ] {
                    round_trip(path, resolved, raw, of);
                    round_trip(path, resolved, raw, Of { raw: &[], upper: Some(true), verbatim: None });
                    round_trip(path, resolved, raw, Of { raw: &frame, upper: Some(false), verbatim: None });
                    round_trip(
                        path,
                        resolved,
                        raw,
                        Of { raw: &frame, upper: None, verbatim: Some("1501Aa090807") },
                    );
                }
            }
        }
    }

    #[test]
    fn what_is_not_json_or_hex_is_refused() {
        let of = Of { raw: &[], upper: Some(true), verbatim: None };
        let mut out = Vec::new();
        let mut keys = KeysBuilder::default();
        for (path, resolved, raw) in [
            (Some("[AB"), None, None),
            (Some("{}"), None, None),
            (None, Some("[1]"), None),
            (None, Some("["), None),
            (None, None, Some("xyz")),
            (None, None, Some("ABC")),
        ] {
            assert!(
                encode((path, resolved, raw), (of, ""), &mut keys, &mut out).is_err(),
                "{path:?} {resolved:?} {raw:?}"
            );
        }
    }

    #[test]
    fn a_key_that_is_known_already_is_no_reason_to_take_what_is_no_json() {
        let of = Of { raw: &[], upper: Some(true), verbatim: None };
        let mut out = Vec::new();
        for key in [r"a\q", "a\nb", &format!("{}\"{}", "a".repeat(30), "b".repeat(33))] {
            let mut keys = KeysBuilder::default();
            keys.number(key);
            let resolved = format!("[\"{key}\"]");
            let encoded = encode((None, Some(&resolved), None), (of, ""), &mut keys, &mut out);
            assert_eq!(encoded, Err(Defect::Json), "{resolved}");
        }
    }

    proptest::proptest! {
        #[test]
        fn damaged_bytes_never_panic(bytes in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..60)) {
            let way = Way::read(&bytes);
            way.path_json();
            way.resolved_path(&Keys::default());
            way.raw_hex(Of { raw: &bytes, upper: Some(true), verbatim: None });
        }
    }
}
