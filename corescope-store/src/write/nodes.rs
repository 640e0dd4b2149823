//! The nodes that are known: their rows, who may be meant by a hop, when they were seen.
//!
//! A hop in a path is the first 1–3 bytes of a key (1, 2, 4 or 8 in a trace). Who is meant
//! is decided here, once, when the observation is stored (`resolved_path`):
//!
//! 1. the candidates are the known keys with that prefix, without those already used on
//!    this path;
//! 2. one candidate: it is meant;
//! 3. several: the only one among them that is a neighbour of the anchor. The anchor of
//!    the first hop is the sender of an advert, later the hop before; where a hop stays
//!    open there is no anchor for the next.

use std::collections::{HashMap, HashSet};
use std::fmt::Write as _;

use corescope_core::ids::NodeKey;
use rusqlite::Connection;

/// Number of a node in this book; stable until the book is loaded again.
pub(crate) type NodeNo = u32;

/// Every node by key and by prefix, and the neighbours.
#[derive(Debug, Default)]
pub(crate) struct NodeBook {
    keys: Vec<NodeKey>,
    by_key: HashMap<NodeKey, NodeNo>,
    by_prefix: HashMap<u128, Vec<NodeNo>>,
    neighbours: HashSet<(NodeNo, NodeNo)>,
    /// When `last_seen` was written, and what it has become since (unix seconds).
    seen: Vec<Seen>,
    /// Nodes whose `last_seen` is newer here than in their row.
    unwritten: HashSet<NodeNo>,
}

#[derive(Debug, Clone, Copy, Default)]
struct Seen {
    written: i64,
    latest: i64,
}

/// Lengths of prefix that the wire knows.
const PREFIXES: [usize; 6] = [1, 2, 3, 4, 6, 8];

impl NodeBook {
    /// Reads all nodes and neighbours.
    pub(crate) fn load(connection: &Connection) -> rusqlite::Result<Self> {
        let mut book = Self::default();
        let mut nodes = connection.prepare("SELECT public_key, last_seen FROM nodes")?;
        let mut rows = nodes.query([])?;
        while let Some(row) = rows.next()? {
            // Files of the Node edition hold made-up keys; no hop can mean them.
            let Ok(key) = NodeKey::from_hex(row.get_ref(0)?.as_str().unwrap_or_default()) else { continue };
            let seen =
                row.get_ref(1)?.as_str().ok().and_then(corescope_core::time::parse_rfc3339).unwrap_or(0);
            let number = book.add(key);
            if let Some(slot) = book.seen.get_mut(number as usize) {
                *slot = Seen { written: seen, latest: seen };
            }
        }
        book.load_neighbours(connection)?;
        Ok(book)
    }

    /// Reads the neighbours again, after they were rebuilt or pruned.
    pub(crate) fn load_neighbours(&mut self, connection: &Connection) -> rusqlite::Result<()> {
        self.neighbours.clear();
        let mut edges = connection.prepare("SELECT node_a, node_b FROM neighbor_edges")?;
        let mut rows = edges.query([])?;
        while let Some(row) = rows.next()? {
            let known = |text: &str| NodeKey::from_hex(text).ok().and_then(|k| self.number(&k));
            let a = known(row.get_ref(0)?.as_str().unwrap_or_default());
            let b = known(row.get_ref(1)?.as_str().unwrap_or_default());
            if let (Some(a), Some(b)) = (a, b) {
                self.neighbours.insert((a.min(b), a.max(b)));
            }
        }
        Ok(())
    }

    /// How many are known.
    pub(crate) fn len(&self) -> usize {
        self.keys.len()
    }

    pub(crate) fn number(&self, key: &NodeKey) -> Option<NodeNo> {
        self.by_key.get(key).copied()
    }

    /// Takes a node into the book; known ones keep their number.
    pub(crate) fn add(&mut self, key: NodeKey) -> NodeNo {
        if let Some(number) = self.number(&key) {
            return number;
        }
        let number = self.keys.len() as NodeNo;
        self.keys.push(key);
        self.seen.push(Seen::default());
        self.by_key.insert(key, number);
        for size in PREFIXES {
            self.by_prefix.entry(prefix(key.path_hash(size))).or_default().push(number);
        }
        number
    }

    /// Notes that a node was seen; returns whether its row should be written now, because
    /// it was last written at least `interval_s` ago (or lies in the future, after a clock
    /// that had jumped).
    pub(crate) fn saw(&mut self, node: NodeNo, now: i64, interval_s: i64) -> bool {
        let Some(seen) = self.seen.get_mut(node as usize) else { return false };
        seen.latest = now;
        let due = now >= seen.written.saturating_add(interval_s) || now < seen.written;
        if !due && now != seen.written {
            self.unwritten.insert(node);
        }
        due
    }

    /// Notes that the row was written.
    pub(crate) fn wrote(&mut self, node: NodeNo, now: i64) {
        if let Some(seen) = self.seen.get_mut(node as usize) {
            *seen = Seen { written: now, latest: now };
        }
        self.unwritten.remove(&node);
    }

    /// The nodes whose rows are behind, with their true `last_seen`; the list is then empty.
    pub(crate) fn take_unwritten(&mut self) -> Vec<(NodeKey, i64)> {
        let numbers = std::mem::take(&mut self.unwritten);
        let mut behind = Vec::with_capacity(numbers.len());
        for number in numbers {
            if let (Some(key), Some(seen)) =
                (self.keys.get(number as usize), self.seen.get_mut(number as usize))
            {
                seen.written = seen.latest;
                behind.push((*key, seen.latest));
            }
        }
        behind
    }

    /// The only known node with that prefix.
    pub(crate) fn only(&self, hop: &[u8]) -> Option<NodeNo> {
        match self.by_prefix.get(&prefix(hop)).map(Vec::as_slice) {
            Some([one]) => Some(*one),
            _ => None,
        }
    }

    /// The key behind a number.
    pub(crate) fn key(&self, node: NodeNo) -> Option<&NodeKey> {
        self.keys.get(node as usize)
    }

    /// Who is meant by each hop. `out` gets one entry a hop; `false` when none is resolved.
    pub(crate) fn resolve<'h>(
        &self,
        hops: impl Iterator<Item = &'h [u8]>,
        sender: Option<NodeNo>,
        out: &mut Vec<Option<NodeNo>>,
    ) -> bool {
        out.clear();
        let mut anchor = sender;
        let mut any = false;
        for hop in hops {
            let meant = self.meant(hop, anchor, out);
            any |= meant.is_some();
            anchor = meant;
            out.push(meant);
        }
        any
    }

    fn meant(&self, hop: &[u8], anchor: Option<NodeNo>, used: &[Option<NodeNo>]) -> Option<NodeNo> {
        let candidates = self.by_prefix.get(&prefix(hop))?;
        let free = |n: &&NodeNo| !used.contains(&Some(**n));
        let mut fits = candidates.iter().filter(free);
        match (fits.next(), fits.next()) {
            (None, _) => return None,
            (Some(one), None) => return Some(*one),
            _ => {}
        }
        let anchor = anchor?;
        let mut near = candidates
            .iter()
            .filter(free)
            .filter(|n| self.neighbours.contains(&(anchor.min(**n), anchor.max(**n))));
        match (near.next(), near.next()) {
            (Some(one), None) => Some(*one),
            _ => None,
        }
    }

    /// The column `resolved_path`: a JSON array of keys and nulls.
    pub(crate) fn resolved_json(&self, resolved: &[Option<NodeNo>]) -> String {
        let mut json = String::with_capacity(2 + resolved.len() * 67);
        json.push('[');
        for (index, node) in resolved.iter().enumerate() {
            if index > 0 {
                json.push(',');
            }
            match node.and_then(|n| self.key(n)) {
                Some(key) => {
                    json.push('"');
                    push_hex(&mut json, key.as_bytes());
                    json.push('"');
                }
                None => json.push_str("null"),
            }
        }
        json.push(']');
        json
    }
}

/// Lower-case hex, appended.
pub(crate) fn push_hex(text: &mut String, bytes: &[u8]) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    for byte in bytes {
        text.push(DIGITS[(byte >> 4) as usize] as char);
        text.push(DIGITS[(byte & 15) as usize] as char);
    }
}

/// The column `path_json`: a JSON array of upper-case hex hops.
pub(crate) fn path_json<'h>(hops: impl Iterator<Item = &'h [u8]>) -> String {
    let mut json = String::from("[");
    for (index, hop) in hops.enumerate() {
        json.push_str(if index > 0 { ",\"" } else { "\"" });
        for byte in hop {
            let _ = write!(json, "{byte:02X}");
        }
        json.push('"');
    }
    json.push(']');
    json
}

/// Length and bytes of a prefix in one number.
fn prefix(hop: &[u8]) -> u128 {
    hop.iter().take(8).fold(hop.len() as u128, |n, byte| (n << 8) | u128::from(*byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(first: &[u8]) -> NodeKey {
        let mut bytes = [7; 32];
        bytes[..first.len()].copy_from_slice(first);
        NodeKey(bytes)
    }

    fn resolve(book: &NodeBook, hops: &[&[u8]], sender: Option<NodeNo>) -> Option<String> {
        let mut out = Vec::new();
        book.resolve(hops.iter().copied(), sender, &mut out).then(|| book.resolved_json(&out))
    }

    #[test]
    fn a_prefix_of_one_node_is_that_node_and_nothing_resolved_is_nothing() {
        let mut book = NodeBook::default();
        let a = book.add(key(&[0xA1]));
        assert_eq!(book.add(key(&[0xA1])), a);
        assert_eq!(resolve(&book, &[&[0xB0]], None), None);
        let text = resolve(&book, &[&[0xB0], &[0xA1], &[0xA1, 7]], None).unwrap();
        assert_eq!(text, format!("[null,\"{}\",null]", key(&[0xA1])), "a key is used once on a path");
        assert_eq!(resolve(&book, &[], None), None);
    }

    #[test]
    fn a_neighbour_of_the_anchor_decides_among_several() {
        let mut book = NodeBook::default();
        let sender = book.add(key(&[0x11]));
        let near = book.add(key(&[0xA1, 1]));
        let far = book.add(key(&[0xA1, 2]));
        let next = book.add(key(&[0xA1, 3]));
        assert_eq!(resolve(&book, &[&[0xA1]], Some(sender)), None, "no neighbours known");
        book.neighbours.insert((sender, near));
        book.neighbours.insert((near, next));
        let mut out = Vec::new();
        book.resolve([&[0xA1][..], &[0xA1][..], &[0xA1][..]].into_iter(), Some(sender), &mut out);
        assert_eq!(out, [Some(near), Some(next), Some(far)], "the last one is the only one left");
        book.neighbours.insert((sender, far));
        book.resolve([&[0xA1][..], &[0xA1][..]].into_iter(), Some(sender), &mut out);
        assert_eq!(out, [None, None], "two neighbours: open, and no anchor for the next");
    }

    #[test]
    fn last_seen_is_written_at_most_once_in_an_interval_and_never_lost() {
        let mut book = NodeBook::default();
        let node = book.add(key(&[1]));
        assert!(book.saw(node, 1000, 10));
        book.wrote(node, 1000);
        assert!(!book.saw(node, 1000, 10));
        assert!(book.take_unwritten().is_empty());
        assert!(!book.saw(node, 1009, 10));
        assert_eq!(book.take_unwritten(), [(key(&[1]), 1009)]);
        assert!(book.saw(node, 1020, 10));
        book.wrote(node, 1020);
        assert!(book.saw(node, 500, 10), "the clock went back: the row is put right at once");
    }

    #[test]
    fn paths_are_written_in_upper_case() {
        assert_eq!(path_json([&[0xAB][..], &[0x0c, 0xd1][..]].into_iter()), r#"["AB","0CD1"]"#);
        assert_eq!(path_json(std::iter::empty()), "[]");
    }
}
