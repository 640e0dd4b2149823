//! A pass over the nodes and the inactive nodes, some at a time.

use rusqlite::Connection;

use crate::write::{Change, Changes};

/// Where the pass stands.
#[derive(Debug, Clone, Default)]
pub(super) struct NodePass {
    table: usize,
    after: String,
    done: u64,
}

const TABLES: [&str; 2] = ["nodes", "inactive_nodes"];

/// Nodes of one step: one that advertised for years takes a millisecond.
const CHUNK: i64 = 50;

impl NodePass {
    /// Lets `work` look at the next nodes, given table and key; it says whether it changed the row.
    /// The pass as it stands after that, or `None` when all were seen.
    pub(super) fn step(
        &self,
        db: &Connection,
        mut work: impl FnMut(&Connection, &str, &str) -> rusqlite::Result<bool>,
    ) -> rusqlite::Result<Option<Self>> {
        let Some(table) = TABLES.get(self.table) else { return Ok(None) };
        let mut select = db.prepare_cached(&format!(
            "SELECT public_key FROM {table} WHERE public_key > ?1 ORDER BY public_key LIMIT ?2"
        ))?;
        let keys: Vec<String> = select
            .query_map(rusqlite::params![self.after, CHUNK], |r| r.get(0))?
            .collect::<rusqlite::Result<_>>()?;
        let mut changes = Changes::default();
        for key in &keys {
            if work(db, table, key)? {
                changes.key(Change::Node, key);
            }
        }
        changes.write(db)?;
        let done = self.done + keys.len() as u64;
        Ok(Some(match keys.into_iter().next_back() {
            Some(after) => Self { table: self.table, after, done },
            None => Self { table: self.table + 1, after: String::new(), done },
        }))
    }

    /// Nodes that were looked at.
    pub(super) fn done(&self) -> u64 {
        self.done
    }
}
