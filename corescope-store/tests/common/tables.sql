-- The tables that are followed, as a reader needs them.
PRAGMA journal_mode = WAL;
CREATE TABLE transmissions (id INTEGER PRIMARY KEY, raw_hex TEXT, hash TEXT, first_seen TEXT, last_seen INTEGER,
  route_type INTEGER, payload_type INTEGER, payload_version INTEGER, decoded_json TEXT, from_pubkey TEXT,
  channel_hash TEXT, scope_name TEXT);
CREATE TABLE observations (id INTEGER PRIMARY KEY, transmission_id INTEGER, observer_idx INTEGER, direction TEXT,
  snr REAL, rssi REAL, score INTEGER, path_json TEXT, timestamp INTEGER, resolved_path TEXT, raw_hex TEXT);
CREATE TABLE nodes (public_key TEXT PRIMARY KEY, name TEXT, last_seen TEXT);
CREATE TABLE inactive_nodes (public_key TEXT PRIMARY KEY, name TEXT, last_seen TEXT);
CREATE TABLE observers (id TEXT PRIMARY KEY, name TEXT, iata TEXT);
CREATE TABLE neighbor_edges (node_a TEXT, node_b TEXT, count INTEGER, last_seen TEXT);
CREATE TABLE cs_changes (seq INTEGER PRIMARY KEY, kind TEXT NOT NULL, id INTEGER, key TEXT);
