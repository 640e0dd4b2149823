//! The neighbour graph: who was heard by whom, as the ingestor wrote it to `neighbor_edges`.
//!
//! A graph is built whole and then swapped in: a reader holds the old one or the new one, never a mixture.

use std::collections::HashMap;

/// An undirected edge: a row of `neighbor_edges`.
#[derive(Clone, Debug, PartialEq)]
pub struct Edge {
    /// Position of the smaller key in [`Graph::key`].
    pub a: u32,
    /// Position of the larger key.
    pub b: u32,
    /// Observations that support it.
    pub count: i64,
    /// `last_seen`, RFC 3339.
    pub last_seen: Option<Box<str>>,
}

/// A row of `neighbor_edges` as read.
#[derive(Clone, Debug, PartialEq)]
pub struct EdgeRow {
    /// `node_a`: lower-case hex.
    pub node_a: String,
    /// `node_b`.
    pub node_b: String,
    /// `count`.
    pub count: i64,
    /// `last_seen`, RFC 3339.
    pub last_seen: Option<String>,
}

/// The graph at one moment.
#[derive(Clone, Debug, Default)]
pub struct Graph {
    keys: Vec<Box<str>>,
    by_key: HashMap<Box<str>, u32>,
    edges: Vec<Edge>,
    /// Edges of node n: `incident[starts[n]..starts[n + 1]]`, positions in `edges`.
    starts: Vec<u32>,
    incident: Vec<u32>,
    loaded_at: i64,
}

impl Graph {
    /// Builds a graph from rows read at `loaded_at` (unix seconds).
    pub fn new(rows: impl IntoIterator<Item = EdgeRow>, loaded_at: i64) -> Self {
        let mut graph = Self { loaded_at, ..Self::default() };
        for row in rows {
            let a = graph.intern(&row.node_a);
            let b = graph.intern(&row.node_b);
            graph.edges.push(Edge { a, b, count: row.count, last_seen: row.last_seen.map(Into::into) });
        }
        let mut starts = vec![0_u32; graph.keys.len() + 1];
        for edge in &graph.edges {
            starts[edge.a as usize + 1] += 1;
            if edge.a != edge.b {
                starts[edge.b as usize + 1] += 1;
            }
        }
        for n in 1..starts.len() {
            starts[n] += starts[n - 1];
        }
        let mut next = starts.clone();
        let mut incident = vec![0_u32; starts.last().copied().unwrap_or(0) as usize];
        for (at, edge) in graph.edges.iter().enumerate() {
            for end in [Some(edge.a), (edge.a != edge.b).then_some(edge.b)].into_iter().flatten() {
                incident[next[end as usize] as usize] = at as u32;
                next[end as usize] += 1;
            }
        }
        graph.starts = starts;
        graph.incident = incident;
        graph
    }

    fn intern(&mut self, key: &str) -> u32 {
        if let Some(at) = self.by_key.get(key) {
            return *at;
        }
        let at = self.keys.len() as u32;
        self.keys.push(key.into());
        self.by_key.insert(key.into(), at);
        at
    }

    /// All edges.
    pub fn edges(&self) -> &[Edge] {
        &self.edges
    }

    /// When it was read, unix seconds; 0 when it never was.
    pub fn loaded_at(&self) -> i64 {
        self.loaded_at
    }

    /// Number of nodes that have an edge.
    pub fn node_count(&self) -> usize {
        self.keys.len()
    }

    /// The public key at a position.
    pub fn key(&self, at: u32) -> Option<&str> {
        self.keys.get(at as usize).map(|k| &**k)
    }

    /// The position of a public key (lower-case hex).
    pub fn position(&self, key: &str) -> Option<u32> {
        self.by_key.get(key).copied()
    }

    /// The neighbours of a node and the edges that lead there.
    pub fn neighbors(&self, key: &str) -> impl Iterator<Item = (&str, &Edge)> {
        let node = self.position(key);
        let range =
            node.map_or(0..0, |n| self.starts[n as usize] as usize..self.starts[n as usize + 1] as usize);
        self.incident[range].iter().filter_map(move |at| {
            let edge = self.edges.get(*at as usize)?;
            let other = if Some(edge.a) == node { edge.b } else { edge.a };
            Some((self.key(other)?, edge))
        })
    }

    /// Bytes held.
    pub(crate) fn bytes(&self) -> usize {
        self.keys.iter().map(|k| 2 * (k.len() + 16) + 8).sum::<usize>()
            + self
                .edges
                .iter()
                .map(|e| size_of::<Edge>() + e.last_seen.as_ref().map_or(0, |t| t.len()))
                .sum::<usize>()
            + (self.starts.len() + self.incident.len()) * 4
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(a: &str, b: &str) -> EdgeRow {
        EdgeRow { node_a: a.into(), node_b: b.into(), count: 1, last_seen: None }
    }

    #[test]
    fn neighbours_are_found_from_both_ends() {
        let graph = Graph::new([row("aa", "bb"), row("aa", "cc"), row("dd", "dd")], 7);
        let mut of_a: Vec<&str> = graph.neighbors("aa").map(|(key, _)| key).collect();
        of_a.sort_unstable();
        assert_eq!(of_a, ["bb", "cc"]);
        assert_eq!(graph.neighbors("cc").map(|(key, _)| key).collect::<Vec<_>>(), ["aa"]);
        assert_eq!(graph.neighbors("dd").count(), 1);
        assert_eq!(graph.neighbors("ee").count(), 0);
        assert_eq!(graph.loaded_at(), 7);
    }
}
