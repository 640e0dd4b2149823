//! What was committed since the last look: new rows by their ids, changed ones as `cs_changes` tells.

use std::collections::BTreeSet;

use rusqlite::{Connection, OptionalExtension};

use super::pack::Strays;
use crate::memory::{Append, Graph, Nodes, Observers, Store};
use crate::read::{self, Columns};

/// Rows of one table read into one append: readers see progress, and the log is let go in between.
const ROWS_AT_ONCE: i64 = 20_000;

/// Where the follower stands.
#[derive(Clone, Debug, Default)]
pub(super) struct Position {
    pub(super) transmission: i64,
    pub(super) observation: i64,
    /// Last `seq` of `cs_changes`; `None` when the file has no such table.
    pub(super) change: Option<i64>,
    /// Newest `last_seen` of a node, for files without `cs_changes`.
    pub(super) node_seen: String,
    /// Next id that the sweep looks at.
    pub(super) sweep: i64,
}

/// How a look ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Looked {
    /// Nothing more to read.
    UpToDate,
    /// There is more: look again at once.
    More,
    /// Ids went down or changes are lost: everything must be loaded anew.
    LoadAnew,
}

impl Position {
    /// Where a load that begins now will leave the follower, as far as changes go.
    pub(super) fn before_load(connection: &Connection) -> rusqlite::Result<Self> {
        Ok(Self { change: newest_change(connection)?, ..Self::default() })
    }

    /// Reads what is new, at one moment of the database, and publishes it in one append.
    pub(super) fn look(
        &mut self,
        connection: &Connection,
        columns: &Columns,
        store: &Store,
        strays: Option<&Strays>,
        graph_read_at: i64,
    ) -> rusqlite::Result<Looked> {
        let transaction = connection.unchecked_transaction()?;
        let highest = |table: &str| -> rusqlite::Result<i64> {
            connection
                .prepare_cached(&format!("SELECT coalesce(max(id), 0) FROM {table}"))?
                .query_row([], |row| row.get(0))
        };
        let (transmission, observation) = (highest("transmissions")?, highest("observations")?);
        if transmission < self.transmission || observation < self.observation {
            return Ok(Looked::LoadAnew);
        }
        let Some(changes) = self.changes(connection)? else { return Ok(Looked::LoadAnew) };
        let mut append = store.begin();
        if strays.is_some() {
            append = append.as_history();
        }
        let more = self.new_rows(connection, columns, &mut append, store, strays)?;
        apply_rows(connection, columns, &changes, &mut append)?;
        append.publish();
        self.apply_tables(connection, &changes, store, graph_read_at)?;
        drop(transaction);
        Ok(if more { Looked::More } else { Looked::UpToDate })
    }

    /// Appends rows with new ids; true when there are more.
    fn new_rows(
        &mut self,
        connection: &Connection,
        columns: &Columns,
        append: &mut Append<'_>,
        store: &Store,
        strays: Option<&Strays>,
    ) -> rusqlite::Result<bool> {
        let mut statement = connection.prepare_cached(&format!(
            "SELECT {} FROM transmissions WHERE id > ?1 ORDER BY id LIMIT {ROWS_AT_ONCE}",
            columns.transmissions
        ))?;
        let mut rows = statement.query([self.transmission])?;
        let mut count = 0;
        while let Some(row) = rows.next()? {
            count += 1;
            self.transmission = row.get(0)?;
            match read::transmission(row) {
                Ok(row) => append.transmission(&row),
                Err(defect) => append.skip(defect),
            }
        }
        let more_transmissions = count == ROWS_AT_ONCE;
        let floor = store.snapshot().floor();
        let mut statement = connection.prepare_cached(&format!(
            "SELECT {} FROM observations WHERE id > ?1 ORDER BY id LIMIT {ROWS_AT_ONCE}",
            columns.observations
        ))?;
        let mut rows = statement.query([self.observation])?;
        count = 0;
        while let Some(row) = rows.next()? {
            let (id, of): (i64, Option<i64>) = (row.get(0)?, row.get(1).unwrap_or(None));
            if more_transmissions && of.is_some_and(|of| of > self.transmission) {
                // Its transmission comes with the next look.
                return Ok(true);
            }
            count += 1;
            self.observation = id;
            match read::observation(row) {
                Ok(row) => match strays {
                    Some(strays) if row.transmission_id < floor => {
                        strays.push(row.transmission_id, row.id);
                        append.observation(&row);
                    }
                    _ => append.observation(&row),
                },
                Err(defect) => append.skip(defect),
            }
        }
        Ok(more_transmissions || count == ROWS_AT_ONCE)
    }

    /// Rows that changed since the last look; `None` when some of that is lost.
    fn changes(&mut self, connection: &Connection) -> rusqlite::Result<Option<Changes>> {
        let mut changes = Changes::default();
        let Some(seen) = self.change else { return Ok(Some(changes)) };
        let mut statement = connection
            .prepare_cached("SELECT seq, kind, id, key FROM cs_changes WHERE seq >= ?1 ORDER BY seq")?;
        let mut rows = statement.query([seen])?;
        // The row seen last is never removed while newer ones stay: without it, changes were missed.
        let mut is_first = true;
        while let Some(row) = rows.next()? {
            let seq: i64 = row.get(0)?;
            if std::mem::take(&mut is_first) && seq != seen.max(1) {
                return Ok(None);
            }
            if seq <= seen {
                continue;
            }
            let (kind, id, key): (String, Option<i64>, Option<String>) =
                (row.get(1)?, row.get(2)?, row.get(3)?);
            changes.note(&kind, id, key);
            self.change = Some(seq);
        }
        if is_first && seen > 0 {
            return Ok(None);
        }
        Ok(Some(changes))
    }

    fn apply_tables(
        &mut self,
        connection: &Connection,
        changes: &Changes,
        store: &Store,
        graph_read_at: i64,
    ) -> rusqlite::Result<()> {
        if self.change.is_none() {
            let nodes = read::nodes_seen_since(connection, &self.node_seen)?;
            if let Some(newest) = nodes.iter().filter_map(|n| n.last_seen.clone()).max() {
                self.node_seen = newest;
            }
            store.update_nodes(nodes);
            store.set_observers(Observers::new(read::observers(connection)?));
            return Ok(());
        }
        if changes.nodes.len() > 500 {
            store.set_nodes(Nodes::new(read::nodes(connection)?));
        } else if !changes.nodes.is_empty() {
            let mut rows = Vec::new();
            let mut gone = Vec::new();
            for key in &changes.nodes {
                match read::node(connection, key)? {
                    Some(node) => rows.push(node),
                    None => gone.push(key.as_str()),
                }
            }
            store.update_nodes(rows);
            if !gone.is_empty() {
                store.remove_nodes(&gone);
            }
        }
        if changes.observers {
            store.set_observers(Observers::new(read::observers(connection)?));
        }
        if changes.edges {
            store.set_graph(Graph::new(read::edges(connection)?, graph_read_at));
        }
        Ok(())
    }

    /// Compares some transmissions with the database, for files whose writer does not tell what it changes: the
    /// Go original's. One step a second goes through everything in the course of minutes.
    pub(super) fn sweep(
        &mut self,
        connection: &Connection,
        columns: &Columns,
        store: &Store,
    ) -> rusqlite::Result<()> {
        const AT_ONCE: usize = 250;
        let snapshot = store.snapshot();
        let ids: Vec<i64> = snapshot.ids_from(self.sweep).take(AT_ONCE).collect();
        let (Some(low), Some(high)) = (ids.first().copied(), ids.last().copied()) else {
            self.sweep = i64::MIN;
            return Ok(());
        };
        self.sweep = high.saturating_add(1);
        let transaction = connection.unchecked_transaction()?;
        let mut append = store.begin().rechecking();
        let mut there = BTreeSet::new();
        let mut statement = connection.prepare_cached(&format!(
            "SELECT {} FROM transmissions WHERE id BETWEEN ?1 AND ?2 ORDER BY id",
            columns.transmissions
        ))?;
        let mut rows = statement.query([low, high])?;
        while let Some(row) = rows.next()? {
            if let Ok(row) = read::transmission(row) {
                there.insert(row.id);
                append.transmission(&row);
            }
        }
        for id in ids.into_iter().filter(|id| !there.contains(id)) {
            append.remove_transmission(id);
        }
        for id in there {
            observations_of(connection, columns, id, &snapshot, &mut append)?;
        }
        append.publish();
        drop(transaction);
        Ok(())
    }
}

/// The newest `seq` of `cs_changes`, 0 when nothing was told yet; `None` when there is no such table.
pub(super) fn newest_change(connection: &Connection) -> rusqlite::Result<Option<i64>> {
    if !read::exists(connection, "cs_changes")? {
        return Ok(None);
    }
    connection.query_row("SELECT coalesce(max(seq), 0) FROM cs_changes", [], |row| row.get(0)).map(Some)
}

/// Reads the observations of a transmission again.
fn observations_of(
    connection: &Connection,
    columns: &Columns,
    id: i64,
    snapshot: &crate::memory::Snapshot,
    append: &mut Append<'_>,
) -> rusqlite::Result<()> {
    let mut statement = connection.prepare_cached(&format!(
        "SELECT {} FROM observations WHERE transmission_id = ?1 ORDER BY id",
        columns.observations
    ))?;
    let mut rows = statement.query([id])?;
    let mut there = BTreeSet::new();
    while let Some(row) = rows.next()? {
        if let Ok(row) = read::observation(row) {
            there.insert(row.id);
            append.observation(&row);
        }
    }
    for known in snapshot.by_id(id).into_iter().flat_map(|t| t.observations()).map(|o| o.id()) {
        if !there.contains(&known) {
            append.remove_observation(id, known);
        }
    }
    Ok(())
}

/// What `cs_changes` told.
#[derive(Debug, Default)]
struct Changes {
    transmissions: BTreeSet<i64>,
    observations: BTreeSet<i64>,
    removed: BTreeSet<i64>,
    nodes: BTreeSet<String>,
    observers: bool,
    edges: bool,
}

impl Changes {
    fn note(&mut self, kind: &str, id: Option<i64>, key: Option<String>) {
        match (kind, id, key) {
            ("transmission", Some(id), _) => _ = self.transmissions.insert(id),
            ("observation", Some(id), _) => _ = self.observations.insert(id),
            ("removed", Some(id), _) => _ = self.removed.insert(id),
            ("node", _, Some(key)) => _ = self.nodes.insert(key),
            ("observer", ..) => self.observers = true,
            ("edges", ..) => self.edges = true,
            // A later version's word.
            _ => {}
        }
    }
}

fn apply_rows(
    connection: &Connection,
    columns: &Columns,
    changes: &Changes,
    append: &mut Append<'_>,
) -> rusqlite::Result<()> {
    let (_, last_observation) = append.last_ids();
    let mut statement = connection
        .prepare_cached(&format!("SELECT {} FROM transmissions WHERE id = ?1", columns.transmissions))?;
    for id in &changes.transmissions {
        let mut rows = statement.query([id])?;
        if let Some(row) = rows.next()?
            && let Ok(row) = read::transmission(row)
        {
            append.change_transmission(&row);
        }
    }
    let mut statement = connection
        .prepare_cached(&format!("SELECT {} FROM observations WHERE id = ?1", columns.observations))?;
    for id in changes.observations.iter().filter(|id| **id <= last_observation) {
        let mut rows = statement.query([id])?;
        if let Some(row) = rows.next()?
            && let Ok(row) = read::observation(row)
        {
            append.change_observation(&row);
        }
    }
    for id in &changes.removed {
        let still_there: Option<i64> = connection
            .prepare_cached("SELECT id FROM transmissions WHERE id = ?1")?
            .query_row([id], |row| row.get(0))
            .optional()?;
        if still_there.is_none() {
            append.remove_transmission(*id);
        }
    }
    Ok(())
}
