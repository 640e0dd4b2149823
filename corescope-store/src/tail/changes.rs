//! What `cs_changes` tells: rows that changed after they were inserted.

use std::collections::BTreeSet;

use rusqlite::{Connection, OptionalExtension, Row};

use crate::memory::{Append, Defect, MOST_TEXT, check_observation};
use crate::read::{self, Columns};

/// Notices of one look: each may bring a row in full that lies over its segment until that is packed anew.
pub(super) const NOTICES_AT_ONCE: usize = 2000;

/// A row of `cs_changes` without its number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Notice {
    pub(crate) kind: Box<str>,
    pub(crate) id: Option<i64>,
    pub(crate) key: Option<Box<str>>,
}

/// Notices that were read, by what they are about.
#[derive(Debug, Default)]
pub(super) struct Changes {
    pub(super) transmissions: BTreeSet<i64>,
    pub(super) observations: BTreeSet<i64>,
    pub(super) removed: BTreeSet<i64>,
    pub(super) nodes: BTreeSet<String>,
    pub(super) observers: bool,
    pub(super) edges: bool,
    /// Notices that do not say what they are about. The sweep finds that.
    damaged: u64,
    /// There are more of them.
    pub(super) more: bool,
}

/// The newest notice with its number; `None` when there is none.
pub(super) fn newest(connection: &Connection) -> rusqlite::Result<Option<(i64, Notice)>> {
    let mut statement =
        connection.prepare_cached("SELECT seq, kind, id, key FROM cs_changes ORDER BY seq DESC LIMIT 1")?;
    statement.query_row([], numbered).optional()
}

fn numbered(row: &Row<'_>) -> rusqlite::Result<(i64, Notice)> {
    // The number is the key of the table, which can be nothing else.
    Ok((row.get(0)?, Notice::read(row, 1)))
}

impl Notice {
    /// From `kind`, `id` and `key` in the columns from this one on. What cannot be read is taken for missing: one
    /// damaged notice must not keep all that follow from being read.
    pub(super) fn read(row: &Row<'_>, column: usize) -> Self {
        let text = |column| {
            let text = row.get_ref(column).ok()?.as_str().ok()?;
            (text.len() <= MOST_TEXT).then(|| text.into())
        };
        Self {
            kind: text(column).unwrap_or_default(),
            id: row.get(column + 1).unwrap_or_default(),
            key: text(column + 2),
        }
    }
}

impl Changes {
    /// The notices after number `seen`, which is `last`; the last one read is put in their places. `None` when some
    /// were missed, or these are not the notices that were followed so far.
    pub(super) fn read(
        connection: &Connection,
        seen: &mut i64,
        last: &mut Option<Notice>,
    ) -> rusqlite::Result<Option<Self>> {
        let mut changes = Self::default();
        let mut statement = connection.prepare_cached(
            "SELECT seq, kind, id, key FROM cs_changes WHERE seq >= ?1 ORDER BY seq LIMIT ?2",
        )?;
        let mut rows = statement.query([*seen, NOTICES_AT_ONCE as i64 + 1])?;
        let begin = *seen;
        let mut count = 0;
        while let Some(row) = rows.next()? {
            let (seq, notice) = numbered(row)?;
            count += 1;
            // The row seen last is never removed while newer ones stay: without it, changes were missed.
            if count == 1 && seq != begin.max(1) {
                return Ok(None);
            }
            if seq <= begin {
                if last.as_ref().is_some_and(|last| *last != notice) {
                    return Ok(None);
                }
                continue;
            }
            changes.note(&notice);
            *seen = seq;
            *last = Some(notice);
        }
        changes.more = count > NOTICES_AT_ONCE;
        Ok((count > 0 || begin == 0).then_some(changes))
    }

    fn note(&mut self, notice: &Notice) {
        match (&*notice.kind, notice.id, &notice.key) {
            ("transmission", Some(id), _) => _ = self.transmissions.insert(id),
            ("observation", Some(id), _) => _ = self.observations.insert(id),
            ("removed", Some(id), _) => _ = self.removed.insert(id),
            ("node", _, Some(key)) => _ = self.nodes.insert((**key).to_owned()),
            ("observer", ..) => self.observers = true,
            ("edges", ..) => self.edges = true,
            ("transmission" | "observation" | "removed" | "node" | "", ..) => self.damaged += 1,
            // A later version's word.
            _ => {}
        }
    }

    /// Reads the rows again that they are about. Those beyond `last`, transmission and observation, come as new ones.
    pub(super) fn apply(
        &self,
        connection: &Connection,
        columns: &Columns,
        last: (i64, i64),
        append: &mut Append<'_>,
    ) -> rusqlite::Result<()> {
        let (last_transmission, last_observation) = last;
        append.set_known(true);
        for id in &self.removed {
            remove(connection, columns, *id, last_observation, append)?;
        }
        let mut statement = connection
            .prepare_cached(&format!("SELECT {} FROM transmissions WHERE id = ?1", columns.transmissions))?;
        for id in self.transmissions.iter().filter(|id| **id <= last_transmission) {
            let was_there = append.by_id(*id).is_some();
            let mut rows = statement.query([id])?;
            if let Some(row) = rows.next()?
                && let Ok(row) = read::transmission(row)
            {
                append.transmission(&row);
            }
            // A damaged row was repaired: its observations were left out with it.
            if !was_there && append.by_id(*id).is_some() {
                observations_of(connection, columns, *id, last_observation, append)?;
            }
        }
        let told = self.observations.iter().copied().filter(|id| *id <= last_observation);
        change_observations(connection, columns, told, append)?;
        append.set_known(false);
        (0..self.damaged).for_each(|_| append.skip(Defect::Type));
        Ok(())
    }
}

/// Removes a transmission that is gone from the database. Observations of it that are still there belong to another
/// one now: two became one.
pub(super) fn remove(
    connection: &Connection,
    columns: &Columns,
    id: i64,
    last_observation: i64,
    append: &mut Append<'_>,
) -> rusqlite::Result<()> {
    let mut find = connection.prepare_cached("SELECT 1 FROM transmissions WHERE id = ?1")?;
    if find.exists([id])? {
        return Ok(());
    }
    let known = append.by_id(id);
    let observations: Vec<i64> = known.into_iter().flat_map(|t| t.observations()).map(|o| o.id()).collect();
    append.remove_transmission(id);
    let there = observations.into_iter().filter(|id| *id <= last_observation);
    change_observations(connection, columns, there, append)
}

fn change_observations(
    connection: &Connection,
    columns: &Columns,
    ids: impl Iterator<Item = i64>,
    append: &mut Append<'_>,
) -> rusqlite::Result<()> {
    let mut statement = connection
        .prepare_cached(&format!("SELECT {} FROM observations WHERE id = ?1", columns.observations))?;
    for id in ids {
        let mut rows = statement.query([id])?;
        if let Some(row) = rows.next()?
            && let Ok(row) = read::observation(row)
        {
            append.change_observation(&row);
        }
    }
    Ok(())
}

/// Reads the observations of a transmission again, up to the one with this id, and removes those that are gone.
pub(super) fn observations_of(
    connection: &Connection,
    columns: &Columns,
    id: i64,
    last_observation: i64,
    append: &mut Append<'_>,
) -> rusqlite::Result<()> {
    let known = append.by_id(id);
    let mut gone: BTreeSet<i64> = known.into_iter().flat_map(|t| t.observations()).map(|o| o.id()).collect();
    let mut statement = connection.prepare_cached(&format!(
        "SELECT {} FROM observations WHERE transmission_id = ?1 AND id <= ?2 ORDER BY id",
        columns.observations
    ))?;
    let mut rows = statement.query([id, last_observation])?;
    while let Some(row) = rows.next()? {
        if let Ok(row) = read::observation(row)
            && check_observation(&row).is_ok()
        {
            gone.remove(&row.id);
            append.change_observation(&row);
        }
    }
    append.remove_observations(id, &gone);
    Ok(())
}
