//! Filter expressions, and their verdict on plain rows: judged as JSON, without anything of the store.

use std::collections::BTreeMap;

use corescope_core::filter::{self, Context, JsonFields};
use corescope_core::ids::NodeKey;
use corescope_store::memory::{Expression, Snapshot};
use serde_json::{Value, json};

use super::{BEGIN, KEYS, Obs, Tx};

/// What random queries ask; [`KEYS`] has the first node that `only my` means.
pub const EXPRESSIONS: [&str; 52] = [
    "type == ADVERT",
    "type != ADVERT && snr > 2",
    "type in (REQ, ADVERT)",
    "route == FLOOD || transport",
    "snr < -7.5 || rssi <= -10",
    "snr between -5 5",
    "!(rssi between -4 4)",
    "has snr",
    "!has rssi || has observer",
    "hops > 1",
    "hops in (0, 3)",
    "!hops",
    "observations >= 3 && !(type == REQ)",
    "observations between 2 4",
    "observer == \"Observer 2\"",
    "observer != \"Observer 2\"",
    "observer matches /[24]$/",
    "observer_id contains \"obs\"",
    "iata in (\"sjc\")",
    "size > 10",
    "payload_bytes < 12",
    "body_bytes between 5 20",
    "body_hex contains \"a\"",
    "payload_hex starts_with \"ab\"",
    "raw matches /^(01|15)/",
    "payload.name contains \"hill\"",
    "payload.flags.repeater",
    "!payload.text",
    "payload.sender_timestamp between 10 20",
    "payload.text matches /good\\s+m/",
    "has payload.flags.repeater",
    "channel == \"public\"",
    "channel in (public, \"#TEST\")",
    "scope == \"#eu\"",
    "hash starts_with \"9\"",
    "hash matches /^[0-7]/",
    "routed_through contains \"0011\"",
    "routed_through contains \"ffee\" && !(routed_through contains \"2233\")",
    "routed_through starts_with \"FF\"",
    "routed_through matches /eeff 0011/",
    "!routed_through",
    "has routed_through",
    "time > 1780000400000",
    "time between 1780000200000 1780000900000",
    "age < 1500",
    "age between 1500 1800",
    "code1 == \"0102\"",
    "path contains \"AB\" && (payload.text contains \"morning\" || rssi > 0)",
    "from:ann || from:ffee",
    "near(51.4, -1.2, 20)",
    "near(50, -1.2, 20) || path matches /CD$/",
    "only my",
];

/// An expression, asked some time after the first row.
pub fn expression(text: &str) -> Expression {
    Expression {
        mine: [NodeKey::from_hex(KEYS[0]).expect("a key")].into(),
        ..Expression::at(filter::parse(text).expect("an expression"), (BEGIN + 2000) * 1000)
    }
}

/// The verdict.
pub fn verdict(expression: &Expression, (tx, list): &(Tx, BTreeMap<i64, Obs>), snapshot: &Snapshot) -> bool {
    let context = Context { now_ms: expression.now_ms, mine: &expression.mine };
    expression.filter.matches(&JsonFields::new(&shown(tx, list, snapshot)), &context)
}

/// The packet as the API shows it, with the keys on the resolved paths of all observations.
fn shown(tx: &Tx, list: &BTreeMap<i64, Obs>, snapshot: &Snapshot) -> Value {
    let display = display(list);
    let observer = display.and_then(|o| snapshot.observers().by_rowid(o.observer?));
    let mut keys: Vec<String> = Vec::new();
    for path in display.into_iter().chain(list.values()).filter_map(|o| o.resolved_path.as_deref()) {
        let hops: Vec<Option<String>> = serde_json::from_str(path).expect("a list of keys");
        for key in hops.into_iter().flatten() {
            if !keys.contains(&key) {
                keys.push(key);
            }
        }
    }
    json!({
        "hash": tx.hash, "raw_hex": tx.raw_hex, "payload_type": tx.payload_type, "route_type": tx.route_type,
        "timestamp": tx.first_seen, "decoded_json": tx.decoded_json, "channel_hash": tx.channel_hash,
        "scope_name": tx.scope_name, "observation_count": list.len(), "resolved_path": keys,
        "snr": display.and_then(|o| o.snr), "rssi": display.and_then(|o| o.rssi),
        "path_json": display.and_then(|o| o.path_json.as_deref()),
        "observer_id": observer.map(|o| &o.id), "observer_name": observer.and_then(|o| o.name.as_ref()),
        "observer_iata": observer.and_then(|o| o.iata.as_ref()),
    })
}

/// Most hops; of those the newest; then the lowest observer, none first; then the path; then the lowest id.
fn display(list: &BTreeMap<i64, Obs>) -> Option<&Obs> {
    list.values().min_by_key(|o| {
        let hops: Vec<String> =
            serde_json::from_str(o.path_json.as_deref().unwrap_or("")).unwrap_or_default();
        (std::cmp::Reverse((hops.len(), o.timestamp)), o.observer, o.path_json.as_deref(), o.id)
    })
}
