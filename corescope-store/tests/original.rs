//! What the Go original needs of a file that we made or kept: it can take the file over at any time.
//!
//! The list is that of the contract (`../shared/spec/schema.sql`, `storage.md` §7): columns in their order, indexes with
//! their columns, the statements with which it moves rows, and the marks of work that is done.
#![cfg(feature = "write")]
#![allow(clippy::unwrap_used, reason = "a test may stop here")]

mod support;

use std::path::PathBuf;

use corescope_store::schema::Shape;
use corescope_store::write::Background;
use rusqlite::Connection;
use support::*;

/// Tables and their columns in the order of creation.
const TABLES: &[(&str, &str)] = &[
    (
        "nodes",
        "public_key name role lat lon last_seen first_seen advert_count battery_mv temperature_c foreign_advert \
         default_scope multibyte_sup multibyte_evidence",
    ),
    (
        "inactive_nodes",
        "public_key name role lat lon last_seen first_seen advert_count battery_mv temperature_c foreign_advert \
         default_scope multibyte_sup multibyte_evidence",
    ),
    (
        "observers",
        "id name iata last_seen first_seen packet_count model firmware client_version radio battery_mv uptime_secs \
         noise_floor inactive last_packet_at clock_skew_seconds clock_skew_count_24h clock_last_naive_at can_relay \
         can_relay_seen",
    ),
    (
        "observer_metrics",
        "observer_id timestamp noise_floor tx_air_secs rx_air_secs recv_errors battery_mv packets_sent packets_recv",
    ),
    (
        "transmissions",
        "id raw_hex hash first_seen route_type payload_type payload_version decoded_json from_pubkey last_seen \
         created_at channel_hash scope_name",
    ),
    (
        "observations",
        "id transmission_id observer_idx direction snr rssi score path_json timestamp resolved_path raw_hex",
    ),
    ("dropped_packets", "id hash raw_hex reason observer_id observer_name node_pubkey node_name dropped_at"),
    ("neighbor_edges", "node_a node_b count last_seen"),
    (
        "client_receptions",
        "id rx_pubkey heard_key heard_keylen rssi snr lat lon pos_acc_m rx_at ingested_at src",
    ),
    ("client_observers", "pubkey name last_seen"),
    ("_migrations", "name"),
    ("_async_migrations", "name status started_at ended_at error"),
];

/// Indexes that it makes again when they are missing, and that only repeat another: left out of new files.
const REPEATED: [&str; 3] =
    ["idx_transmissions_hash", "idx_observations_transmission_id", "idx_observations_observer_idx"];

fn new_file() -> Place {
    let place = Place::new();
    let mut writer = place.writer();
    while writer.step_background().unwrap() != Background::Idle {}
    writer.close().unwrap();
    place
}

#[test]
fn tables_and_columns_are_those_of_the_contract_and_the_rest_is_called_ours() {
    let shape = Shape::read(&new_file().sql()).unwrap();
    for (table, columns) in TABLES {
        let wanted: Vec<_> = columns.split_whitespace().collect();
        assert_eq!(shape.tables[*table], wanted, "{table}");
    }
    for table in shape.tables.keys() {
        let known = TABLES.iter().any(|(name, _)| name == table);
        assert!(
            known || table.starts_with("cs_") || table.starts_with("sqlite_"),
            "{table} is called like theirs"
        );
    }
    for (name, index) in &shape.indexes {
        // An index of ours on a table of theirs would slow it down, or forbid what it writes.
        assert!(!name.starts_with("cs_") || index.table.starts_with("cs_"), "{name} on {}", index.table);
    }
}

#[test]
fn the_contract_s_own_statements_agree_with_what_we_make() {
    let file = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../shared/spec/schema.sql");
    let Ok(contract) = std::fs::read_to_string(&file) else {
        println!("skipped: {} is not there", file.display());
        return;
    };
    let theirs = Connection::open_in_memory().unwrap();
    theirs.execute_batch(&contract).unwrap();
    let (theirs, place) = (Shape::read(&theirs).unwrap(), new_file());
    let ours = Shape::read(&place.sql()).unwrap();
    for (table, columns) in &theirs.tables {
        assert_eq!(&ours.tables[table], columns, "{table}");
    }
    for (name, index) in &theirs.indexes {
        if REPEATED.contains(&name.as_str()) {
            let columns: Vec<&str> = index.columns.iter().map(String::as_str).collect();
            assert!(ours.has_index_on(&index.table, &columns), "nothing stands in for {name}");
        } else {
            assert_eq!(ours.indexes.get(name), Some(index), "{name}");
        }
    }
    assert_eq!(ours.views, theirs.views);
    assert_eq!(place.one::<i64>("PRAGMA auto_vacuum"), 2);
    assert_eq!(place.one::<String>("PRAGMA journal_mode"), "wal");
}

#[test]
fn its_statements_work_on_a_file_that_we_keep() {
    let place = new_file();
    let mut writer = place.writer();
    let pair = node(0xA1, 1);
    writer.batch(&[heard("A1", &frame(FLOOD, ADVERT, &[&[1]], &advert(&pair, 1, "n", None)), T0)]).unwrap();
    writer.close().unwrap();
    let sql = place.sql();
    // Its own start: what is missing is made, what is there is left.
    for statement in [
        "CREATE INDEX IF NOT EXISTS idx_transmissions_hash ON transmissions(hash)",
        "CREATE INDEX IF NOT EXISTS idx_observations_transmission_id ON observations(transmission_id)",
        "CREATE INDEX IF NOT EXISTS idx_observations_observer_idx ON observations(observer_idx)",
        "DROP VIEW IF EXISTS packets_v",
        // Retention moves whole rows from one table to the other.
        "INSERT OR REPLACE INTO inactive_nodes SELECT * FROM nodes",
        "DELETE FROM nodes",
        // One packet, as its ingestor writes it.
        "INSERT INTO transmissions(raw_hex, hash, first_seen, route_type, payload_type, payload_version, decoded_json, \
           channel_hash, from_pubkey, scope_name, last_seen) \
         VALUES ('1500', 'ffffffffffffffff', '2026-06-01T12:00:00Z', 1, 5, 0, '{}', 'enc_AA', NULL, NULL, 1780000000)",
        "INSERT INTO observations(transmission_id, observer_idx, direction, snr, rssi, score, path_json, timestamp, \
           resolved_path, raw_hex) \
         VALUES (last_insert_rowid(), 1, 'rx', 1.5, -90, NULL, '[]', 1780000000, NULL, '1500') \
         ON CONFLICT(transmission_id, observer_idx, COALESCE(path_json, '')) DO UPDATE SET snr = COALESCE(excluded.snr, snr)",
        "UPDATE observers SET inactive = 1",
    ] {
        sql.execute_batch(statement).unwrap_or_else(|error| panic!("{statement}: {error}"));
    }
    drop(sql);
    // And back: its rows are ours.
    let mut writer = place.writer();
    while writer.step_background().unwrap() != Background::Idle {}
    writer.close().unwrap();
    assert_eq!(place.one::<i64>("SELECT count(*) FROM packets_v"), 2);
    assert_eq!(place.one::<String>("PRAGMA integrity_check"), "ok");
}
