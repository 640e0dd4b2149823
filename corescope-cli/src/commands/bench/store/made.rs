//! A synthetic database: packets of the simulator, as the ingestor would have stored them.

use std::collections::HashSet;
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::sync_channel;

use corescope_core::sim::{Emission, Mesh, Preset, Reception, Traffic};
use corescope_core::time::rfc3339;
use corescope_decode::compat::go;
use corescope_decode::crypto::KeyRing;
use corescope_decode::{Packet, packet_hash};
use corescope_store::write::{self, Writer};
use rusqlite::{Connection, params};

use crate::{Exit, Failure};

/// When the history begins, unix milliseconds.
const BEGIN_MS: i64 = 1_780_000_000_000;
const SPAN_MS: f64 = 30.0 * 86_400_000.0;

/// A packet as rows of both tables.
#[derive(Debug, Default)]
pub(super) struct Rows {
    pub(super) raw_hex: String,
    pub(super) hash: String,
    pub(super) first_seen: String,
    pub(super) last_seen: i64,
    pub(super) route_type: i64,
    pub(super) payload_type: i64,
    pub(super) decoded_json: String,
    pub(super) from_pubkey: Option<String>,
    pub(super) channel_hash: Option<String>,
    pub(super) observations: Vec<Heard>,
}

/// An observation of it.
#[derive(Debug)]
pub(super) struct Heard {
    pub(super) observer: i64,
    pub(super) snr: f64,
    pub(super) rssi: f64,
    pub(super) path_json: String,
    pub(super) timestamp: i64,
    pub(super) resolved_path: Option<String>,
    pub(super) raw_hex: String,
}

/// Packets one after another, each with about as many observations as asked for on average.
pub(super) struct Source {
    mesh: Arc<Mesh>,
    traffic: Traffic,
    ring: KeyRing,
    per_transmission: f64,
    debt: f64,
}

impl Source {
    pub(super) fn new(gap_ms: f64, per_transmission: f64) -> Self {
        let mesh = Mesh::new(Preset::Region, 7);
        let traffic = Traffic::new(&mesh, BEGIN_MS, gap_ms).reusing_floods(8);
        let mut ring = KeyRing::with_public();
        for name in ["#test", "#bot", "#wardrive"] {
            ring.insert_hashtag(name);
        }
        Self { mesh, traffic, ring, per_transmission, debt: 0.0 }
    }

    pub(super) fn mesh(&self) -> &Mesh {
        &self.mesh
    }

    /// The next packet that somebody heard.
    pub(super) fn next(&mut self) -> Option<Rows> {
        loop {
            let emission = self.traffic.next()?;
            if let Some(first) = emission.receptions.first() {
                return Some(self.rows(&emission, first));
            }
        }
    }

    fn rows(&mut self, emission: &Emission, first: &Reception) -> Rows {
        let frame = emission.frame(first);
        let decoded = Packet::parse(&frame).map(|packet| go::decoded_json(&packet, Some(&self.ring), false));
        let decoded = decoded.unwrap_or_default();
        let hash = Packet::parse(&frame).map(|packet| packet_hash(&packet).to_string()).unwrap_or_default();
        let first_s = emission.time_ms / 1000;
        // Floods differ: as many observations as were heard, more or less, so that the average is met.
        self.debt += self.per_transmission;
        let most = self.mesh.observers().len() * 8;
        let count = (self.debt.floor().max(1.0) as usize).min(most);
        let mut seen = HashSet::new();
        let mut observations = Vec::with_capacity(count);
        let mut round = 0;
        while observations.len() < count && round < 64 {
            for reception in &emission.receptions {
                let observer = (reception.observer + round) % self.mesh.observers().len().max(1);
                if observations.len() < count && seen.insert((observer, reception.path_field.clone())) {
                    observations.push(self.heard(emission, reception, observer, first_s, round));
                }
            }
            round += 1;
        }
        self.debt -= observations.len() as f64;
        Rows {
            raw_hex: hex::encode_upper(&frame),
            hash,
            first_seen: rfc3339(first_s),
            last_seen: observations.iter().map(|o| o.timestamp).max().unwrap_or(first_s),
            route_type: i64::from(emission.route_type),
            payload_type: i64::from(emission.payload_type),
            decoded_json: decoded.json,
            from_pubkey: decoded.from_pubkey.map(hex::encode),
            channel_hash: decoded.channel_hash,
            observations,
        }
    }

    fn heard(
        &self,
        emission: &Emission,
        reception: &Reception,
        observer: usize,
        first_s: i64,
        round: usize,
    ) -> Heard {
        let (size, hops) = reception
            .path_field
            .split_first()
            .map_or((1, &[][..]), |(length, hops)| (usize::from(length >> 6) + 1, hops));
        let hop = |hop: &[u8]| format!("\"{}\"", hex::encode_upper(hop));
        let key = |relay: &u32| {
            // Some hops stay unknown, as ambiguous prefixes do.
            let node = self.mesh.nodes().get(*relay as usize).filter(|_| !relay.is_multiple_of(9));
            node.map_or_else(|| "null".to_owned(), |n| format!("\"{}\"", n.key))
        };
        let joined = |items: Vec<String>| format!("[{}]", items.join(","));
        Heard {
            observer: observer as i64 + 1,
            snr: (f64::from(reception.snr_quarters) - (round % 8) as f64) / 4.0,
            rssi: f64::from(reception.rssi_dbm) - (round % 16) as f64,
            path_json: joined(hops.chunks(size).map(hop).collect()),
            timestamp: first_s + i64::from(reception.delay_ms / 1000),
            resolved_path: (!reception.via.is_empty())
                .then(|| joined(reception.via.iter().map(key).collect())),
            raw_hex: hex::encode_upper(emission.frame(reception)),
        }
    }
}

/// Makes a database with that many rows.
pub(super) fn database(path: &Path, transmissions: u64, observations: u64) -> Result<(), Failure> {
    Writer::open(path, write::Options::default())
        .and_then(Writer::close)
        .map_err(|e| Failure::new(Exit::Failure, anyhow::Error::new(e).context("making the schema")))?;
    fill(path, transmissions, observations).map_err(|e| {
        Failure::new(Exit::Io, anyhow::Error::new(e).context(format!("filling {}", path.display())))
    })
}

fn fill(path: &Path, transmissions: u64, observations: u64) -> rusqlite::Result<()> {
    let mut connection = Connection::open(path)?;
    connection
        .execute_batch("PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; PRAGMA cache_size = -200000;")?;
    let indexes: Vec<(String, String)> = connection
        .prepare(
            "SELECT name, sql FROM sqlite_master
              WHERE type = 'index' AND sql IS NOT NULL AND tbl_name IN ('transmissions', 'observations')",
        )?
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?
        .collect::<Result<_, _>>()?;
    // Built at the end in one pass: a tenth of the time.
    for (name, _) in &indexes {
        connection.execute(&format!("DROP INDEX \"{name}\""), [])?;
    }
    let mut source = Source::new(SPAN_MS / transmissions as f64, observations as f64 / transmissions as f64);
    let transaction = connection.transaction()?;
    people(&transaction, source.mesh())?;
    let (mut id, mut observation) = (0_u64, 0_u64);
    let mut hashes = HashSet::new();
    // One thread makes packets while this one inserts them.
    std::thread::scope(|scope| -> rusqlite::Result<()> {
        let (sender, made) = sync_channel(256);
        scope.spawn(move || {
            while let Some(rows) = source.next() {
                if sender.send(rows).is_err() {
                    break;
                }
            }
        });
        while id < transmissions
            && let Ok(rows) = made.recv()
        {
            let rows: Rows = rows;
            if hashes.insert(rows.hash.clone()) {
                id += 1;
                insert(&transaction, id as i64, &mut observation, &rows)?;
            }
        }
        Ok(())
    })?;
    transaction.commit()?;
    for (_, sql) in &indexes {
        connection.execute(sql, [])?;
    }
    connection.execute_batch("PRAGMA journal_mode = WAL")
}

/// Inserts a packet.
pub(super) fn insert(
    connection: &Connection,
    id: i64,
    observation: &mut u64,
    rows: &Rows,
) -> rusqlite::Result<()> {
    connection
        .prepare_cached(
            "INSERT INTO transmissions (id, raw_hex, hash, first_seen, route_type, payload_type, payload_version,
                                        decoded_json, from_pubkey, last_seen, channel_hash)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, 0, ?7, ?8, ?9, ?10)",
        )?
        .execute(params![
            id,
            rows.raw_hex,
            rows.hash,
            rows.first_seen,
            rows.route_type,
            rows.payload_type,
            rows.decoded_json,
            rows.from_pubkey,
            rows.last_seen,
            rows.channel_hash
        ])?;
    let mut statement = connection.prepare_cached(
        "INSERT INTO observations (id, transmission_id, observer_idx, direction, snr, rssi, path_json, timestamp,
                                   resolved_path, raw_hex)
         VALUES (?1, ?2, ?3, 'rx', ?4, ?5, ?6, ?7, ?8, ?9)",
    )?;
    for o in &rows.observations {
        *observation += 1;
        statement.execute(params![
            *observation as i64,
            id,
            o.observer,
            o.snr,
            o.rssi,
            o.path_json,
            o.timestamp,
            o.resolved_path,
            o.raw_hex
        ])?;
    }
    Ok(())
}

fn people(connection: &Connection, mesh: &Mesh) -> rusqlite::Result<()> {
    let seen = rfc3339(BEGIN_MS / 1000);
    for node in mesh.nodes() {
        connection.execute(
            "INSERT INTO nodes (public_key, name, role, last_seen, first_seen) VALUES (?1, ?2, 'repeater', ?3, ?3)",
            params![node.key.to_string(), node.name, seen],
        )?;
    }
    for (at, observer) in mesh.observers().iter().enumerate() {
        let name = mesh.nodes().get(observer.node).map(|n| n.name.clone());
        connection.execute(
            "INSERT INTO observers (rowid, id, name, iata, last_seen, first_seen) VALUES (?1, ?2, ?3, ?4, ?5, ?5)",
            params![at as i64 + 1, observer.id, name, observer.iata, seen],
        )?;
    }
    Ok(())
}
