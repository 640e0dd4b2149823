//! How a load is cut: ranges of transmission ids, newest first, and the observations that belong to each.

use rusqlite::Connection;

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

/// How large chunks are.
#[derive(Clone, Copy, Debug)]
struct Size {
    /// Least and most transmissions, but for the last chunk.
    rows: (i64, i64),
    /// Observations that are aimed at, at most.
    observations: i64,
    /// Chunks that are aimed at, at least.
    chunks: i64,
}

impl Size {
    /// Transmissions of a chunk, so that all are about as wide.
    fn width(self, rows: i64, (first, last): (i64, i64)) -> i64 {
        let per_transmission = (last.saturating_sub(first) / rows.max(1)).max(1);
        let wanted = (self.observations / per_transmission).min(rows / self.chunks);
        let count = (rows / wanted.clamp(self.rows.0, self.rows.1)).max(1);
        (rows / count + i64::from(rows % count != 0)).max(1)
    }
}

/// Wide enough to be few, narrow enough that the first is there soon, that several threads have work, and that what
/// packing one takes for a while is little beside the whole.
const LOAD: Size = Size { rows: (1024, 16_384), observations: 500_000, chunks: 24 };

/// Nothing of them is kept: they need not be few.
const PASSING: Size = Size { rows: (256, 4096), observations: 50_000, chunks: 1 };

/// Cuts everything for a load.
pub(super) fn plan(connection: &Connection) -> rusqlite::Result<Plan> {
    // One moment of the database for both tables.
    let _moment = connection.unchecked_transaction()?;
    let last_observation = ends(connection, "observations")?.map_or(0, |(_, last)| last);
    cut(connection, i64::MAX, last_observation, LOAD)
}

/// Cuts what lies below a floor, to be read and forgotten. Observations of these transmissions may have ids above
/// those of all chunks.
pub(super) fn plan_below(connection: &Connection, floor: i64) -> rusqlite::Result<Plan> {
    let _moment = connection.unchecked_transaction()?;
    let span = ends(connection, "observations")?.unwrap_or((0, 0));
    let begin = first_observation(connection, floor, span)?;
    cut(connection, floor.saturating_sub(1), begin.saturating_sub(1), PASSING)
}

/// Lowest and highest id of a table: one lookup each at both ends of its tree.
fn ends(connection: &Connection, table: &str) -> rusqlite::Result<Option<(i64, i64)>> {
    let sql = format!("SELECT (SELECT min(id) FROM {table}), (SELECT max(id) FROM {table})");
    let ends: (Option<i64>, Option<i64>) =
        connection.query_row(&sql, [], |row| Ok((row.get(0)?, row.get(1)?)))?;
    Ok(ends.0.zip(ends.1))
}

/// Cuts the transmissions up to an id, and the observations up to another. By rows, not by ids: there may be gaps of
/// any size between ids.
fn cut(connection: &Connection, last: i64, last_observation: i64, size: Size) -> rusqlite::Result<Plan> {
    let newest: Option<i64> =
        connection.query_row("SELECT max(id) FROM transmissions WHERE id <= ?1", [last], |row| row.get(0))?;
    let Some(last) = newest else { return Ok(Plan { last_observation, ..Plan::default() }) };
    let mut plan = Plan { last_transmission: last, last_observation, ..Plan::default() };
    let span = ends(connection, "observations")?.map_or((0, 0), |(first, _)| (first, last_observation));
    let mut rest =
        Chunk { low: i64::MIN, high: last, observations_low: i64::MIN, observations_high: last_observation };
    if let Err(error) = cut_rows(connection, &mut plan, &mut rest, span, size) {
        // Whoever reads the rest meets the same, after all that can be read.
        tracing::warn!(%error, up_to = rest.high, "old rows of the database cannot be looked through");
    }
    plan.chunks.push(rest);
    Ok(plan)
}

/// Cuts chunks off the rest while there is more than one in it.
fn cut_rows(
    connection: &Connection,
    plan: &mut Plan,
    rest: &mut Chunk,
    span: (i64, i64),
    size: Size,
) -> rusqlite::Result<()> {
    let sql = "SELECT count(*) FROM transmissions WHERE id <= ?1";
    let width = match connection.query_row(sql, [rest.high], |row| row.get::<_, i64>(0)) {
        Ok(rows) => {
            plan.expected = rows.unsigned_abs();
            size.width(rows, span)
        }
        // A page of old rows is damaged: the newest are had all the same.
        Err(_) => size.rows.0,
    };
    let mut lowest = connection
        .prepare_cached("SELECT id FROM transmissions WHERE id <= ?1 ORDER BY id DESC LIMIT 2 OFFSET ?2")?;
    loop {
        let found: Vec<i64> =
            lowest.query_map([rest.high, width - 1], |row| row.get(0))?.collect::<Result<_, _>>()?;
        let [low, _below] = found[..] else { return Ok(()) };
        let observations_low = first_observation(connection, low, (span.0, rest.observations_high))?;
        plan.chunks.push(Chunk { low, observations_low, ..*rest });
        rest.high = low.saturating_sub(1);
        rest.observations_high = observations_low.saturating_sub(1);
    }
}

/// About where the observations of transmissions from `low` on begin, within a span or just above it. It need not be
/// exact: some arrive before those of an older transmission.
pub(super) fn first_observation(
    connection: &Connection,
    low: i64,
    (first, last): (i64, i64),
) -> rusqlite::Result<i64> {
    // Some neighbours, because a transmission may be without, or have none but a late one.
    let mut probe = connection.prepare_cached(
        "SELECT min(id) FROM
           (SELECT id FROM observations WHERE transmission_id >= ?1 ORDER BY transmission_id LIMIT 64)",
    )?;
    let found: Option<i64> = probe.query_row([low], |row| row.get(0))?;
    let end = last.saturating_add(1);
    Ok(found.unwrap_or(end).max(first).min(end))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Transmissions with these ids, each with so many observations, one after another from this id on.
    fn table(ids: impl IntoIterator<Item = i64>, per: i64, from: i64) -> Connection {
        let connection = Connection::open_in_memory().expect("a database");
        connection
            .execute_batch(
                "CREATE TABLE transmissions (id INTEGER PRIMARY KEY);
                 CREATE TABLE observations (id INTEGER PRIMARY KEY, transmission_id INTEGER);
                 CREATE INDEX of ON observations (transmission_id); BEGIN;",
            )
            .expect("tables");
        let mut observation = from;
        for id in ids {
            connection
                .prepare_cached("INSERT INTO transmissions VALUES (?1)")
                .and_then(|mut s| s.execute([id]))
                .expect("a row");
            for _ in 0..per {
                connection
                    .prepare_cached("INSERT INTO observations VALUES (?1, ?2)")
                    .and_then(|mut s| s.execute([observation, id]))
                    .expect("a row");
                observation += 1;
            }
        }
        connection.execute_batch("COMMIT").expect("rows");
        connection
    }

    /// Every id is in one chunk.
    fn tiles(plan: &Plan) {
        let (first, last) = (plan.chunks.first().expect("one"), plan.chunks.last().expect("one"));
        assert_eq!((first.high, first.observations_high), (plan.last_transmission, plan.last_observation));
        assert_eq!((last.low, last.observations_low), (i64::MIN, i64::MIN));
        for pair in plan.chunks.windows(2) {
            assert_eq!(pair[0].low, pair[1].high + 1);
            assert_eq!(pair[0].observations_low, pair[1].observations_high + 1);
        }
    }

    #[test]
    fn chunks_cover_every_id_once() {
        for (transmissions, per) in [(1, 1), (1000, 3), (20_000, 2)] {
            let plan = plan(&table(1..=transmissions, per, 1)).expect("a plan");
            tiles(&plan);
            assert_eq!(plan.last_transmission, transmissions);
            assert_eq!(plan.expected, transmissions.unsigned_abs());
            for chunk in plan.chunks.iter().filter(|chunk| chunk.low > i64::MIN) {
                assert_eq!(chunk.observations_low, (chunk.low - 1) * per + 1);
            }
        }
        assert_eq!(plan(&table([], 1, 1)).expect("a plan"), Plan::default());
    }

    #[test]
    fn gaps_between_ids_make_no_chunks() {
        let far = 1_000_000_000_000_000;
        let spread = (0..10_000).map(|n| n * (far / 100));
        let ends = [i64::MIN, i64::MIN + 1, -5, 0, 7, i64::MAX - 1, i64::MAX];
        for (ids, most) in [
            ((1..=3000).chain([far]).collect::<Vec<i64>>(), 3),
            ((1..=20_000).chain([far]).collect(), 20),
            ((-3000..0).chain([2_000_000_000]).collect(), 3),
            (spread.collect(), 10),
            (ends.to_vec(), 1),
        ] {
            let connection = table(ids.iter().copied(), 1, i64::MAX - 30_000);
            for plan in [plan(&connection), plan_below(&connection, *ids.last().expect("one"))] {
                let plan = plan.expect("a plan");
                tiles(&plan);
                assert!(plan.chunks.len() <= most * 4, "{} chunks for {} rows", plan.chunks.len(), ids.len());
            }
            let sizes = plan(&connection)
                .expect("a plan")
                .chunks
                .into_iter()
                .map(|chunk| ids.iter().filter(|id| (chunk.low..=chunk.high).contains(*id)).count());
            assert!(sizes.len() <= most && sizes.max() < Some(2048));
        }
        assert_eq!(plan_below(&table([4], 1, 1), 4).expect("a plan").chunks, []);
        assert_eq!(plan_below(&table([4], 1, 1), i64::MIN).expect("a plan").chunks, []);
    }
}
