//! Every table, index and view, as a new file gets them.
//!
//! Column order matters between `nodes` and `inactive_nodes`: the Go original moves rows
//! with `SELECT *`. Columns are only ever appended, and to both.

use rusqlite::Connection;

use super::Shape;

/// A table and the statement that makes it.
pub(crate) struct TableSpec {
    /// Its name.
    pub name: &'static str,
    /// What lies between the parentheses.
    pub body: &'static str,
    /// What follows them.
    pub suffix: &'static str,
}

/// An index and the statement that makes it.
#[derive(Debug)]
pub(crate) struct IndexSpec {
    /// Its name.
    pub name: &'static str,
    /// The table it is on: one of the big two decides how it is built.
    pub table: &'static str,
    /// The whole statement.
    pub sql: &'static str,
}

/// Creates what is absent: every table, the indexes of the tables that were created, the
/// view, always anew.
///
/// # Errors
///
/// The first statement that fails; the caller's transaction is then rolled back.
pub(crate) fn create_all(connection: &Connection) -> rusqlite::Result<()> {
    let before = Shape::read(connection)?;
    for table in TABLES {
        if !before.has_table(table.name) {
            connection
                .execute_batch(&format!("CREATE TABLE {} ({}){}", table.name, table.body, table.suffix))?;
        }
    }
    for index in INDEXES {
        if !before.has_table(index.table) {
            connection.execute_batch(index.sql)?;
        }
    }
    Ok(())
}

macro_rules! node_columns {
    () => {
        "public_key TEXT PRIMARY KEY, name TEXT, role TEXT, lat REAL, lon REAL, last_seen TEXT, \
         first_seen TEXT, advert_count INTEGER DEFAULT 0, battery_mv INTEGER, temperature_c REAL, \
         foreign_advert INTEGER DEFAULT 0, default_scope TEXT DEFAULT NULL, \
         multibyte_sup INTEGER NOT NULL DEFAULT 0, multibyte_evidence TEXT"
    };
}

/// The tables, those of the original first.
pub(crate) const TABLES: &[TableSpec] = &[
    TableSpec { name: "nodes", body: node_columns!(), suffix: "" },
    TableSpec { name: "inactive_nodes", body: node_columns!(), suffix: "" },
    TableSpec {
        name: "observers",
        body: "id TEXT PRIMARY KEY, name TEXT, iata TEXT, last_seen TEXT, first_seen TEXT, \
               packet_count INTEGER DEFAULT 0, model TEXT, firmware TEXT, client_version TEXT, radio TEXT, \
               battery_mv INTEGER, uptime_secs INTEGER, noise_floor REAL, inactive INTEGER DEFAULT 0, \
               last_packet_at TEXT DEFAULT NULL, clock_skew_seconds INTEGER DEFAULT NULL, \
               clock_skew_count_24h INTEGER DEFAULT 0, clock_last_naive_at TEXT DEFAULT NULL, \
               can_relay INTEGER DEFAULT 1, can_relay_seen INTEGER DEFAULT 0",
        suffix: "",
    },
    TableSpec {
        name: "observer_metrics",
        body: "observer_id TEXT NOT NULL, timestamp TEXT NOT NULL, noise_floor REAL, tx_air_secs INTEGER, \
               rx_air_secs INTEGER, recv_errors INTEGER, battery_mv INTEGER, packets_sent INTEGER, \
               packets_recv INTEGER, PRIMARY KEY (observer_id, timestamp)",
        suffix: "",
    },
    TableSpec {
        name: "transmissions",
        body: "id INTEGER PRIMARY KEY AUTOINCREMENT, raw_hex TEXT NOT NULL, hash TEXT NOT NULL UNIQUE, \
               first_seen TEXT NOT NULL, route_type INTEGER, payload_type INTEGER, payload_version INTEGER, \
               decoded_json TEXT, from_pubkey TEXT, last_seen INTEGER NOT NULL DEFAULT 0, \
               created_at TEXT DEFAULT (datetime('now')), channel_hash TEXT DEFAULT NULL, \
               scope_name TEXT DEFAULT NULL",
        suffix: "",
    },
    TableSpec { name: "observations", body: OBSERVATIONS_BODY, suffix: "" },
    TableSpec {
        name: "dropped_packets",
        body: "id INTEGER PRIMARY KEY AUTOINCREMENT, hash TEXT, raw_hex TEXT, reason TEXT NOT NULL, \
               observer_id TEXT, observer_name TEXT, node_pubkey TEXT, node_name TEXT, \
               dropped_at DATETIME DEFAULT CURRENT_TIMESTAMP",
        suffix: "",
    },
    TableSpec {
        name: "neighbor_edges",
        body: "node_a TEXT NOT NULL, node_b TEXT NOT NULL, count INTEGER DEFAULT 1, last_seen TEXT, \
               PRIMARY KEY (node_a, node_b)",
        suffix: "",
    },
    TableSpec {
        name: "client_receptions",
        body: "id INTEGER PRIMARY KEY AUTOINCREMENT, rx_pubkey TEXT NOT NULL, heard_key TEXT NOT NULL, \
               heard_keylen INTEGER NOT NULL, rssi INTEGER, snr REAL, lat REAL NOT NULL, lon REAL NOT NULL, \
               pos_acc_m REAL, rx_at TEXT NOT NULL, ingested_at TEXT NOT NULL, src TEXT NOT NULL, \
               UNIQUE (rx_pubkey, heard_key, rx_at)",
        suffix: "",
    },
    TableSpec {
        name: "client_observers",
        body: "pubkey TEXT PRIMARY KEY, name TEXT, last_seen TEXT",
        suffix: "",
    },
    TableSpec { name: "_migrations", body: "name TEXT PRIMARY KEY", suffix: "" },
    TableSpec {
        name: "_async_migrations",
        body: "name TEXT PRIMARY KEY, status TEXT NOT NULL, \
               started_at TEXT NOT NULL DEFAULT (datetime('now')), ended_at TEXT, error TEXT",
        suffix: "",
    },
    // Ours. Values that must survive a restart: cursors, client ids, watermarks.
    TableSpec {
        name: "cs_state",
        body: "key TEXT PRIMARY KEY, value TEXT NOT NULL",
        suffix: " WITHOUT ROWID",
    },
    // Rows that changed after they were inserted, for whoever follows the file. `kind` is
    // transmission, observation, node, observer, edges, or removed (a transmission).
    TableSpec {
        name: "cs_changes",
        body: "seq INTEGER PRIMARY KEY, kind TEXT NOT NULL, id INTEGER, key TEXT",
        suffix: "",
    },
    // The account of every message: received = stored + duplicate + filtered + rejected.
    // `start` is unix seconds, `span` 60, or 3600 once minutes have been folded into hours.
    // `detail` is a JSON object of rule or reason -> count, NULL when nothing was refused.
    TableSpec {
        name: "cs_ledger",
        body: "start INTEGER NOT NULL, span INTEGER NOT NULL, source TEXT NOT NULL, observer TEXT NOT NULL, \
               received INTEGER NOT NULL, stored INTEGER NOT NULL, duplicate INTEGER NOT NULL, \
               filtered INTEGER NOT NULL, rejected INTEGER NOT NULL, detail TEXT, \
               PRIMARY KEY (start, span, source, observer)",
        suffix: " WITHOUT ROWID",
    },
    // How much of what an observer heard in an hour (unix seconds of its start) reached us.
    // `expected` and `ratio` are NULL where nothing allows an estimate; `basis` names the kinds of evidence
    // (`counters`, `neighbours`, `reconnects`, `gaps`, joined by +, or `none`), `evidence` is a JSON object of what
    // each says. `covered` is how much of the hour the row is about, seconds: less while the hour runs.
    TableSpec {
        name: "cs_completeness",
        body: "hour INTEGER NOT NULL, observer TEXT NOT NULL, received INTEGER NOT NULL, expected INTEGER, \
               ratio REAL, basis TEXT NOT NULL, covered INTEGER NOT NULL DEFAULT 3600, evidence TEXT, \
               PRIMARY KEY (hour, observer)",
        suffix: " WITHOUT ROWID",
    },
    // What is usual for an observer in an hour, learned by the estimate of completeness. `learned` is the last hour
    // (unix seconds); `peers` a JSON array of observers (their rows) and how much is shared with them.
    TableSpec {
        name: "cs_observer_usual",
        body: "observer TEXT PRIMARY KEY, learned INTEGER NOT NULL, hours INTEGER NOT NULL, packets REAL NOT NULL, \
               messages REAL NOT NULL, peers TEXT NOT NULL",
        suffix: " WITHOUT ROWID",
    },
    // Until when each source is known to have been connected (unix seconds), and when it was not in between.
    // `resumed` is 1 where the broker still had our session afterwards.
    TableSpec {
        name: "cs_sources",
        body: "source TEXT PRIMARY KEY, alive_until INTEGER NOT NULL",
        suffix: " WITHOUT ROWID",
    },
    TableSpec {
        name: "cs_outages",
        body: "source TEXT NOT NULL, start INTEGER NOT NULL, until INTEGER NOT NULL, resumed INTEGER NOT NULL, \
               PRIMARY KEY (source, start)",
        suffix: " WITHOUT ROWID",
    },
    // When the observer itself says it heard the packet (unix ms), where its clock has proven
    // good and the time differs from `observations.timestamp` by more than two seconds.
    TableSpec {
        name: "cs_obs_rx_at",
        body: "observation_id INTEGER PRIMARY KEY, rx_at_ms INTEGER NOT NULL",
        suffix: "",
    },
    // What an observer last said of itself, and how far its clock can be trusted.
    TableSpec {
        name: "cs_observer_state",
        body: "observer_id TEXT PRIMARY KEY, status TEXT, status_at INTEGER, clock_good INTEGER NOT NULL DEFAULT 0",
        suffix: " WITHOUT ROWID",
    },
    // The last run of each background job; times are unix seconds.
    TableSpec {
        name: "cs_jobs",
        body: "name TEXT PRIMARY KEY, started_at INTEGER, finished_at INTEGER, rows INTEGER NOT NULL DEFAULT 0, \
               longest_hold_ms INTEGER NOT NULL DEFAULT 0, error TEXT",
        suffix: " WITHOUT ROWID",
    },
];

/// Columns of `observations`: also the layout of the copy that the v2 migration fills.
pub(crate) const OBSERVATIONS_BODY: &str = "id INTEGER PRIMARY KEY AUTOINCREMENT, \
     transmission_id INTEGER NOT NULL REFERENCES transmissions(id), observer_idx INTEGER, direction TEXT, \
     snr REAL, rssi REAL, score INTEGER, path_json TEXT, timestamp INTEGER NOT NULL, resolved_path TEXT, \
     raw_hex TEXT";

/// The indexes of a new file. Three of the original's only repeat another and are left
/// out (`idx_transmissions_hash` repeats the UNIQUE column,
/// `idx_observations_transmission_id` and `idx_observations_observer_idx` are the first
/// column of a longer one): each would be written for every observation, and the
/// original makes them again when it starts. Files that have them keep them.
pub(crate) const INDEXES: &[IndexSpec] = &[
    IndexSpec {
        name: "idx_nodes_last_seen",
        table: "nodes",
        sql: "CREATE INDEX IF NOT EXISTS idx_nodes_last_seen ON nodes(last_seen)",
    },
    IndexSpec {
        name: "idx_nodes_foreign_advert",
        table: "nodes",
        sql: "CREATE INDEX IF NOT EXISTS idx_nodes_foreign_advert ON nodes(foreign_advert) WHERE foreign_advert = 1",
    },
    IndexSpec {
        name: "idx_inactive_nodes_last_seen",
        table: "inactive_nodes",
        sql: "CREATE INDEX IF NOT EXISTS idx_inactive_nodes_last_seen ON inactive_nodes(last_seen)",
    },
    IndexSpec {
        name: "idx_observers_last_seen",
        table: "observers",
        sql: "CREATE INDEX IF NOT EXISTS idx_observers_last_seen ON observers(last_seen)",
    },
    IndexSpec {
        name: "idx_observer_metrics_timestamp",
        table: "observer_metrics",
        sql: "CREATE INDEX IF NOT EXISTS idx_observer_metrics_timestamp ON observer_metrics(timestamp)",
    },
    IndexSpec {
        name: "idx_transmissions_first_seen",
        table: "transmissions",
        sql: "CREATE INDEX IF NOT EXISTS idx_transmissions_first_seen ON transmissions(first_seen)",
    },
    IndexSpec {
        name: "idx_transmissions_payload_type",
        table: "transmissions",
        sql: "CREATE INDEX IF NOT EXISTS idx_transmissions_payload_type ON transmissions(payload_type)",
    },
    IndexSpec {
        name: "idx_transmissions_from_pubkey",
        table: "transmissions",
        sql: "CREATE INDEX IF NOT EXISTS idx_transmissions_from_pubkey ON transmissions(from_pubkey)",
    },
    IndexSpec {
        name: "idx_tx_channel_hash",
        table: "transmissions",
        sql: "CREATE INDEX IF NOT EXISTS idx_tx_channel_hash ON transmissions(channel_hash) WHERE payload_type = 5",
    },
    IndexSpec {
        name: "idx_tx_scope_name",
        table: "transmissions",
        sql: "CREATE INDEX IF NOT EXISTS idx_tx_scope_name ON transmissions(scope_name) WHERE scope_name IS NOT NULL",
    },
    IndexSpec {
        name: "idx_tx_last_seen_zero",
        table: "transmissions",
        sql: "CREATE INDEX IF NOT EXISTS idx_tx_last_seen_zero ON transmissions(id) WHERE last_seen = 0",
    },
    IndexSpec {
        name: "idx_observations_dedup",
        table: "observations",
        sql: "CREATE UNIQUE INDEX IF NOT EXISTS idx_observations_dedup \
              ON observations(transmission_id, observer_idx, COALESCE(path_json, ''))",
    },
    IndexSpec {
        name: "idx_observations_timestamp",
        table: "observations",
        sql: "CREATE INDEX IF NOT EXISTS idx_observations_timestamp ON observations(timestamp)",
    },
    IndexSpec {
        name: "idx_observations_tx_ts",
        table: "observations",
        sql: "CREATE INDEX IF NOT EXISTS idx_observations_tx_ts ON observations(transmission_id, timestamp)",
    },
    IndexSpec {
        name: "idx_observations_observer_idx_timestamp",
        table: "observations",
        sql: "CREATE INDEX IF NOT EXISTS idx_observations_observer_idx_timestamp \
              ON observations(observer_idx, timestamp)",
    },
    IndexSpec {
        name: "idx_dropped_observer",
        table: "dropped_packets",
        sql: "CREATE INDEX IF NOT EXISTS idx_dropped_observer ON dropped_packets(observer_id)",
    },
    IndexSpec {
        name: "idx_dropped_node",
        table: "dropped_packets",
        sql: "CREATE INDEX IF NOT EXISTS idx_dropped_node ON dropped_packets(node_pubkey)",
    },
    IndexSpec {
        name: "idx_client_recept_heard_geo",
        table: "client_receptions",
        sql: "CREATE INDEX IF NOT EXISTS idx_client_recept_heard_geo \
              ON client_receptions(heard_key, heard_keylen, lat, lon)",
    },
    IndexSpec {
        name: "idx_client_recept_latlon",
        table: "client_receptions",
        sql: "CREATE INDEX IF NOT EXISTS idx_client_recept_latlon ON client_receptions(lat, lon)",
    },
    IndexSpec {
        name: "idx_client_recept_rxat",
        table: "client_receptions",
        sql: "CREATE INDEX IF NOT EXISTS idx_client_recept_rxat ON client_receptions(rx_at)",
    },
];

/// One row per observation, the shape of the old single table of packets. An inactive
/// observer is hidden; its rows stay.
pub(crate) const PACKETS_VIEW: &str = "DROP VIEW IF EXISTS packets_v;
CREATE VIEW packets_v AS
SELECT o.id,
       COALESCE(o.raw_hex, t.raw_hex)       AS raw_hex,
       datetime(o.timestamp, 'unixepoch')   AS timestamp,
       obs.id                               AS observer_id,
       obs.name                             AS observer_name,
       o.direction, o.snr, o.rssi, o.score,
       t.hash, t.route_type, t.payload_type, t.payload_version,
       o.path_json, t.decoded_json, t.created_at
  FROM observations o
  JOIN transmissions t ON t.id = o.transmission_id
  LEFT JOIN observers obs
         ON obs.rowid = o.observer_idx AND (obs.inactive IS NULL OR obs.inactive = 0);";
