//! Nodes that nobody heard for long move to `inactive_nodes`.
//!
//! Columns are named, because older files have them in another order in the two tables.

use corescope_core::time::rfc3339;
use rusqlite::params;

use super::plan::{Plan, days_before};
use super::work::{Step, Work, chunked};
use crate::write::{Change, WriteError, Writer};

const CHUNK: usize = 500;

const COLUMNS: &str = "public_key, name, role, lat, lon, last_seen, first_seen, advert_count, battery_mv, \
                       temperature_c, foreign_advert, default_scope, multibyte_sup, multibyte_evidence";

#[derive(Debug)]
pub(super) struct PruneNodes;

impl Work for PruneNodes {
    fn step(&mut self, writer: &mut Writer, plan: &Plan, now: i64) -> Result<Step, WriteError> {
        // What relays were heard lately may not be in their rows yet.
        writer.flush(now)?;
        let before = rfc3339(days_before(now, plan.node_days.max(1)));
        let step = chunked(writer, "cannot move old nodes", CHUNK, |db, changes| {
            let mut select = db.prepare_cached(
                "SELECT public_key FROM nodes WHERE last_seen < ?1 ORDER BY last_seen LIMIT ?2",
            )?;
            let keys: Vec<String> = select
                .query_map(params![before, CHUNK as i64], |r| r.get(0))?
                .collect::<rusqlite::Result<_>>()?;
            let mut copy = db.prepare_cached(&format!(
                "INSERT OR REPLACE INTO inactive_nodes({COLUMNS}) SELECT {COLUMNS} FROM nodes WHERE public_key = ?1"
            ))?;
            let mut delete = db.prepare_cached("DELETE FROM nodes WHERE public_key = ?1")?;
            for key in &keys {
                copy.execute([key])?;
                delete.execute([key])?;
                changes.key(Change::Node, key);
            }
            Ok(keys.len())
        })?;
        if step != Step::Done(0) {
            writer.forget_books();
        }
        Ok(step)
    }
}
