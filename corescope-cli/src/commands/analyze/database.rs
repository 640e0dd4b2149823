//! Databases of any age: the present layout, that of the Node edition with observers by name, and
//! the single table of packets before it.

use std::collections::{HashMap, HashSet};
use std::path::Path;

use corescope_core::airtime::LoraPreset;
use corescope_core::report::{Heard, Hearing, ListedNode, ListedObserver};
use corescope_core::time::parse_rfc3339_millis;
use indicatif::ProgressBar;
use rusqlite::types::ValueRef;
use rusqlite::{Connection, Row};

use super::wanted::{self, Wanted, Ways};
use super::{Intake, untouched};
use crate::{Exit, Failure};

/// Reads a database.
pub(super) fn read(path: &Path, intake: &mut Intake) -> Result<(), Failure> {
    let name = path.display().to_string();
    let opened = untouched::open(path)?;
    let database = Database { connection: &opened.connection, name: &name };
    let layout = database.layout()?;
    let mut note = layout.words().to_owned();
    if !opened.note.is_empty() {
        note = format!("{note}; {}", opened.note);
        eprintln!("{name}: {}", opened.note);
    }
    intake.collector.source(&name, "database", &note);
    database.nodes(intake)?;
    let observers = database.observers(&mut Some(intake))?;
    let wanted = Wanted::by(intake.filter.as_ref());
    database.packets(layout, wanted, Order::Stored, &observers, &mut |seen| {
        match seen {
            Seen::Packet(heard) => intake.hear(heard),
            Seen::BadFrame { place, detail, digits } => {
                intake.collector.bad_input("raw_hex", place, detail, digits);
            }
        }
        Ok(())
    })?;
    if layout != Layout::Packets {
        database.dangling(layout, intake)?;
    }
    Ok(())
}

/// Visits every observation in order of time, and nothing else.
///
/// # Errors
///
/// When the database cannot be read, and whatever `visit` answers.
pub(crate) fn in_order(
    path: &Path,
    wanted: Wanted,
    visit: &mut dyn FnMut(&Heard<'_>) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let name = path.display().to_string();
    let opened = untouched::open(path)?;
    let database = Database { connection: &opened.connection, name: &name };
    let layout = database.layout()?;
    let observers = database.observers(&mut None)?;
    database.packets(layout, wanted, Order::Time, &observers, &mut |seen| match seen {
        Seen::Packet(heard) if heard.hearing.is_some() => visit(heard),
        _ => Ok(()),
    })
}

/// In which order rows are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Order {
    /// As they lie: the observations of a packet together.
    Stored,
    /// By the time of the observation.
    Time,
}

/// What a row turned out to be.
enum Seen<'a> {
    Packet(&'a Heard<'a>),
    BadFrame { place: &'a str, detail: String, digits: &'a str },
}

/// Takes what is seen.
type Visit<'v> = dyn FnMut(Seen<'_>) -> Result<(), Failure> + 'v;

/// How a database is laid out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Layout {
    /// Observations point at the observer's row.
    ByRow,
    /// Observations name the observer.
    ByName,
    /// One table with a row for each observation.
    Packets,
}

impl Layout {
    fn words(self) -> &'static str {
        match self {
            Self::ByRow => "transmissions and observations",
            Self::ByName => "transmissions and observations, observers by name (Node edition)",
            Self::Packets => "a single table of packets (first Node edition)",
        }
    }
}

struct Database<'a> {
    connection: &'a Connection,
    name: &'a str,
}

/// An observer's row: id, name, region.
type Observers = HashMap<i64, (String, Option<String>, Option<String>)>;

impl Database<'_> {
    fn columns(&self, table: &str) -> Result<HashSet<String>, Failure> {
        let mut statement = self.prepare("SELECT name FROM pragma_table_info(?1)")?;
        let names = statement.query_map([table], |row| row.get::<_, String>(0));
        let names = names
            .and_then(Iterator::collect::<Result<HashSet<_>, _>>)
            .map_err(|error| self.broken(&error))?;
        Ok(names)
    }

    fn layout(&self) -> Result<Layout, Failure> {
        let (transmissions, observations) = (self.columns("transmissions")?, self.columns("observations")?);
        if transmissions.contains("raw_hex") && observations.contains("observer_idx") {
            return Ok(Layout::ByRow);
        }
        if transmissions.contains("raw_hex") && observations.contains("observer_id") {
            return Ok(Layout::ByName);
        }
        if self.columns("packets")?.contains("raw_hex") {
            return Ok(Layout::Packets);
        }
        let what = "it has no table of transmissions or packets";
        Err(Failure::msg(Exit::Data, format_args!("{} is no CoreScope database: {what}", self.name)))
    }

    fn nodes(&self, intake: &mut Intake) -> Result<(), Failure> {
        let columns = self.columns("nodes")?;
        if !columns.contains("public_key") {
            return Ok(());
        }
        let pick = |name: &'static str| if columns.contains(name) { name } else { "NULL" };
        let sql = format!(
            "SELECT public_key, {}, {}, {}, {}, {} FROM nodes",
            pick("name"),
            pick("role"),
            pick("lat"),
            pick("lon"),
            pick("last_seen")
        );
        self.each(&sql, |row| {
            let Some(key) = text(row, 0) else { return };
            let mut node = ListedNode::new(key);
            node.name = text(row, 1);
            node.role = text(row, 2);
            node.position = number(row, 3).zip(number(row, 4));
            node.last_seen_ms = moment(row, 5);
            intake.collector.node(&node);
        })
    }

    /// All observers; the report, if there is one, is told of them.
    fn observers(&self, intake: &mut Option<&mut Intake>) -> Result<Observers, Failure> {
        let columns = self.columns("observers")?;
        let mut observers = Observers::new();
        if !columns.contains("id") {
            return Ok(observers);
        }
        let pick = |name: &'static str| if columns.contains(name) { name } else { "NULL" };
        let sql = format!(
            "SELECT rowid, id, {}, {}, {}, {}, {} FROM observers",
            pick("name"),
            pick("iata"),
            pick("radio"),
            pick("firmware"),
            pick("last_seen")
        );
        let mut radios: HashMap<String, u32> = HashMap::new();
        self.each(&sql, |row| {
            let (Some(rowid), Some(id)) = (integer(row, 0), text(row, 1)) else { return };
            let mut observer = ListedObserver::new(id);
            (observer.name, observer.iata, observer.radio) = (text(row, 2), text(row, 3), text(row, 4));
            (observer.firmware, observer.last_seen_ms) = (text(row, 5), moment(row, 6));
            if let Some(intake) = intake {
                intake.collector.observer(&observer);
            }
            if let Some(radio) = observer.radio {
                *radios.entry(radio.to_owned()).or_default() += 1;
            }
            let own = |text: Option<&str>| text.map(str::to_owned);
            observers.insert(rowid, (id.to_owned(), own(observer.name), own(observer.iata)));
        })?;
        let usual = radios.into_iter().max_by(|a, b| a.1.cmp(&b.1).then_with(|| b.0.cmp(&a.0)));
        let radio = usual.and_then(|(radio, _)| LoraPreset::from_radio(&radio));
        if let (Some(radio), Some(intake)) = (radio, intake) {
            intake.collector.set_radio(radio);
        }
        Ok(observers)
    }

    fn packets(
        &self,
        layout: Layout,
        wanted: Wanted,
        order: Order,
        observers: &Observers,
        visit: &mut Visit<'_>,
    ) -> Result<(), Failure> {
        let total = self.count(if layout == Layout::Packets { "packets" } else { "observations" })?;
        let progress = if order == Order::Stored { ProgressBar::new(total) } else { ProgressBar::hidden() };
        let sql = self.packet_query(layout, wanted.count, order)?;
        let broken = |error: rusqlite::Error| self.broken(&error);
        let table = self.columns(if layout == Layout::Packets { "packets" } else { "transmissions" })?;
        let heard = if layout == Layout::Packets { table.clone() } else { self.columns("observations")? };
        let in_full = ["payload_type", "route_type", "decoded_json"].iter().all(|name| table.contains(*name))
            && heard.contains("path_json");
        let mut ways = if wanted.way { Ways::new(self.connection, &heard).map_err(broken)? } else { None };
        let mut statement = self.prepare(&sql)?;
        let mut rows = statement.query([]).map_err(broken)?;
        let mut done = 0_u64;
        while let Some(row) = rows.next().map_err(broken)? {
            done += 1;
            if done.is_multiple_of(8192) {
                progress.set_position(done);
            }
            let way = ways.as_mut().map(|ways| ways.of(row)).transpose().map_err(broken)?;
            packet(row, wanted, in_full, way.unwrap_or_default(), observers, visit)?;
        }
        progress.finish_and_clear();
        Ok(())
    }

    /// One row for each observation, and one for each transmission without; the same columns for
    /// every layout, NULL where it lacks one.
    fn packet_query(&self, layout: Layout, counted: bool, order: Order) -> Result<String, Failure> {
        if layout == Layout::Packets {
            let columns = self.columns("packets")?;
            let pick =
                |name: &str| if columns.contains(name) { format!("p.{name}") } else { "NULL".to_owned() };
            let seen = if columns.contains("timestamp") { pick("timestamp") } else { pick("created_at") };
            return Ok(format!(
                "SELECT p.rowid, p.raw_hex, {}, {seen}, {}, {}, {}, NULL, NULL, 1, p.rowid, {seen}, {}, {}, {}, NULL, \
                 NULL, NULL, {}, {} FROM packets p{}",
                pick("hash"),
                pick("route_type"),
                pick("payload_type"),
                pick("decoded_json"),
                pick("snr"),
                pick("rssi"),
                pick("path_json"),
                pick("observer_id"),
                pick("observer_name"),
                if order == Order::Time { format!(" ORDER BY {seen}, p.rowid") } else { String::new() }
            ));
        }
        let (t, o) = (self.columns("transmissions")?, self.columns("observations")?);
        let of = |columns: &HashSet<String>, alias: &str, name: &str| {
            if columns.contains(name) { format!("{alias}.{name}") } else { "NULL".to_owned() }
        };
        let on = if o.contains("transmission_id") { "o.transmission_id = t.id" } else { "o.hash = t.hash" };
        let count = if counted {
            format!("(SELECT count(*) FROM observations o WHERE {on})")
        } else {
            "1".to_owned()
        };
        let (from, by) = match order {
            Order::Stored => (format!("transmissions t LEFT JOIN observations o ON {on}"), "t.id"),
            // CROSS keeps SQLite from sorting: it walks the index over time.
            Order::Time => {
                (format!("observations o CROSS JOIN transmissions t ON {on}"), "o.timestamp, o.id")
            }
        };
        let (tx, ob) = (|name| of(&t, "t", name), |name| of(&o, "o", name));
        Ok(format!(
            "SELECT t.id, t.raw_hex, {}, {}, {}, {}, {}, {}, {}, {count}, o.id, {}, {}, {}, {}, {}, {}, {}, {}, {} \
             FROM {from} ORDER BY {by}",
            tx("hash"),
            tx("first_seen"),
            tx("route_type"),
            tx("payload_type"),
            tx("decoded_json"),
            tx("channel_hash"),
            tx("scope_name"),
            ob("timestamp"),
            ob("snr"),
            ob("rssi"),
            ob("path_json"),
            ob("resolved_path"),
            ob("raw_hex"),
            ob("observer_idx"),
            ob("observer_id"),
            ob("observer_name")
        ))
    }

    fn dangling(&self, layout: Layout, intake: &mut Intake) -> Result<(), Failure> {
        let by_id = layout == Layout::ByRow || self.columns("observations")?.contains("transmission_id");
        let on = if by_id { "t.id = o.transmission_id" } else { "t.hash = o.hash" };
        let sql = format!(
            "SELECT count(*) FROM observations o WHERE NOT EXISTS (SELECT 1 FROM transmissions t WHERE {on})"
        );
        let mut dangling = 0;
        self.each(&sql, |row| dangling = integer(row, 0).unwrap_or(0))?;
        if dangling > 0 {
            let detail = format!("{dangling} observations point at a transmission that is not there");
            intake.collector.bad_input("dangling_observation", "table observations", detail, "");
        }
        Ok(())
    }

    fn count(&self, table: &str) -> Result<u64, Failure> {
        let mut count = 0;
        self.each(&format!("SELECT count(*) FROM {table}"), |row| {
            count = integer(row, 0).unwrap_or(0) as u64
        })?;
        Ok(count)
    }

    fn prepare(&self, sql: &str) -> Result<rusqlite::Statement<'_>, Failure> {
        self.connection.prepare(sql).map_err(|error| self.broken(&error))
    }

    fn each(&self, sql: &str, mut row: impl FnMut(&Row<'_>)) -> Result<(), Failure> {
        let mut statement = self.prepare(sql)?;
        let mut rows = statement.query([]).map_err(|error| self.broken(&error))?;
        while let Some(next) = rows.next().map_err(|error| self.broken(&error))? {
            row(next);
        }
        Ok(())
    }

    fn broken(&self, error: &rusqlite::Error) -> Failure {
        let hint = "a damaged file may be salvaged with `sqlite3 FILE .recover`";
        Failure::msg(Exit::Data, format_args!("cannot read the database {}: {error}; {hint}", self.name))
    }
}

/// A row of [`Database::packet_query`].
fn packet(
    row: &Row<'_>,
    wanted: Wanted,
    in_full: bool,
    way: &[String],
    observers: &Observers,
    visit: &mut Visit<'_>,
) -> Result<(), Failure> {
    let place = format!("transmission {}", integer(row, 0).unwrap_or_default());
    let mut frame_of = |column: usize| -> Result<Option<Vec<u8>>, Failure> {
        let Some(text) = text(row, column) else { return Ok(None) };
        match bytes(text) {
            Ok(frame) => Ok(Some(frame)),
            Err(error) => {
                let detail = format!("raw_hex: {error}");
                visit(Seen::BadFrame { place: &place, detail, digits: text })?;
                Ok(None)
            }
        }
    };
    // The observer's own copy tells its path best; the transmission has the first copy.
    let own = frame_of(16)?.filter(|frame| !frame.is_empty());
    let stored_frame = if own.is_none() { frame_of(1)? } else { None };
    let frame = own.as_deref().or(stored_frame.as_deref()).unwrap_or_default();
    let first_frame = text(row, 1).filter(|_| wanted.first_frame && own.is_some());
    // A frame that cannot be read is none: the copy is another one.
    let first_frame = first_frame.map(|digits| bytes(digits).unwrap_or_default());
    let mut heard = Heard::default();
    (heard.first_frame, heard.in_full) = (first_frame.as_deref(), in_full);
    heard.routed_through = way.to_vec();
    heard.hash = text(row, 2).filter(|hash| !hash.is_empty());
    heard.frame = frame;
    heard.place = &place;
    heard.stored = true;
    heard.first_seen_ms = moment(row, 3);
    let small = |column: usize| integer(row, column).and_then(|number| u8::try_from(number).ok());
    (heard.route_type, heard.payload_type) = (small(4), small(5));
    heard.decoded_json = text(row, 6);
    heard.channel = text(row, 7);
    heard.scope = text(row, 8);
    heard.observation_count = integer(row, 9).unwrap_or(1) as u32;
    if integer(row, 10).is_some() {
        let listed = integer(row, 17).and_then(|rowid| observers.get(&rowid));
        let mut hearing = Hearing::default();
        hearing.observer = listed.map(|observer| &*observer.0).or_else(|| text(row, 18));
        hearing.observer_name = listed.and_then(|observer| observer.1.as_deref()).or_else(|| text(row, 19));
        hearing.iata = listed.and_then(|observer| observer.2.as_deref());
        hearing.time_ms = moment(row, 11).or(heard.first_seen_ms);
        (hearing.snr_db, hearing.rssi_dbm) = (number(row, 12), number(row, 13));
        if own.is_none() || wanted.hops {
            let hops = text(row, 14).and_then(|json| serde_json::from_str::<Vec<Option<String>>>(json).ok());
            let hops = hops.map(|hops| hops.into_iter().flatten().collect::<Vec<_>>());
            if wanted.hops {
                hearing.stored_hops = hops.clone().unwrap_or_default();
            }
            hearing.hops = hops.filter(|_| own.is_none());
        }
        hearing.resolved = text(row, 15).map(wanted::keys).into_iter().flatten().collect();
        heard.hearing = Some(hearing);
    }
    visit(Seen::Packet(&heard))
}

/// The bytes of hex digits, between which there may be blanks.
fn bytes(digits: &str) -> Result<Vec<u8>, hex::FromHexError> {
    hex::decode(digits.chars().filter(|c| !c.is_whitespace()).collect::<String>())
}

fn text<'a>(row: &'a Row<'_>, column: usize) -> Option<&'a str> {
    row.get_ref(column).ok()?.as_str().ok()
}

fn integer(row: &Row<'_>, column: usize) -> Option<i64> {
    match row.get_ref(column).ok()? {
        ValueRef::Integer(number) => Some(number),
        ValueRef::Real(number) => Some(number as i64),
        ValueRef::Text(text) => std::str::from_utf8(text).ok()?.trim().parse().ok(),
        _ => None,
    }
}

fn number(row: &Row<'_>, column: usize) -> Option<f64> {
    match row.get_ref(column).ok()? {
        ValueRef::Integer(number) => Some(number as f64),
        ValueRef::Real(number) => Some(number),
        ValueRef::Text(text) => std::str::from_utf8(text).ok()?.trim().parse().ok(),
        _ => None,
    }
    .filter(|number: &f64| number.is_finite())
}

/// A time: Unix seconds (or milliseconds), or text.
fn moment(row: &Row<'_>, column: usize) -> Option<i64> {
    match row.get_ref(column).ok()? {
        ValueRef::Integer(number) if number.unsigned_abs() < 100_000_000_000 => Some(number * 1000),
        ValueRef::Integer(number) => Some(number),
        ValueRef::Real(number) if number.abs() < 1e15 => Some((number * 1000.0) as i64),
        ValueRef::Text(text) => parse_rfc3339_millis(std::str::from_utf8(text).ok()?),
        _ => None,
    }
}
