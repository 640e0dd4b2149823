//! A query whose names were looked up: what one row is tested with.

use super::bits::Bits;
use super::brief::{Brief, Probe};
use super::expression::{Columns, looks_into_rows};
use super::fields::PacketFields;
use super::nodes::Node;
use super::owned::key_hash;
use super::part::Part;
use super::query::Query;
use super::segment::{Segment, code_of_hex, lookup_key};
use super::snapshot::Snapshot;
use super::view::Transmission;

/// A query against one snapshot.
pub(crate) struct Matcher<'q> {
    pub(crate) query: &'q Query,
    snapshot: &'q Snapshot,
    /// Lower-case hash.
    pub(crate) hash: Option<String>,
    /// Rowids, sorted: each set must be met.
    pub(crate) observers: Vec<Vec<i64>>,
    /// Lower-case public keys.
    pub(crate) nodes: Option<Vec<String>>,
    /// Codes of the hops that stand for these nodes and for no other relay.
    hops: Vec<u32>,
    probe: Probe<'q>,
}

impl<'q> Matcher<'q> {
    pub(crate) fn new(query: &'q Query, snapshot: &'q Snapshot) -> Self {
        let mut observers = Vec::new();
        if let Some(ids) = &query.observers {
            let mut rows: Vec<i64> =
                ids.iter().filter_map(|id| snapshot.observers().by_id(id)).map(|o| o.rowid).collect();
            rows.sort_unstable();
            observers.push(rows);
        }
        if let Some(regions) = &query.regions {
            let mut rows = snapshot.observers().in_regions(regions);
            rows.sort_unstable();
            observers.push(rows);
        }
        let nodes = query.nodes.as_ref().map(|texts| {
            let mut keys = Vec::new();
            for text in texts {
                keys.push(text.to_ascii_lowercase());
                keys.extend(snapshot.nodes().by_name(text).map(|n| n.public_key.clone()));
            }
            keys
        });
        let hops: Vec<u32> = nodes.iter().flatten().flat_map(|key| certain_hops(key, snapshot)).collect();
        let named = nodes.as_ref().map(|keys| {
            let keys = keys.iter().map(|key| key_hash(key));
            keys.chain(hops.iter().map(|hop| u64::from(*hop))).collect::<Vec<u64>>()
        });
        Self {
            probe: Probe::new(query, &observers, named.as_deref()),
            query,
            snapshot,
            hash: query.hash.as_ref().map(|h| h.to_ascii_lowercase()),
            observers,
            nodes,
            hops,
        }
    }

    /// Whether a row in full may match, by what it is told apart by; never wrong when it says no.
    pub(crate) fn admits(&self, brief: &Brief) -> bool {
        self.probe.admits(brief)
    }

    /// Whether every row matches that [may](Self::admits).
    pub(crate) fn is_told_by_brief(&self) -> bool {
        let q = self.query;
        q.payload_types.is_none()
            && q.route_types.is_none()
            && self.hash.is_none()
            && self.observers.is_empty()
            && self.nodes.is_none()
            && q.originators.is_none()
            && q.channel.is_none()
            && q.scope.is_none()
            && q.filter.is_none()
    }

    /// Whether a row meets every filter.
    pub(crate) fn matches(&self, row: &Transmission<'_>) -> bool {
        self.matches_columns(row) && self.matches_sets(row) && self.matches_expression(row)
    }

    fn matches_expression(&self, row: &Transmission<'_>) -> bool {
        self.query.filter.as_ref().is_none_or(|expression| {
            expression.filter.matches(&PacketFields::new(*row, self.snapshot), &expression.context())
        })
    }

    /// The rows of a segment that meet every filter.
    pub(crate) fn rows(&self, segment: &Segment) -> Bits {
        let q = self.query;
        let mut rows = Bits::all(segment.len());
        let mut meet = |fill: &dyn Fn(&mut Bits)| {
            if rows.is_empty() {
                return;
            }
            let mut some = Bits::none(segment.len());
            fill(&mut some);
            rows.and(&some);
        };
        if let Some(hash) = &self.hash {
            meet(&|some| {
                segment.rows_of_hash(lookup_key(hash), hash).for_each(|row| some.set(row));
            });
        }
        for set in &self.observers {
            meet(&|some| {
                for rowid in set {
                    segment.rows_of_observer(*rowid).iter().for_each(|row| some.set(usize::from(*row)));
                }
            });
        }
        if let Some(keys) = &self.nodes {
            meet(&|some| {
                for key in keys.iter().filter(|key| !key.is_empty()) {
                    segment.rows_of_node(key).iter().for_each(|row| some.set(usize::from(*row)));
                }
                for hop in &self.hops {
                    segment.rows_of_hop(*hop).iter().for_each(|row| some.set(usize::from(*row)));
                }
            });
        }
        if let Some(keys) = &q.originators {
            meet(&|some| segment.rows_from(keys, some));
        }
        let one_of = |set: &[i64], value: Option<i64>| value.is_some_and(|v| set.contains(&v));
        if let Some(types) = &q.payload_types {
            meet(&|some| segment.rows_of_payload_type(|v| one_of(types, v), some));
        }
        if let Some(types) = &q.route_types {
            meet(&|some| segment.rows_of_route_type(|v| one_of(types, v), some));
        }
        if let Some(channel) = &q.channel {
            meet(&|some| {
                segment.rows_of_channel(|c| c == Some(channel.as_str()), some);
                if !q.with_damaged {
                    segment.damaged().iter().for_each(|row| some.clear(usize::from(*row)));
                }
            });
            meet(&|some| segment.rows_of_payload_type(|v| v == Some(5), some));
        }
        if let Some(scope) = &q.scope {
            meet(&|some| segment.rows_of_scope(|s| s == scope.as_deref(), some));
        }
        if q.since.is_some() || q.until.is_some() {
            meet(&|some| {
                for row in 0..segment.len() {
                    if in_window(q, segment.first_seen_unix(row), segment.latest(row)) {
                        some.set(row);
                    }
                }
            });
        }
        if let Some(id) = q.after_id {
            meet(&|some| (segment.rows_after(id)..segment.len()).for_each(|row| some.set(row)));
        }
        if let Some(expression) = &q.filter
            && !rows.is_empty()
        {
            rows = Columns::new(segment, self.snapshot, expression.context())
                .select(expression.filter.expr(), &rows);
        }
        rows
    }

    /// Whether the expression asks what no column answers.
    pub(crate) fn looks_into_rows(&self) -> bool {
        self.query.filter.as_ref().is_some_and(|expression| looks_into_rows(expression.filter.expr()))
    }

    /// Whether no row of a part can match: cheap, and may say no wrongly.
    pub(crate) fn excludes(&self, part: &Part) -> bool {
        let q = self.query;
        q.after_id.is_some_and(|id| part.high <= id) || q.since.is_some_and(|since| part.newest() <= since)
    }

    fn matches_columns(&self, row: &Transmission<'_>) -> bool {
        let q = self.query;
        let one_of = |set: &Option<Vec<i64>>, value: Option<i64>| {
            set.as_ref().is_none_or(|set| value.is_some_and(|v| set.contains(&v)))
        };
        one_of(&q.payload_types, row.payload_type())
            && one_of(&q.route_types, row.route_type())
            && q.after_id.is_none_or(|id| row.id() > id)
            && in_window(q, row.first_seen_unix(), row.latest())
            && q.channel.as_ref().is_none_or(|channel| {
                row.payload_type() == Some(5)
                    && row.channel_hash() == Some(channel.as_str())
                    && (q.with_damaged || row.decoded_json().is_none_or(|json| looks_whole(&json)))
            })
            && q.scope.as_ref().is_none_or(|scope| row.scope_name() == scope.as_deref())
            && self.hash.as_ref().is_none_or(|hash| row.hash().eq_ignore_ascii_case(hash))
            && q.originators.as_ref().is_none_or(|keys| {
                row.from_pubkey().is_some_and(|from| keys.iter().any(|k| k.as_str() == from))
            })
    }

    /// Whether an observation without a resolved path names one of the nodes by a hop.
    fn passes_by(&self, row: &Transmission<'_>) -> bool {
        !self.hops.is_empty()
            && self.hops.iter().any(|hop| row.may_pass(*hop))
            && row.observations().filter(|o| !o.is_resolved()).any(|o| {
                o.path_json().is_some_and(|path| {
                    resolved_keys(&path).filter_map(code_of_hex).any(|hop| self.hops.contains(&hop))
                })
            })
    }

    fn matches_sets(&self, row: &Transmission<'_>) -> bool {
        self.observers.iter().all(|set| row.is_heard_by(set))
            && self
                .nodes
                .as_ref()
                .is_none_or(|keys| keys.iter().any(|key| takes_part(row, key)) || self.passes_by(row))
    }
}

/// Codes of the hops, of one to three bytes, that begin the key of this node and of no other that relays. Only
/// repeaters and rooms relay.
pub(crate) fn certain_hops(key: &str, snapshot: &Snapshot) -> impl Iterator<Item = u32> {
    let nodes = snapshot.nodes();
    let relays = |node: &Node| {
        let role = node.role.as_deref().unwrap_or_default();
        !node.inactive && (role.contains("repeater") || role.contains("room"))
    };
    let is_relay = nodes.by_key(key).is_some_and(|node| relays(node));
    [2, 4, 6].into_iter().filter(move |_| is_relay).filter_map(move |digits| {
        let hop = key.get(..digits)?;
        let alone = nodes.by_prefix(hop).iter().filter(|node| relays(node)).count() == 1;
        code_of_hex(hop).filter(|_| alone)
    })
}

/// First reception or newest observation lies within the open window.
pub(crate) fn in_window(q: &Query, first_seen: i64, latest: i64) -> bool {
    let within = |t: i64| q.since.is_none_or(|since| t > since) && q.until.is_none_or(|until| t < until);
    (q.since.is_none() && q.until.is_none()) || within(first_seen) || within(latest)
}

/// Whether a node (lower-case key) sends, receives or relays this transmission.
pub(crate) fn takes_part(row: &Transmission<'_>, key: &str) -> bool {
    if key.is_empty() {
        return false;
    }
    if let Some(known) = row.involves(key) {
        return known;
    }
    row.from_pubkey().is_some_and(|from| from == key)
        || row.decoded_json().is_some_and(|json| payload_keys(&json).any(|k| k == key))
        || row
            .observations()
            .any(|o| o.resolved_path().is_some_and(|path| resolved_keys(&path).any(|k| k == key)))
}

/// Whether a text may be a JSON object; what was cut off is not.
pub(crate) fn looks_whole(json: &str) -> bool {
    let json = json.trim_ascii();
    json.starts_with('{') && json.ends_with('}')
}

/// Values of `pubKey`, `destPubKey` and `srcPubKey` at the top of a payload object.
pub(crate) fn payload_keys(json: &str) -> impl Iterator<Item = &str> {
    ["\"pubKey\":\"", "\"destPubKey\":\"", "\"srcPubKey\":\""].into_iter().filter_map(move |name| {
        let at = json.find(name)? + name.len();
        let rest = json.get(at..)?;
        rest.get(..rest.find('"')?).filter(|key| !key.is_empty())
    })
}

/// The strings of a JSON array of public keys and nulls.
pub(crate) fn resolved_keys(json: &str) -> impl Iterator<Item = &str> {
    let mut rest = json;
    let next = move || {
        let begin = rest.bytes().position(|b| b == b'"')? + 1;
        let text = rest.get(begin..)?;
        let end = quote_at(text.as_bytes()).unwrap_or(text.len());
        rest = text.get(end + 1..).unwrap_or_default();
        text.get(..end)
    };
    std::iter::from_fn(next).filter(|key| !key.is_empty())
}

/// Where the first quotation mark is. Quick for keys, which have 64 digits and are looked at in one step.
pub(crate) fn quote_at(text: &[u8]) -> Option<usize> {
    if let Some((key, [b'"', ..])) = text.split_first_chunk::<64>()
        && key.iter().fold(0, |quotes, b| quotes | u8::from(*b == b'"')) == 0
    {
        return Some(64);
    }
    text.iter().position(|b| *b == b'"')
}
