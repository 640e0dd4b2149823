//! Neighbour edges: who has heard whom without anyone between.
//!
//! One observation tells up to two of them:
//!
//! | packet                 | edge                      |
//! |------------------------|---------------------------|
//! | advert without a path  | sender – observer         |
//! | flooded advert, path   | sender – first hop        |
//! | flooded packet, path   | last hop – observer       |
//!
//! A direct packet's path says who *shall* pass it on and a trace's says who was asked:
//! neither says who has heard it. A hop counts only when exactly one known node has the
//! prefix. Progress is kept by the id of the observation, so that a row that comes late is
//! counted, one that was counted is not counted again, and rows without an edge cannot
//! stop it.

use std::collections::HashMap;

use corescope_core::ids::NodeKey;
use corescope_core::time::{parse_rfc3339, rfc3339};
use rusqlite::{Connection, OptionalExtension, params};

use super::plan::{Plan, days_before};
use super::work::{Step, Work};
use crate::write::{Changes, NodeBook, WriteError, Writer, get_number, set_state};

/// In `cs_state`: the last observation that was counted.
const CURSOR: &str = "neighbours.cursor";
/// Observations of one step.
const CHUNK: usize = 2_000;
const ADVERT: i64 = 4;
const TRACE: i64 = 9;

/// Counts new observations.
#[derive(Debug, Default)]
pub(super) struct Neighbours {
    changed: bool,
}

type Edges = HashMap<(NodeKey, NodeKey), (i64, i64)>;

impl Work for Neighbours {
    fn step(&mut self, writer: &mut Writer, plan: &Plan, now: i64) -> Result<Step, WriteError> {
        let (read, edges) = writer.write_with_nodes("cannot write the neighbour edges", |db, nodes| {
            let from = match get_number(db, CURSOR)? {
                Some(cursor) => cursor,
                None => first_cursor(db, days_before(now, plan.edge_days))?,
            };
            let newest: i64 =
                db.query_row("SELECT COALESCE(max(id), 0) FROM observations", [], |r| r.get(0))?;
            // Beyond the end: the file was restored from a backup.
            let from = from.min(newest);
            let (read, last, edges) = collect(db, nodes, from)?;
            write(db, &edges)?;
            set_state(db, CURSOR, &last.to_string())?;
            Ok((read, edges.len() as u64))
        })?;
        self.changed |= edges > 0;
        if read >= CHUNK {
            return Ok(Step::More(edges));
        }
        if std::mem::take(&mut self.changed) {
            writer.reload_neighbours()?;
        }
        Ok(Step::Done(edges))
    }
}

/// Where to begin in a file that another program has kept: behind what its edges already
/// count, and not with edges that would be pruned at once.
fn first_cursor(db: &Connection, oldest: i64) -> rusqlite::Result<i64> {
    let counted: Option<String> =
        db.query_row("SELECT max(last_seen) FROM neighbor_edges", [], |r| r.get(0))?;
    let counted = counted.as_deref().and_then(parse_rfc3339).map_or(oldest, |t| t.max(oldest));
    let before: Option<i64> = db
        // Ids grow with the time of storing: the first by time is as good as found at once.
        .query_row(
            "SELECT id - 1 FROM observations WHERE timestamp > ?1 ORDER BY timestamp, id LIMIT 1",
            [counted],
            |r| r.get(0),
        )
        .optional()?;
    match before {
        Some(cursor) => Ok(cursor),
        None => db.query_row("SELECT COALESCE(max(id), 0) FROM observations", [], |r| r.get(0)),
    }
}

fn collect(db: &Connection, nodes: &NodeBook, from: i64) -> rusqlite::Result<(usize, i64, Edges)> {
    let mut select = db.prepare_cached(
        "SELECT o.id, o.timestamp, o.path_json, b.id, t.payload_type, t.route_type, t.from_pubkey
           FROM observations o JOIN transmissions t ON t.id = o.transmission_id
           LEFT JOIN observers b ON b.rowid = o.observer_idx
          WHERE o.id > ?1 ORDER BY o.id LIMIT ?2",
    )?;
    let mut rows = select.query(params![from, CHUNK as i64])?;
    let (mut read, mut last, mut edges) = (0, from, Edges::new());
    while let Some(row) = rows.next()? {
        read += 1;
        last = row.get(0)?;
        let at: i64 = row.get(1).unwrap_or(0);
        let text = |column| row.get_ref(column).ok().and_then(|v| v.as_str().ok());
        let kind: i64 = row.get(4).unwrap_or(-1);
        // Route types 0 and 1 are floods.
        let is_flood = matches!(row.get::<_, i64>(5), Ok(0 | 1));
        if kind == TRACE {
            continue;
        }
        let observer = text(3).and_then(|id| NodeKey::from_hex(id).ok());
        let sender = text(6).filter(|_| kind == ADVERT).and_then(|key| NodeKey::from_hex(key).ok());
        let path = text(2).unwrap_or_default();
        let hop = |hex: Option<&str>| known_hop(nodes, hex);
        let mut found = [None, None];
        if path_is_empty(path) {
            found[0] = sender.zip(observer);
        } else if is_flood {
            found = [sender.zip(hop(first_hop(path))), hop(last_hop(path)).zip(observer)];
        }
        for (a, b) in found.into_iter().flatten().filter(|(a, b)| a != b) {
            let edge = edges.entry((a.min(b), a.max(b))).or_insert((0, at));
            *edge = (edge.0 + 1, edge.1.max(at));
        }
    }
    Ok((read, last, edges))
}

fn write(db: &Connection, edges: &Edges) -> rusqlite::Result<()> {
    if edges.is_empty() {
        return Ok(());
    }
    let mut upsert = db.prepare_cached(
        "INSERT INTO neighbor_edges(node_a, node_b, count, last_seen) VALUES (?1, ?2, ?3, ?4)
         ON CONFLICT(node_a, node_b) DO UPDATE SET count = COALESCE(count, 0) + excluded.count,
           last_seen = max(COALESCE(last_seen, ''), excluded.last_seen)",
    )?;
    for ((a, b), (count, last_seen)) in edges {
        upsert.execute(params![a.to_string(), b.to_string(), count, rfc3339(*last_seen)])?;
    }
    let mut changes = Changes::default();
    changes.edges();
    changes.write(db)
}

fn known_hop(nodes: &NodeBook, hex: Option<&str>) -> Option<NodeKey> {
    let mut room = [0; 8];
    let hex = hex?;
    let bytes = room.get_mut(..hex.len() / 2)?;
    hex::decode_to_slice(hex, bytes).ok()?;
    nodes.only(bytes).and_then(|n| nodes.key(n)).copied()
}

fn path_is_empty(path: &str) -> bool {
    !path.contains('"')
}

/// The text between the first two quotes of a JSON array of strings.
fn first_hop(path: &str) -> Option<&str> {
    path.split('"').nth(1)
}

/// The text between the last two.
fn last_hop(path: &str) -> Option<&str> {
    path.rsplit('"').nth(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hops_are_cut_out_of_the_array() {
        assert_eq!((first_hop(r#"["AA","BBCC"]"#), last_hop(r#"["AA","BBCC"]"#)), (Some("AA"), Some("BBCC")));
        assert_eq!((first_hop(r#"["AA"]"#), last_hop(r#"["AA"]"#)), (Some("AA"), Some("AA")));
        assert!(path_is_empty("[]") && path_is_empty(""));
    }
}
