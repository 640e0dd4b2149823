//! The nodes of the mesh: rows of `nodes` and `inactive_nodes`, by key, prefix and name.

use std::sync::Arc;

/// A row of `nodes` or `inactive_nodes`.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct Node {
    /// The implicit rowid in its table: what SQLite orders equal rows by.
    pub rowid: i64,
    /// `public_key`, normally 64 lower-case hex digits.
    pub public_key: String,
    /// `name`.
    pub name: Option<String>,
    /// `role`: `repeater`, `companion`, `room`, `sensor`, `none`, `type-N`.
    pub role: Option<String>,
    /// Latitude in degrees.
    pub lat: Option<f64>,
    /// Longitude in degrees.
    pub lon: Option<f64>,
    /// `last_seen`, RFC 3339.
    pub last_seen: Option<String>,
    /// `first_seen`, RFC 3339.
    pub first_seen: Option<String>,
    /// Distinct adverts.
    pub advert_count: i64,
    /// Battery voltage in mV.
    pub battery_mv: Option<i64>,
    /// Temperature in °C.
    pub temperature_c: Option<f64>,
    /// An advert lay outside the geo filter.
    pub foreign_advert: bool,
    /// `default_scope`.
    pub default_scope: Option<String>,
    /// 0 unknown, 1 suspected, 2 confirmed.
    pub multibyte_sup: i64,
    /// Evidence word.
    pub multibyte_evidence: Option<String>,
    /// The row stands in `inactive_nodes` (and no row of `nodes` has its key).
    pub inactive: bool,
}

/// All nodes at one moment, sorted by key.
#[derive(Clone, Debug, Default)]
pub struct Nodes {
    rows: Vec<Arc<Node>>,
}

impl Nodes {
    /// A table of these rows. Of two rows with one key the active one stays.
    pub fn new(rows: impl IntoIterator<Item = Node>) -> Self {
        let mut rows: Vec<Arc<Node>> = rows.into_iter().map(Arc::new).collect();
        rows.sort_by(|a, b| a.public_key.cmp(&b.public_key).then(a.inactive.cmp(&b.inactive)));
        rows.dedup_by(|b, a| a.public_key == b.public_key);
        Self { rows }
    }

    /// The table with these rows in place of those with their keys; the second figure says how many differed.
    pub fn with(&self, changed: impl IntoIterator<Item = Node>) -> (Self, usize) {
        let mut next = self.clone();
        let mut count = 0;
        for node in changed {
            match next.rows.binary_search_by(|row| row.public_key.cmp(&node.public_key)) {
                Ok(at) if *next.rows[at] == node => continue,
                Ok(at) => next.rows[at] = Arc::new(node),
                Err(at) => next.rows.insert(at, Arc::new(node)),
            }
            count += 1;
        }
        (next, count)
    }

    /// The table without the rows with these keys.
    pub fn without(&self, keys: &[&str]) -> Self {
        let stays = |node: &&Arc<Node>| !keys.contains(&node.public_key.as_str());
        Self { rows: self.rows.iter().filter(stays).cloned().collect() }
    }

    /// All rows, active and inactive, ascending by key.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = &Arc<Node>> + ExactSizeIterator + Clone {
        self.rows.iter()
    }

    /// Rows of `nodes` only.
    pub fn active(&self) -> impl DoubleEndedIterator<Item = &Arc<Node>> + Clone {
        self.rows.iter().filter(|n| !n.inactive)
    }

    /// Number of rows, active and inactive.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// The node with this key, compared exactly.
    pub fn by_key(&self, public_key: &str) -> Option<&Arc<Node>> {
        let at = self.rows.binary_search_by(|row| row.public_key.as_str().cmp(public_key)).ok()?;
        self.rows.get(at)
    }

    /// Nodes whose key begins with `prefix` (lower-case hex), ascending by key.
    pub fn by_prefix(&self, prefix: &str) -> &[Arc<Node>] {
        let from = self.rows.partition_point(|row| row.public_key.as_str() < prefix);
        let len = self.rows[from..].partition_point(|row| row.public_key.starts_with(prefix));
        &self.rows[from..from + len]
    }

    /// Active nodes with exactly this name.
    pub fn by_name(&self, name: &str) -> impl Iterator<Item = &Arc<Node>> {
        self.active().filter(move |n| n.name.as_deref() == Some(name))
    }

    /// Bytes held.
    pub(crate) fn bytes(&self) -> usize {
        let texts = |n: &Node| {
            [&n.name, &n.role, &n.last_seen, &n.first_seen, &n.default_scope, &n.multibyte_evidence]
                .into_iter()
                .flatten()
                .map(String::capacity)
                .sum::<usize>()
                + n.public_key.capacity()
        };
        self.rows.iter().map(|n| 8 + 16 + size_of::<Node>() + texts(n)).sum()
    }
}
