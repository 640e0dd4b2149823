//! A few words about each row in full, side by side: a filter reads one run of memory and follows a pointer only to rows
//! that may meet it.

use super::matcher::in_window;
use super::query::Query;

/// What a row in full is told apart by.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Brief {
    pub(crate) id: i64,
    /// Newest observation or first reception, unix seconds.
    pub(crate) latest: i64,
    /// First reception, unix seconds.
    pub(crate) first_seen: i64,
    /// Bit of the payload type and of the route type, see [`kind_bit`].
    payload: u32,
    route: u32,
    /// A bit for each observer that heard it, of those with the same bit at least one.
    observers: u64,
    /// The same for keys and hops.
    nodes: [u64; 4],
}

/// The bit of types that no packet has, and of none.
const ODD_KIND: u32 = 1 << 31;

fn kind_bit(kind: Option<i64>) -> u32 {
    kind.filter(|kind| (0..16).contains(kind)).map_or(ODD_KIND, |kind| 1 << kind)
}

fn observer_bit(rowid: i64) -> u64 {
    1 << (rowid & 63)
}

/// Word and bit of the hash of a key or the code of a hop.
fn node_bit(node: u64) -> (usize, u64) {
    let bit = node.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 56;
    ((bit >> 6) as usize, 1 << (bit & 63))
}

impl Brief {
    /// A row that nobody heard yet.
    pub(crate) fn new(id: i64, first_seen: i64, payload: Option<i64>, route: Option<i64>) -> Self {
        Self {
            id,
            latest: first_seen,
            first_seen,
            payload: kind_bit(payload),
            route: kind_bit(route),
            observers: 0,
            nodes: [0; 4],
        }
    }

    pub(crate) fn heard(&mut self, observer: Option<i64>, timestamp: i64) {
        self.latest = self.latest.max(timestamp);
        self.observers |= observer.map_or(0, observer_bit);
    }

    /// A node takes part, by the hash of its key; or a path that was not resolved has this hop.
    pub(crate) fn node(&mut self, node: u64) {
        let (word, bit) = node_bit(node);
        self.nodes[word] |= bit;
    }
}

/// A query as briefs see it.
#[derive(Debug)]
pub(crate) struct Probe<'q> {
    query: &'q Query,
    payload: u32,
    route: u32,
    /// One bit at least of each.
    observers: Vec<u64>,
    nodes: Option<Vec<(usize, u64)>>,
}

impl<'q> Probe<'q> {
    /// `observers` are sets of rowids, `nodes` hashes of keys and codes of hops.
    pub(crate) fn new(query: &'q Query, observers: &[Vec<i64>], nodes: Option<&[u64]>) -> Self {
        let kinds = |kinds: &Option<Vec<i64>>| {
            let bits = |kinds: &Vec<i64>| kinds.iter().fold(0, |bits, kind| bits | kind_bit(Some(*kind)));
            kinds.as_ref().map_or(u32::MAX, bits)
        };
        let channel = if query.channel.is_some() { kind_bit(Some(5)) } else { u32::MAX };
        Self {
            query,
            payload: kinds(&query.payload_types) & channel,
            route: kinds(&query.route_types),
            observers: observers
                .iter()
                .map(|set| set.iter().fold(0, |bits, rowid| bits | observer_bit(*rowid)))
                .collect(),
            nodes: nodes.map(|nodes| nodes.iter().map(|node| node_bit(*node)).collect()),
        }
    }

    /// Whether the row may match; never wrong when it says no.
    pub(crate) fn admits(&self, brief: &Brief) -> bool {
        brief.payload & self.payload != 0
            && brief.route & self.route != 0
            && self.observers.iter().all(|bits| brief.observers & bits != 0)
            && self
                .nodes
                .as_ref()
                .is_none_or(|nodes| nodes.iter().any(|(word, bit)| brief.nodes[*word] & bit != 0))
            && self.query.after_id.is_none_or(|id| brief.id > id)
            && in_window(self.query, brief.first_seen, brief.latest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_that_matches_is_admitted_and_most_others_are_not() {
        let mut brief = Brief::new(9, 1000, Some(4), None);
        brief.heard(Some(70), 1005);
        (0..20).for_each(|node| brief.node(node * 7919));
        let admits = |query: &Query, observers: &[Vec<i64>], nodes: Option<&[u64]>| {
            Probe::new(query, observers, nodes).admits(&brief)
        };
        let open = Query::default();
        assert!(admits(&open, &[], None));
        for node in 0..20 {
            assert!(admits(&open, &[vec![1, 70]], Some(&[node * 7919])));
        }
        let others = (1000..2000).filter(|node| admits(&open, &[], Some(&[*node]))).count();
        assert!(others < 200, "{others} of 1000 strangers");
        assert!(!admits(&open, &[vec![70], vec![71]], None) && !admits(&open, &[vec![]], None));
        assert!(!admits(&open, &[], Some(&[])));
        let kinds = |payload_types, route_types| Query { payload_types, route_types, ..Query::default() };
        assert!(admits(&kinds(Some(vec![4, 99]), None), &[], None));
        assert!(!admits(&kinds(Some(vec![5]), None), &[], None));
        assert!(!admits(&kinds(None, Some(vec![0, 1, 2, 3])), &[], None));
        assert!(!admits(&Query { channel: Some("#test".to_owned()), ..Query::default() }, &[], None));
        for (since, holds) in [(1004, true), (1005, false)] {
            assert_eq!(admits(&Query { since: Some(since), ..Query::default() }, &[], None), holds);
        }
        for (after, holds) in [(8, true), (9, false)] {
            assert_eq!(admits(&Query { after_id: Some(after), ..Query::default() }, &[], None), holds);
        }
    }
}
