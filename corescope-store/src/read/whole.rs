//! Single transmissions with their observations, for what is not in memory.

use rusqlite::{Connection, OptionalExtension, params};

use super::rows::{Columns, observation, transmission};
use crate::memory::{OwnedTransmission, seconds};

/// The transmission with this id and its observations; `None` when there is none, or it cannot be read.
///
/// # Errors
///
/// What SQLite reports. Observations that cannot be read are left out.
pub fn transmission_by_id(connection: &Connection, id: i64) -> rusqlite::Result<Option<OwnedTransmission>> {
    let columns = Columns::of(connection)?;
    let mut statement = connection
        .prepare_cached(&format!("SELECT {} FROM transmissions WHERE id = ?1", columns.transmissions))?;
    let mut rows = statement.query([id])?;
    let Some(row) = rows.next()? else { return Ok(None) };
    let Ok(mut owned) = transmission(row).and_then(|row| OwnedTransmission::new(&row)) else {
        return Ok(None);
    };
    let last_seen = owned.last_seen;
    let mut statement = connection.prepare_cached(&format!(
        "SELECT {} FROM observations WHERE transmission_id = ?1 ORDER BY id",
        columns.observations
    ))?;
    let mut rows = statement.query([id])?;
    while let Some(row) = rows.next()? {
        // A defect of an observation is told when the store is loaded.
        let _ = observation(row).and_then(|row| owned.put(&row));
    }
    owned.last_seen = last_seen;
    Ok(Some(owned))
}

/// The transmission with this content hash: spelled so, in lower or in upper case. Of several the newest that can be
/// read.
///
/// # Errors
///
/// What SQLite reports.
pub fn transmission_by_hash(
    connection: &Connection,
    hash: &str,
) -> rusqlite::Result<Option<OwnedTransmission>> {
    Ok(transmissions_by_hash(connection, hash, None)?.pop())
}

/// All transmissions with this content hash, or those of them with ids below this one, ascending by id: spelled so, in
/// lower or in upper case. A hash is there once in each spelling, so that they are three at most.
///
/// # Errors
///
/// What SQLite reports.
pub(crate) fn transmissions_by_hash(
    connection: &Connection,
    hash: &str,
    below: Option<i64>,
) -> rusqlite::Result<Vec<OwnedTransmission>> {
    // The spellings that occur, by the index; the sign keeps SQLite from going through ids.
    let mut find = connection.prepare_cached(
        "SELECT id FROM transmissions WHERE hash IN (?1, ?2, ?3) AND (?4 IS NULL OR +id < ?4) ORDER BY +id",
    )?;
    let spellings = (hash, hash.to_ascii_lowercase(), hash.to_ascii_uppercase(), below);
    let ids: Vec<i64> = find.query_map(spellings, |row| row.get(0))?.collect::<Result<_, _>>()?;
    let rows = ids.into_iter().map(|id| transmission_by_id(connection, id));
    rows.filter_map(Result::transpose).collect()
}

/// The transmission that an observation is of.
///
/// # Errors
///
/// What SQLite reports.
pub fn transmission_of_observation(
    connection: &Connection,
    id: i64,
) -> rusqlite::Result<Option<OwnedTransmission>> {
    let of: Option<Option<i64>> = connection
        .prepare_cached("SELECT transmission_id FROM observations WHERE id = ?1")?
        .query_row([id], |row| row.get(0))
        .optional()?;
    of.flatten().map_or(Ok(None), |of| transmission_by_id(connection, of))
}

/// First receptions of the transmissions with ids below this one whose text is greater than `since`, ascending by id: unix
/// seconds, and the text. Rows whose text is no time are left out.
///
/// # Errors
///
/// What SQLite reports.
pub fn first_receptions(
    connection: &Connection,
    below: i64,
    since: &str,
) -> rusqlite::Result<Vec<(i64, String)>> {
    let mut statement = connection.prepare_cached(
        "SELECT first_seen FROM transmissions WHERE id < ?1 AND first_seen > ?2 ORDER BY id",
    )?;
    let mut rows = statement.query(params![below, since])?;
    let mut all = Vec::new();
    while let Some(row) = rows.next()? {
        let text = row.get_ref(0)?.as_str().ok();
        all.extend(text.and_then(|text| Some((seconds::parse(text)?, text.to_owned()))));
    }
    Ok(all)
}
