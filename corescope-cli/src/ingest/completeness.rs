//! How much of what an observer heard in an hour reached us.
//!
//! The observer's own counter (`packets_recv` of its status messages) says how many packets its radio received; the
//! observations of that hour say how many came here. Where the observer sends no counter nothing can be said, and
//! that is what is written.

use std::collections::BTreeMap;
use std::path::Path;

use corescope_core::time::{parse_rfc3339, rfc3339};
use corescope_store::db;
use corescope_store::write::{Completeness, Writer, get_state};
use rusqlite::{Connection, params};

/// Key of `cs_state`: hours before this are done, Unix seconds.
const DONE: &str = "completeness_until";

const HOUR: i64 = 3600;

/// Hours that are looked back at most, after a pause.
const MOST_HOURS: i64 = 48;

/// Messages may come this much later than the hour ends, seconds.
const LATE: i64 = 180;

/// Counters must cover at least this much of an hour, seconds.
const LEAST_COVERED: i64 = 1200;

/// Writes the next hour that is over and not done. True when there was one.
pub fn step(writer: &mut Writer, database: &Path, now: i64) -> bool {
    let last = (now - LATE).div_euclid(HOUR) * HOUR;
    let Ok(connection) = db::open_read(database) else { return false };
    let done: Option<i64> = get_state(&connection, DONE).ok().flatten().and_then(|text| text.parse().ok());
    // A clock that jumped ahead and back again: begin again from here.
    let from = done.filter(|done| *done <= last).unwrap_or(last - HOUR).max(last - MOST_HOURS * HOUR);
    if from >= last {
        return false;
    }
    match estimate(&connection, from) {
        Ok(rows) => {
            let written =
                writer.completeness(&rows).and_then(|()| writer.set_state(DONE, &(from + HOUR).to_string()));
            if let Err(error) = written {
                tracing::warn!(%error, "cannot write completeness; tried again");
                return false;
            }
            true
        }
        Err(error) => {
            tracing::warn!(%error, "cannot estimate completeness; tried again");
            false
        }
    }
}

fn estimate(connection: &Connection, hour: i64) -> rusqlite::Result<Vec<Completeness>> {
    let counters = counters(connection, hour)?;
    let mut statement = connection.prepare(
        "SELECT o.id, COUNT(*) FROM observations b JOIN observers o ON o.rowid = b.observer_idx
         WHERE b.timestamp >= ?1 AND b.timestamp < ?2 GROUP BY b.observer_idx",
    )?;
    let mut received: BTreeMap<String, u64> = statement
        .query_map(params![hour, hour + HOUR], |row| Ok((row.get(0)?, row.get::<_, i64>(1)?.unsigned_abs())))?
        .collect::<rusqlite::Result<_>>()?;
    // Status but no packets: heard of, and nothing came.
    for observer in counters.keys() {
        received.entry(observer.clone()).or_default();
    }
    Ok(received
        .into_iter()
        .map(|(observer, count)| row(hour, counters.get(&observer), observer, count))
        .collect())
}

fn row(hour: i64, samples: Option<&Vec<(i64, i64)>>, observer: String, received: u64) -> Completeness {
    let expected = samples.and_then(|samples| expected(samples));
    Completeness {
        hour,
        observer,
        received,
        expected,
        ratio: expected
            .map(|expected| if expected == 0 { 1.0 } else { (received as f64 / expected as f64).min(1.0) }),
        basis: if expected.is_some() { "counters" } else { "none" }.into(),
    }
}

/// Packets that a counter grew by in an hour, from samples (Unix seconds, counter) of about that hour. A counter that
/// falls started again at zero.
fn expected(samples: &[(i64, i64)]) -> Option<u64> {
    let covered = samples.last()?.0 - samples.first()?.0;
    if covered < LEAST_COVERED {
        return None;
    }
    let grown: i64 = samples
        .windows(2)
        .filter_map(|pair| match pair {
            [(_, before), (_, after)] => Some(if after >= before { after - before } else { *after }),
            _ => None,
        })
        .sum();
    u64::try_from((grown as f64 * HOUR as f64 / covered as f64).round() as i64).ok()
}

type Samples = BTreeMap<String, Vec<(i64, i64)>>;

fn counters(connection: &Connection, hour: i64) -> rusqlite::Result<Samples> {
    let mut statement = connection.prepare(
        "SELECT observer_id, timestamp, packets_recv FROM observer_metrics
         WHERE timestamp >= ?1 AND timestamp <= ?2 AND packets_recv IS NOT NULL ORDER BY observer_id, timestamp",
    )?;
    let mut rows = statement.query(params![rfc3339(hour), rfc3339(hour + HOUR)])?;
    let mut samples = Samples::new();
    while let Some(row) = rows.next()? {
        let (observer, at, count): (String, String, i64) = (row.get(0)?, row.get(1)?, row.get(2)?);
        if let Some(at) = parse_rfc3339(&at) {
            samples.entry(observer).or_default().push((at, count));
        }
    }
    Ok(samples)
}

#[cfg(test)]
mod tests {
    use corescope_store::write::{Accepted, Message, ObserverMark, Options, PacketMessage, StatusMessage};

    use super::*;

    #[test]
    fn counters_are_scaled_to_the_hour_and_may_start_again() {
        assert_eq!(expected(&[(0, 100), (1800, 150), (3600, 200)]), Some(100));
        assert_eq!(expected(&[(0, 100), (1800, 150)]), Some(100));
        assert_eq!(expected(&[(0, 100), (1800, 10), (3600, 30)]), Some(30));
        assert_eq!(expected(&[(0, 100), (600, 150)]), None, "too short");
        assert_eq!(expected(&[]), None);
    }

    #[test]
    fn each_hour_gets_its_row_once() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("meshcore.db");
        let mut writer = Writer::open(&path, Options::default()).unwrap();
        let hour = 1_780_315_200;
        let observer = |id: &str| Some(ObserverMark { id: id.to_owned(), ..ObserverMark::default() });
        let at = |seconds: i64, observer, message| Accepted {
            source: "s".into(),
            received_at_ms: (hour + seconds) * 1000,
            observer,
            message,
        };
        let status =
            |count| Message::Status(StatusMessage { packets_recv: Some(count), ..StatusMessage::default() });
        let mut batch = vec![at(0, observer("A"), status(1000)), at(3000, observer("A"), status(1010))];
        for i in 0..6 {
            let raw_hex = format!("1500AA0000{i:032X}");
            let packet = Message::Packet(PacketMessage { raw_hex, ..PacketMessage::default() });
            batch.push(at(60 * i, observer(if i < 4 { "A" } else { "B" }), packet));
        }
        writer.batch(&batch).unwrap();
        assert!(step(&mut writer, &path, hour + HOUR + LATE));
        assert!(!step(&mut writer, &path, hour + HOUR + LATE), "done");
        let connection = db::open_read(&path).unwrap();
        let mut rows = connection
            .prepare("SELECT observer, received, expected, basis FROM cs_completeness ORDER BY 1")
            .unwrap();
        let rows: Vec<(String, i64, Option<i64>, String)> = rows
            .query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?)))
            .unwrap()
            .map(Result::unwrap)
            .collect();
        assert_eq!(
            rows,
            [("A".into(), 4, Some(12), "counters".into()), ("B".into(), 2, None, "none".into())],
            "ten packets in 3000 s are twelve in an hour"
        );
    }
}
