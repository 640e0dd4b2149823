//! How a load is cut: ranges of transmission ids, newest first, and the observations that belong to each.

use rusqlite::{Connection, OptionalExtension};

/// A range of transmission ids and the range of observation ids in which theirs lie, mostly.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Chunk {
    /// Lowest transmission id.
    pub(super) low: i64,
    /// Highest transmission id.
    pub(super) high: i64,
    /// Lowest observation id.
    pub(super) observations_low: i64,
    /// Highest observation id.
    pub(super) observations_high: i64,
}

/// The plan of a load.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Plan {
    /// Newest first. Together they hold every id up to the highest at the time of planning.
    pub(super) chunks: Vec<Chunk>,
    pub(super) last_transmission: i64,
    pub(super) last_observation: i64,
    /// Number of transmissions, for telling progress.
    pub(super) expected: u64,
}

/// Most transmissions of a chunk.
const WIDEST: i64 = 16_384;
/// Observations of a chunk that are aimed at, at most.
const OBSERVATIONS: i64 = 500_000;
/// Chunks that are aimed at, at least: what packing one takes for a while is then little beside the whole.
const CHUNKS: i64 = 24;

/// Looks at the tables and cuts them.
pub(super) fn plan(connection: &Connection) -> rusqlite::Result<Plan> {
    plan_below(connection, i64::MAX)
}

/// The same for transmissions with ids below a floor.
pub(super) fn plan_below(connection: &Connection, floor: i64) -> rusqlite::Result<Plan> {
    let ends = |table: &str| {
        // One lookup each at both ends of the table's tree.
        let sql = format!("SELECT (SELECT min(id) FROM {table}), (SELECT max(id) FROM {table})");
        connection
            .query_row(&sql, [], |row| Ok((row.get::<_, Option<i64>>(0)?, row.get::<_, Option<i64>>(1)?)))
    };
    let (Some(first), Some(last)) = ends("transmissions")? else {
        return Ok(Plan { last_observation: ends("observations")?.1.unwrap_or(0), ..Plan::default() });
    };
    let last = last.min(floor.saturating_sub(1));
    let (first_observation, last_observation) = match ends("observations")? {
        (Some(first), Some(last)) => (first, last),
        _ => (0, 0),
    };
    let expected: i64 =
        connection
            .query_row("SELECT count(*) FROM transmissions WHERE id <= ?1", [last], |row| row.get(0))?;
    let ids = last.saturating_sub(first).saturating_add(1);
    let observation_ids = last_observation.saturating_sub(first_observation).saturating_add(1);
    let per_transmission = (observation_ids / ids.max(1)).max(1);
    // Wide enough to be few, narrow enough that the first is there soon and two threads have work; all about as wide.
    let width = (OBSERVATIONS / per_transmission).min(ids / CHUNKS).clamp(1024, WIDEST);
    let count = (ids / width).max(1);
    let width = ids / count + i64::from(ids % count != 0);
    let mut chunks = Vec::new();
    let (mut high, mut observations_high) = (last, last_observation);
    while high >= first {
        let low = if high.saturating_sub(width) < first { i64::MIN } else { high - width + 1 };
        let observations_low = if low == i64::MIN {
            i64::MIN
        } else {
            boundary(connection, low, first_observation, observations_high)?
        };
        chunks.push(Chunk { low, high, observations_low, observations_high });
        if low == i64::MIN {
            break;
        }
        high = low - 1;
        observations_high = observations_low.saturating_sub(1);
    }
    Ok(Plan { chunks, last_transmission: last, last_observation, expected: expected.unsigned_abs() })
}

/// About where the observations of transmissions from `low` on begin. It need not be exact: observations that turn
/// up in another chunk are handed over.
fn boundary(connection: &Connection, low: i64, from: i64, to: i64) -> rusqlite::Result<i64> {
    // Of some neighbours the newest transmission counts: a late observation of an old one says nothing.
    let mut probe = connection.prepare_cached(
        "SELECT max(transmission_id) FROM
           (SELECT transmission_id FROM observations WHERE id >= ?1 ORDER BY id LIMIT 16)",
    )?;
    let (mut from, mut to) = (from, to.saturating_add(1));
    while from < to {
        let middle = from + (to - from) / 2;
        let newest: Option<i64> = probe.query_row([middle], |row| row.get(0)).optional()?.flatten();
        if newest.is_none_or(|newest| newest >= low) { to = middle } else { from = middle + 1 }
    }
    // The window of neighbours reaches ahead.
    Ok(from)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(transmissions: i64, per: i64) -> Connection {
        let connection = Connection::open_in_memory().expect("a database");
        connection
            .execute_batch(
                "CREATE TABLE transmissions (id INTEGER PRIMARY KEY);
                 CREATE TABLE observations (id INTEGER PRIMARY KEY, transmission_id INTEGER);",
            )
            .expect("tables");
        connection
            .execute(
                "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?1)
                 INSERT INTO transmissions SELECT i FROM n WHERE ?1 > 0",
                [transmissions],
            )
            .expect("rows");
        connection
            .execute(
                "WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i + 1 < ?1 * ?2)
                 INSERT INTO observations SELECT i + 1, i / ?2 + 1 FROM n WHERE ?1 > 0",
                [transmissions, per],
            )
            .expect("rows");
        connection
    }

    #[test]
    fn chunks_cover_every_id_once() {
        for (transmissions, per) in [(1, 1), (1000, 3), (20_000, 2)] {
            let plan = plan(&table(transmissions, per)).expect("a plan");
            let (first, last) = (plan.chunks.first().expect("one"), plan.chunks.last().expect("one"));
            assert_eq!((first.high, first.observations_high), (transmissions, transmissions * per));
            assert_eq!((last.low, last.observations_low), (i64::MIN, i64::MIN));
            for pair in plan.chunks.windows(2) {
                assert_eq!(pair[0].low, pair[1].high + 1);
                assert_eq!(pair[0].observations_low, pair[1].observations_high + 1);
                let exact = (pair[0].low - 1) * per + 1;
                assert!((exact - 16..=exact).contains(&pair[0].observations_low));
            }
        }
        assert_eq!(plan(&table(0, 1)).expect("a plan"), Plan::default());
    }
}
