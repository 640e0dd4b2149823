//! Everything of another database, of any age, is stored as if it came now, dated as it
//! was: by the rules of today, without doubles.
//!
//! Three layouts are read: observations that name their observer by row number, the older
//! ones that name it by id, and the single table `packets` of the first Node edition.

use std::sync::Arc;

use corescope_core::time::{parse_rfc3339_millis, rfc3339};
use rusqlite::types::ValueRef;
use rusqlite::{Connection, params};

use super::accepted::{Accepted, Message, ObserverMark, PacketMessage};
use super::error::{Doing, WriteError};
use super::frame::read_frame;
use super::outcome::Outcome;
use super::writer::Writer;
use crate::schema::Shape;

/// What was imported.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Imported {
    /// Rows read.
    pub read: u64,
    /// Observations added.
    pub observations: u64,
    /// Transmissions added.
    pub transmissions: u64,
    /// Observations that were here already.
    pub duplicates: u64,
    /// Rows whose frame cannot be read or is refused by a rule.
    pub refused: u64,
    /// Rows without a frame (bridge messages).
    pub without_frame: u64,
    /// Nodes added that no advert among the rows described.
    pub nodes: u64,
}

const CHUNK: usize = 2_000;

impl Writer {
    /// Imports all packets and nodes. `progress` is told rows read and in all.
    ///
    /// # Errors
    ///
    /// [`WriteError`]; what was imported stays, and importing again adds only the rest.
    pub fn import(
        &mut self,
        source: &Connection,
        progress: &mut dyn FnMut(u64, u64),
    ) -> Result<Imported, WriteError> {
        let reading = "cannot read the database to import";
        let shape = Shape::read(source).doing(reading)?;
        let layout = Layout::of(&shape).ok_or(WriteError::Migration {
            name: "import",
            why: "the file has neither observations nor packets",
        })?;
        let total = source
            .query_row(&format!("SELECT count(*) FROM {}", layout.table()), [], |r| r.get::<_, i64>(0))
            .doing(reading)? as u64;
        let mut sum = Imported::default();
        let before = self.rules().clone();
        let mut rules = before.clone();
        rules.history_until = Some(super::writer::unix_now());
        self.set_rules(rules);
        let result = self.import_rows(source, &layout.select(&shape), total, &mut sum, progress);
        self.set_rules(before);
        result?;
        if shape.has_table("nodes") {
            sum.nodes = self.import_nodes(source)?;
        }
        Ok(sum)
    }

    fn import_rows(
        &mut self,
        source: &Connection,
        select: &str,
        total: u64,
        sum: &mut Imported,
        progress: &mut dyn FnMut(u64, u64),
    ) -> Result<(), WriteError> {
        let reading = "cannot read the database to import";
        let name: Arc<str> = Arc::from("import");
        let mut select = source.prepare(select).doing(reading)?;
        let mut rows = select.query([]).doing(reading)?;
        let mut batch = Vec::with_capacity(CHUNK);
        loop {
            let row = rows.next().doing(reading)?;
            let is_end = row.is_none();
            if let Some(row) = row {
                sum.read += 1;
                match accepted(row, &name).doing(reading)? {
                    Some(message) => batch.push(message),
                    None => sum.without_frame += 1,
                }
            }
            if batch.len() >= CHUNK || (is_end && !batch.is_empty()) {
                let report = self.batch(&batch)?;
                sum.transmissions += report.new_transmissions as u64;
                for outcome in report.outcomes {
                    match outcome {
                        Outcome::Stored { .. } => sum.observations += 1,
                        Outcome::Duplicate { .. } => sum.duplicates += 1,
                        _ => sum.refused += 1,
                    }
                }
                batch.clear();
                progress(sum.read, total);
            }
            if is_end {
                return Ok(());
            }
        }
    }

    /// Nodes that no advert among the packets described.
    fn import_nodes(&mut self, source: &Connection) -> Result<u64, WriteError> {
        let reading = "cannot read the nodes to import";
        let mut select = source
            .prepare("SELECT lower(public_key), name, role, lat, lon, last_seen, first_seen, advert_count FROM nodes")
            .doing(reading)?;
        let mut rows = select.query([]).doing(reading)?;
        let mut nodes = Vec::new();
        while let Some(row) = rows.next().doing(reading)? {
            let values: Vec<rusqlite::types::Value> =
                (0..8).map(|i| row.get(i)).collect::<rusqlite::Result<_>>().doing(reading)?;
            nodes.push(values);
        }
        let added = self.write("cannot store imported nodes", |db| {
            let mut insert = db.prepare_cached(
                "INSERT INTO nodes(public_key, name, role, lat, lon, last_seen, first_seen, advert_count)
                 SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8
                  WHERE NOT EXISTS (SELECT 1 FROM inactive_nodes WHERE public_key = ?1)
                 ON CONFLICT DO NOTHING",
            )?;
            let mut changes = super::changes::Changes::default();
            let mut added = 0;
            for node in &nodes {
                if insert.execute(rusqlite::params_from_iter(node))? > 0 {
                    if let Some(rusqlite::types::Value::Text(key)) = node.first() {
                        changes.key(super::changes::Change::Node, key);
                    }
                    added += 1;
                }
            }
            changes.write(db)?;
            Ok(added)
        })?;
        self.forget_books();
        Ok(added)
    }
}

/// The layouts that are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Layout {
    ByRowNumber,
    ById,
    Packets,
}

impl Layout {
    fn of(shape: &Shape) -> Option<Self> {
        if shape.has_column("observations", "observer_idx") {
            Some(Self::ByRowNumber)
        } else if shape.has_column("observations", "observer_id") {
            Some(Self::ById)
        } else if shape.has_column("packets", "raw_hex") {
            Some(Self::Packets)
        } else {
            None
        }
    }

    fn table(self) -> &'static str {
        if self == Self::Packets { "packets" } else { "observations" }
    }

    /// frame, frame of the transmission, path, observer id, name, region, direction, SNR,
    /// RSSI, score, time.
    fn select(self, shape: &Shape) -> String {
        let table = self.table();
        let own = |column: &str| {
            if shape.has_column(table, column) { format!("o.{column}") } else { "NULL".to_owned() }
        };
        let (observer, name, iata, joins) = match self {
            Self::ByRowNumber => (
                "b.id".to_owned(),
                "b.name".to_owned(),
                "b.iata".to_owned(),
                "JOIN transmissions t ON t.id = o.transmission_id LEFT JOIN observers b ON b.rowid = o.observer_idx",
            ),
            Self::ById => (
                "o.observer_id".to_owned(),
                own("observer_name"),
                "NULL".to_owned(),
                if shape.has_column("observations", "transmission_id") {
                    "JOIN transmissions t ON t.id = o.transmission_id"
                } else {
                    "JOIN transmissions t ON t.hash = o.hash"
                },
            ),
            Self::Packets => (own("observer_id"), own("observer_name"), "NULL".to_owned(), ""),
        };
        let of_transmission = if self == Self::Packets { "o.raw_hex" } else { "t.raw_hex" };
        format!(
            "SELECT {}, {of_transmission}, {}, {observer}, {name}, {iata}, {}, {}, {}, {}, o.timestamp
               FROM {table} o {joins} ORDER BY o.id",
            own("raw_hex"),
            own("path_json"),
            own("direction"),
            own("snr"),
            own("rssi"),
            own("score"),
        )
    }
}

fn accepted(row: &rusqlite::Row<'_>, source: &Arc<str>) -> rusqlite::Result<Option<Accepted>> {
    let text = |column| row.get_ref(column).ok().and_then(|v| v.as_str().ok()).filter(|t| !t.is_empty());
    let number = |column| match row.get_ref(column) {
        Ok(ValueRef::Integer(n)) => Some(n as f64),
        Ok(ValueRef::Real(n)) => Some(n),
        _ => None,
    };
    let received_at_ms = match row.get_ref(10)? {
        ValueRef::Integer(seconds) => seconds.saturating_mul(1000),
        ValueRef::Text(_) => text(10).and_then(parse_rfc3339_millis).unwrap_or(0),
        _ => 0,
    };
    let raw_hex = match (text(0), text(1)) {
        (Some(own), _) => own.to_owned(),
        (None, Some(shared)) => with_path(shared, text(2)).unwrap_or_else(|| shared.to_owned()),
        (None, None) => return Ok(None),
    };
    Ok(Some(Accepted {
        source: Arc::clone(source),
        received_at_ms,
        observer: text(3).map(|id| ObserverMark {
            id: id.to_owned(),
            name: text(4).map(str::to_owned),
            region: text(5).map(str::to_owned),
            ..ObserverMark::default()
        }),
        message: Message::Packet(PacketMessage {
            raw_hex,
            snr: number(7),
            rssi: number(8),
            score: number(9).map(|n| n.round() as i64),
            direction: text(6).map(str::to_owned),
        }),
    }))
}

/// The frame of a transmission with the path of one observation: older files kept only the
/// first copy of the frame. `None` when the path cannot be one of this frame.
fn with_path(raw_hex: &str, path_json: Option<&str>) -> Option<String> {
    let mut room = Vec::new();
    let packet = read_frame(raw_hex, &mut room).ok()?;
    if packet.payload_type() == corescope_decode::PayloadType::Trace {
        return None;
    }
    let hops: Vec<String> = serde_json::from_str(path_json?).ok()?;
    let size = hops.first().map_or(2, String::len);
    let fits = hops.iter().all(|hop| hop.len() == size) && matches!(size, 2 | 4 | 6) && hops.len() < 64;
    if !fits {
        return None;
    }
    let length = (((size / 2 - 1) << 6) | hops.len()) as u8;
    let before = packet.payload_offset() - packet.path().as_bytes().len() - 1;
    let head = raw_hex.get(..before * 2)?;
    let payload = raw_hex.get(packet.payload_offset() * 2..)?;
    // Without hops the size bits stay what they were.
    let length = if hops.is_empty() { packet.path().path_len().0 & 0xC0 } else { length };
    Some(format!("{head}{length:02X}{}{payload}", hops.concat()))
}

/// Nodes' and observers' `last_seen` when history is stored: `at`, unless what is known is
/// newer and not in the future.
pub(super) fn newer_of(
    db: &Connection,
    sql: &'static str,
    key: &str,
    at: i64,
    until: i64,
) -> rusqlite::Result<i64> {
    use rusqlite::OptionalExtension;
    let known: Option<Option<String>> =
        db.prepare_cached(sql)?.query_row(params![key], |r| r.get(0)).optional()?;
    let known = known.flatten().as_deref().and_then(corescope_core::time::parse_rfc3339);
    Ok(known.filter(|k| *k > at && *k <= until).unwrap_or(at))
}

/// The same as text.
pub(super) fn newer_of_text(
    db: &Connection,
    sql: &'static str,
    key: &str,
    at: i64,
    until: i64,
) -> rusqlite::Result<String> {
    newer_of(db, sql, key, at, until).map(rfc3339)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_gets_the_path_of_its_observation() {
        let raw = "1502AABB112233";
        assert_eq!(with_path(raw, Some(r#"["CC"]"#)).as_deref(), Some("1501CC112233"));
        assert_eq!(with_path(raw, Some(r#"["CCDD","EEFF"]"#)).as_deref(), Some("1542CCDDEEFF112233"));
        assert_eq!(with_path(raw, Some("[]")).as_deref(), Some("1500112233"));
        assert_eq!(
            with_path("14010203040100112233", Some(r#"["DD"]"#)).as_deref(),
            Some("140102030401DD112233")
        );
        for bad in [None, Some("x"), Some(r#"["AA","BBCC"]"#), Some(r#"["AABBCCDD"]"#)] {
            assert_eq!(with_path(raw, bad), None, "{bad:?}");
        }
    }
}
