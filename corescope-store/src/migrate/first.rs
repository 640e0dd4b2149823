//! The migrations that run before the writer is handed out, in their order.

use std::path::Path;

use rusqlite::Connection;

use super::{Progress, duplicates, empty_rows, indexes, node_keys, noise_floor, observations_v2, view};
use crate::schema::{Shape, add_missing_columns, create_all, missing_columns};
use crate::write::{Doing, WriteError, set_state};

/// Set in `cs_state` when the senders of adverts were never counted by key.
pub(super) const RECOUNT_ADVERTS: &str = "migrate.recount_adverts";

/// Runs what is needed. Tells every step to `progress`.
pub(crate) fn run_first(
    db: &Connection,
    path: &Path,
    index_at_once_rows: u64,
    progress: &mut dyn FnMut(Progress),
) -> Result<(), WriteError> {
    transaction(db, "cannot create the tables", create_all)?;
    let shape = Shape::read(db).doing("cannot read the schema")?;
    if observations_v2::is_needed(&shape) {
        observations_v2::run(db, path, progress)?;
    }
    let shape = Shape::read(db).doing("cannot read the schema")?;
    let missing = missing_columns(&shape);
    if !missing.is_empty() {
        progress(Progress { name: "columns", done: 0, total: missing.len() as u64 });
        let adverts_by_key = shape.has_column("transmissions", "from_pubkey");
        transaction(db, "cannot add the missing columns", |db| {
            add_missing_columns(db)?;
            if adverts_by_key { Ok(()) } else { set_state(db, RECOUNT_ADVERTS, "1") }
        })?;
    }
    transaction(db, "cannot spell node keys in lower case", node_keys::run)?;
    transaction(db, "cannot make noise floors real numbers", noise_floor::run)?;
    if empty_rows::is_needed(db).doing("cannot look for empty rows")? {
        transaction(db, "cannot remove rows without hash or time", empty_rows::run)?;
    }
    if view::is_needed(db).doing("cannot read the view")? {
        transaction(db, "cannot make the view packets_v", view::run)?;
    }
    transaction(db, "cannot drop an index that was replaced", indexes::drop_replaced)?;
    let shape = Shape::read(db).doing("cannot read the schema")?;
    if !shape.indexes.contains_key(duplicates::INDEX) {
        // Nothing may be stored before it is there: it is what makes two copies one.
        duplicates::run(db, progress)?;
    }
    indexes::build_small(db, index_at_once_rows, progress)
}

/// One transaction: it happens, or the file is as before.
pub(super) fn transaction<T>(
    db: &Connection,
    doing: &'static str,
    work: impl FnOnce(&Connection) -> rusqlite::Result<T>,
) -> Result<T, WriteError> {
    db.execute_batch("BEGIN IMMEDIATE").doing(doing)?;
    let result = work(db).and_then(|value| db.execute_batch("COMMIT").map(|()| value));
    if result.is_err() && !db.is_autocommit() {
        let _ = db.execute_batch("ROLLBACK");
    }
    result.doing(doing)
}
