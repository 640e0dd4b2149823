//! The cases of the filter language on rows of the store: in full, as columns, and taken out of a segment.

use std::sync::Arc;

use corescope_core::filter::{self, Context, Field, Filter};
use corescope_core::ids::NodeKey;
use corescope_core::time::parse_rfc3339_millis;
use corescope_store::memory::{
    Batch, Expression, ObservationRow, Observer, Observers, PacketFields, Query, Store, TransmissionRow,
};
use serde_json::Value;

/// The cases, which are data that any implementation can run.
struct Suite {
    json: Value,
    now_ms: i64,
    mine: Arc<[NodeKey]>,
}

impl Suite {
    fn read() -> Self {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../corescope-core/testdata/filter.json");
        let text = std::fs::read_to_string(path).expect("the cases");
        let json: Value = serde_json::from_str(&text).expect("JSON");
        let now_ms = parse_rfc3339_millis(json["now"].as_str().expect("a time")).expect("a time");
        let mine = json["mine"].as_array().expect("keys").iter();
        let mine = mine.map(|key| key.as_str().and_then(|key| key.parse().ok()).expect("a key")).collect();
        Self { json, now_ms, mine }
    }

    /// Name and packet; the place of a packet is the id of its row.
    fn packets(&self) -> Vec<(&String, &Value)> {
        self.json["packets"].as_object().expect("packets").iter().collect()
    }

    /// Compares every verdict with that of `judge`, which is given an expression and a row's id.
    fn check(&self, what: &str, judge: impl Fn(&Expression, i64) -> bool) {
        let packets = self.packets();
        let mut wrong = Vec::new();
        for case in self.json["cases"].as_array().expect("cases") {
            let (Some(name), Some(wanted)) = (case["packet"].as_str(), case["matches"].as_bool()) else {
                continue;
            };
            let filter = filter::parse(case["expression"].as_str().expect("text")).expect("an expression");
            let (at, packet) =
                packets.iter().enumerate().find(|(_, (n, _))| *n == name).expect("a packet of that name");
            if asks_for_what_every_row_has(&filter, packet.1) {
                continue;
            }
            let expression =
                Expression { filter: Arc::new(filter), now_ms: self.now_ms, mine: Arc::clone(&self.mine) };
            if judge(&expression, at as i64 + 1) != wanted {
                wrong.push(case.to_string());
            }
        }
        assert!(wrong.is_empty(), "{what}: {} cases differ:\n{}", wrong.len(), wrong.join("\n"));
    }

    /// A store that holds every packet, heard as often as it says.
    fn store(&self) -> Store {
        let store = Store::new();
        let packets = self.packets();
        let observer = |(at, (_, packet)): (usize, &(&String, &Value))| {
            let text = |name: &str| packet[name].as_str().map(str::to_owned);
            Some(Observer {
                rowid: at as i64 + 1,
                id: text("observer_id")?,
                name: text("observer_name"),
                iata: text("observer_iata"),
                ..Observer::default()
            })
        };
        store.set_observers(Observers::new(packets.iter().enumerate().filter_map(observer)));
        for (at, (_, packet)) in packets.iter().enumerate() {
            append(&store, at as i64 + 1, packet);
        }
        store
    }
}

/// A row has a hash and a time, whatever the packet lacks.
fn asks_for_what_every_row_has(filter: &Filter, packet: &Value) -> bool {
    packet["timestamp"].is_null() && (filter.uses(&Field::Time) || filter.uses(&Field::Age))
        || packet["hash"].is_null() && filter.uses(&Field::Hash)
}

fn append(store: &Store, id: i64, packet: &Value) {
    let text = |name: &str| packet[name].as_str();
    // Values, or JSON in a text.
    let folded = |name: &str| match &packet[name] {
        Value::Null => None,
        Value::String(text) => Some(text.clone()),
        value => Some(value.to_string()),
    };
    let first_seen = match &packet["timestamp"] {
        Value::Number(ms) => corescope_core::time::rfc3339(ms.as_i64().expect("ms") / 1000),
        time => time.as_str().unwrap_or("2026-01-01T00:00:00Z").to_owned(),
    };
    let unix = parse_rfc3339_millis(&first_seen).expect("a time") / 1000;
    let (decoded, path, resolved) = (folded("decoded_json"), folded("path_json"), folded("resolved_path"));
    let payload: Value =
        decoded.as_deref().and_then(|json| serde_json::from_str(json).ok()).unwrap_or_default();
    let row = TransmissionRow {
        id,
        raw_hex: text("raw_hex").unwrap_or(""),
        hash: text("hash").unwrap_or("0000000000000000"),
        first_seen: &first_seen,
        last_seen: unix,
        route_type: packet["route_type"].as_i64(),
        payload_type: packet["payload_type"].as_i64(),
        payload_version: Some(0),
        decoded_json: decoded.as_deref(),
        from_pubkey: payload["pubKey"].as_str(),
        channel_hash: text("channel_hash"),
        scope_name: text("scope_name"),
    };
    let observation = |n: i64| ObservationRow {
        id: id * 100 + n,
        transmission_id: id,
        observer: text("observer_id").map(|_| id),
        direction: Some("rx"),
        snr: packet["snr"].as_f64(),
        rssi: packet["rssi"].as_f64(),
        score: None,
        path_json: path.as_deref(),
        timestamp: unix + 3600 + n,
        resolved_path: resolved.as_deref(),
        // An observer's own copy, which came another way.
        raw_hex: Some("1200ABABAB"),
    };
    let observations: Vec<_> =
        (0..packet["observation_count"].as_i64().unwrap_or(0)).map(observation).collect();
    let outcome = store.append(&Batch { transmissions: &[row], observations: &observations });
    assert_eq!(outcome.skipped, 0, "{:?}", store.defects());
}

#[test]
fn rows_get_the_verdicts_of_the_suite() {
    let suite = Suite::read();
    let store = suite.store();
    let by_query = |expression: &Expression, id: i64| {
        let query = Query { filter: Some(expression.clone()), limit: usize::MAX, ..Query::default() };
        store.snapshot().query(&query).rows.iter().any(|row| row.id() == id)
    };
    let by_row = |expression: &Expression, id: i64| {
        let snapshot = store.snapshot();
        let row = snapshot.by_id(id).expect("a row");
        let context = Context { now_ms: expression.now_ms, mine: &expression.mine };
        let verdict = expression.filter.matches(&PacketFields::new(row, &snapshot), &context);
        for observation in row.observations() {
            let fields = PacketFields::with_observation(observation, &snapshot);
            assert_eq!(expression.filter.matches(&fields, &context), verdict, "{} {id}", expression.filter);
        }
        verdict
    };
    suite.check("rows in full", by_query);
    suite.check("rows in full, one by one", by_row);
    store.pack();
    suite.check("columns", by_query);
    suite.check("rows of a segment, one by one", by_row);
}
