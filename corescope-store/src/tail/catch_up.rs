//! What was committed since the last look: new rows by their ids, changed ones as `cs_changes` tells.

use rusqlite::Connection;

use super::changes::{self, Changes, Notice};
use super::marks;
use super::strays::Strays;
use crate::memory::{Append, Graph, Node, Nodes, Observers, Store, seconds};
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
    /// The row with that number, if there is one.
    pub(super) notice: Option<Notice>,
    /// Newest `last_seen` of a node, the present at most, for files without `cs_changes`.
    pub(super) node_seen: String,
    /// What is read now happened before anybody was told of anything.
    pub(super) history: bool,
}

/// How a look ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Looked {
    /// Nothing more to read.
    UpToDate,
    /// There is more: look again at once.
    More,
    /// Ids went down, changes are lost or the database is another one: everything must be loaded anew.
    LoadAnew,
}

impl Position {
    /// Where a load that begins now will leave the follower, as far as changes go.
    pub(super) fn before_load(connection: &Connection) -> rusqlite::Result<Self> {
        if !read::exists(connection, "cs_changes")? {
            return Ok(Self::default());
        }
        let (seq, notice) =
            changes::newest(connection)?.map_or((0, None), |(seq, notice)| (seq, Some(notice)));
        Ok(Self { change: Some(seq), notice, ..Self::default() })
    }

    /// Reads what is new, at one moment of the database, and publishes it in one append: some thousand rows and
    /// changes at most. When it fails nothing has moved.
    pub(super) fn look(
        &mut self,
        connection: &Connection,
        columns: &Columns,
        store: &Store,
        strays: Option<&Strays>,
        now: i64,
    ) -> rusqlite::Result<Looked> {
        let mut next = self.clone();
        let looked = next.advance(connection, columns, store, strays, now)?;
        *self = next;
        Ok(looked)
    }

    fn advance(
        &mut self,
        connection: &Connection,
        columns: &Columns,
        store: &Store,
        strays: Option<&Strays>,
        now: i64,
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
        let changes = match &mut self.change {
            Some(seen) => Changes::read(connection, seen, &mut self.notice)?,
            None => Some(Changes::default()),
        };
        let Some(changes) = changes else { return Ok(Looked::LoadAnew) };
        if marks::are_of_another(connection, &store.snapshot(), &changes)? {
            return Ok(Looked::LoadAnew);
        }
        let mut append = store.begin();
        if self.history || strays.is_some() {
            append = append.as_history();
        }
        let more = self.new_rows(connection, columns, &mut append, store, strays)?;
        changes.apply(connection, columns, (self.transmission, self.observation), &mut append)?;
        append.publish();
        self.apply_tables(connection, &changes, store, now)?;
        drop(transaction);
        Ok(if more || changes.more { Looked::More } else { Looked::UpToDate })
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

    fn apply_tables(
        &mut self,
        connection: &Connection,
        changes: &Changes,
        store: &Store,
        now: i64,
    ) -> rusqlite::Result<()> {
        if self.change.is_none() {
            let nodes = read::nodes_seen_since(connection, &self.node_seen)?;
            self.note_seen(&nodes, now);
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
            store.set_graph(Graph::new(read::edges(connection)?, now));
        }
        Ok(())
    }

    /// The graph first, then observers and nodes: whole, whatever was told of them.
    pub(super) fn read_tables(
        &mut self,
        connection: &Connection,
        store: &Store,
        now: i64,
    ) -> rusqlite::Result<()> {
        store.set_graph(Graph::new(read::edges(connection)?, now));
        store.set_observers(Observers::new(read::observers(connection)?));
        let nodes = read::nodes(connection)?;
        self.note_seen(&nodes, now);
        let nodes = Nodes::new(nodes);
        if !store.snapshot().nodes().iter().eq(nodes.iter()) {
            store.set_nodes(nodes);
        }
        Ok(())
    }

    /// A node that is said to have been seen in the future must not hide those seen after it.
    fn note_seen(&mut self, nodes: &[Node], now: i64) {
        if let Some(newest) = nodes.iter().filter_map(|node| node.last_seen.as_deref()).max() {
            self.node_seen = seconds::format(now).min(newest.to_owned());
        }
    }
}

/// The newest `seq` of `cs_changes`, 0 when nothing was told yet; `None` when there is no such table.
pub(super) fn newest_change(connection: &Connection) -> rusqlite::Result<Option<i64>> {
    if !read::exists(connection, "cs_changes")? {
        return Ok(None);
    }
    Ok(Some(changes::newest(connection)?.map_or(0, |(seq, _)| seq)))
}
