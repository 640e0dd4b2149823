//! The rows that the Go original looks for before it migrates on its own.

use rusqlite::Connection;

/// Steps that are true of every file once [`super::run_first`] is through.
const FIRST: &[&str] = &[
    "noise_floor_real_v1",
    "node_telemetry_v1",
    "observer_metrics_v1",
    "observer_metrics_packets_v1",
    "observers_inactive_v1",
    "dropped_packets_v1",
    "observers_clock_naive_v1",
    "cleanup_legacy_null_hash_ts",
    "foreign_advert_v1",
    "scope_name_v1",
    "nodes_default_scope_v1",
    "observations_raw_hex_v1",
];

/// Steps that are true once everything is through.
const LAST: &[&str] = &[
    "advert_count_unique_v1",
    "obs_timestamp_index_v1",
    "observer_metrics_ts_idx",
    "channel_hash_v1",
    "observers_last_packet_at_v1",
    "from_pubkey_v1",
    "channel_hash_casing_v1",
    "obs_observer_ts_idx_v1",
    "backfill_path_json_from_raw_hex_v1",
];

const BACKGROUND: &[&str] = &["obs_observer_ts_idx_v1", "tx_last_seen_backfill_v1"];

pub(super) fn write_first(db: &Connection) -> rusqlite::Result<()> {
    write(db, FIRST)
}

pub(super) fn write_last(db: &Connection, scopes_filled: bool) -> rusqlite::Result<()> {
    write(db, LAST)?;
    if scopes_filled {
        write(db, &["backfill_default_scope_v1"])?;
    }
    let mut insert = db.prepare_cached(
        "INSERT INTO _async_migrations(name, status, ended_at) VALUES (?1, 'done', datetime('now'))
         ON CONFLICT(name) DO UPDATE SET status = 'done', ended_at = datetime('now'), error = NULL
           WHERE status <> 'done'",
    )?;
    for name in BACKGROUND {
        insert.execute([name])?;
    }
    Ok(())
}

fn write(db: &Connection, names: &[&str]) -> rusqlite::Result<()> {
    let mut insert = db.prepare_cached("INSERT OR IGNORE INTO _migrations(name) VALUES (?1)")?;
    for name in names {
        insert.execute([name])?;
    }
    Ok(())
}
