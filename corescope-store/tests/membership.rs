//! Which packets are a node's: those it sends, those that name it, those that a resolved path or an unmistakable hop
//! says it relayed.

use std::collections::BTreeMap;

use corescope_store::memory::{
    Append, Node, Nodes, ObservationRow, Query, Snapshot, Store, Transmission, TransmissionRow, Want,
};

const HILL: &str = "aa11000000000000000000000000000000000000000000000000000000000000";
const VALLEY: &str = "aa22000000000000000000000000000000000000000000000000000000000000";
const POCKET: &str = "aa33000000000000000000000000000000000000000000000000000000000000";

fn node(key: &str, role: &str) -> Node {
    Node { public_key: key.to_owned(), role: Some(role.to_owned()), ..Node::default() }
}

fn transmission(id: i64, hash: &str) -> TransmissionRow<'_> {
    TransmissionRow {
        id,
        raw_hex: "1500",
        hash,
        first_seen: "2026-01-01T00:00:00Z",
        last_seen: 0,
        route_type: Some(1),
        payload_type: Some(5),
        payload_version: Some(0),
        decoded_json: Some("{}"),
        from_pubkey: None,
        channel_hash: None,
        scope_name: None,
    }
}

fn observation<'a>(id: i64, of: i64, path: &'a str, resolved: Option<&'a str>) -> ObservationRow<'a> {
    ObservationRow {
        id,
        transmission_id: of,
        observer: None,
        direction: None,
        snr: None,
        rssi: None,
        score: None,
        path_json: Some(path),
        timestamp: 1_767_225_600,
        resolved_path: resolved,
        raw_hex: None,
    }
}

/// Ids of the packets of a node.
fn of(store: &Store, key: &str) -> Vec<i64> {
    let query = Query { nodes: Some(vec![key.to_owned()]), ..Query::default() };
    store.snapshot().query(&query).rows.iter().map(|row| row.id()).collect()
}

#[test]
fn a_hop_counts_where_only_one_relay_begins_with_it() {
    let store = Store::new();
    store.set_nodes(Nodes::new([node(HILL, "repeater"), node(VALLEY, "room"), node(POCKET, "companion")]));
    let hashes: Vec<String> = (0..5).map(|n| format!("{n:016x}")).collect();
    let mut append = store.begin();
    for (at, hash) in hashes.iter().enumerate() {
        append.transmission(&transmission(at as i64 + 1, hash));
    }
    append.observation(&observation(1, 1, r#"["AA"]"#, None)); // two relays
    append.observation(&observation(2, 2, r#"["AA11","BB00"]"#, None)); // the hill
    append.observation(&observation(3, 3, r#"["AA11"]"#, Some("[null]"))); // looked at, and left open
    append.observation(&observation(4, 4, r#"["AA33"]"#, None)); // companions do not relay
    append.observation(&observation(5, 5, r#"["AA2200"]"#, None)); // the valley
    append.publish();
    assert_eq!(of(&store, HILL), [2]);
    assert_eq!(of(&store, VALLEY), [5]);
    assert!(of(&store, POCKET).is_empty());
    // as soon as the other relay is gone, one byte is enough
    store.set_nodes(Nodes::new([node(HILL, "repeater")]));
    assert_eq!(of(&store, HILL), [2, 1]);
}

#[test]
fn hops_count_however_the_path_is_spelled_and_the_row_is_kept() {
    let store = Store::new();
    store.set_nodes(Nodes::new([node(HILL, "repeater"), node(VALLEY, "room")]));
    let hashes: Vec<String> = (0..4).map(|n| format!("{n:016x}")).collect();
    let mut append = store.begin();
    for (at, hash) in hashes.iter().enumerate() {
        append.transmission(&transmission(at as i64 + 1, hash));
    }
    append.observation(&observation(1, 1, r#"["aa11"]"#, None));
    append.observation(&observation(2, 2, r#"["BB","AA11"]"#, None));
    append.observation(&observation(3, 3, r#"[ "AA11" ]"#, None));
    append.observation(&observation(4, 4, r#"["aa11"]"#, Some("[null]"))); // looked at, and left open
    append.publish();
    let heard =
        || store.snapshot().heard_of(&[HILL], Want { hops: true, ..Want::default() })[0].transmissions;
    assert_eq!((of(&store, HILL), heard()), (vec![3, 2, 1], 3));
    store.pack();
    assert_eq!((of(&store, HILL), heard()), (vec![3, 2, 1], 3));
}

#[test]
fn a_node_that_is_asked_for_twice_is_told_twice() {
    let store = Store::new();
    let mut append = store.begin();
    append.transmission(&TransmissionRow { from_pubkey: Some(HILL), ..transmission(1, "0000000000000001") });
    append.publish();
    let upper = HILL.to_ascii_uppercase();
    for _ in 0..2 {
        let heard = store.snapshot().heard_of(&[HILL, VALLEY, &upper], Want::default());
        assert_eq!(heard.iter().map(|h| h.transmissions).collect::<Vec<_>>(), [1, 0, 1]);
        store.pack();
    }
}

/// Whether a node takes part, from the columns of the row alone.
fn takes_part(row: &Transmission<'_>, key: &str) -> bool {
    let texts = |json: &str| -> Vec<String> {
        let items: Vec<Option<String>> = serde_json::from_str(json).expect("a path");
        items.into_iter().flatten().collect()
    };
    // Hill and valley relay: four digits tell them apart, two do not.
    let is_certain =
        |hop: &str| hop.len() >= 4 && key != POCKET && key.starts_with(&hop.to_ascii_lowercase());
    row.from_pubkey().is_some_and(|from| from == key)
        || row.observations().any(|o| match o.resolved_path() {
            Some(resolved) => texts(&resolved).iter().any(|relay| relay == key),
            None => o.path_json().is_some_and(|path| texts(&path).iter().any(|hop| is_certain(hop))),
        })
}

/// Numbers without a pattern, always the same.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % end
    }
}

/// What was heard of a node, row by row: packets, observations, lately, newest, hops, and by observer packets, SNR and
/// RSSI.
type Figures =
    (u64, u64, u64, Option<(i64, i64)>, Option<f64>, BTreeMap<i64, (u64, Option<f64>, Option<f64>)>);

fn figures_by_row(snapshot: &Snapshot, key: &str, since: i64) -> Figures {
    let rows: Vec<_> = snapshot.transmissions().filter(|row| takes_part(row, key)).collect();
    let mut by: BTreeMap<i64, Vec<(Option<f64>, Option<f64>)>> = BTreeMap::new();
    for shown in rows.iter().filter_map(|row| row.display()) {
        if let Some(observer) = shown.observer() {
            by.entry(observer).or_default().push((shown.snr(), shown.rssi()));
        }
    }
    let mean =
        |values: Vec<f64>| (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64);
    (
        rows.len() as u64,
        rows.iter().map(|row| row.observation_count() as u64).sum(),
        rows.iter().filter(|row| row.first_seen_unix() >= since).count() as u64,
        rows.iter().map(|row| (row.first_seen_unix(), row.id())).max(),
        mean(
            rows.iter()
                .filter_map(|row| row.display())
                .map(|o| o.hop_count() as f64)
                .filter(|n| *n > 0.0)
                .collect(),
        ),
        by.into_iter()
            .map(|(observer, heard)| {
                let snr = mean(heard.iter().filter_map(|h| h.0).collect());
                let rssi = mean(heard.iter().filter_map(|h| h.1).collect());
                (observer, (heard.len() as u64, snr, rssi))
            })
            .collect(),
    )
}

#[test]
fn sums_over_columns_are_those_over_rows() {
    const START: i64 = 1_767_225_600;
    let store = Store::new();
    let none = format!("ff{}", "0".repeat(62));
    store.set_nodes(Nodes::new([node(HILL, "repeater"), node(VALLEY, "room"), node(POCKET, "companion")]));
    let mut numbers = Numbers(7);
    let mut next_observation = 1;
    let mut hear = |append: &mut Append<'_>, of: i64, numbers: &mut Numbers| {
        let paths =
            [r#"["AA11"]"#, r#"["AA22","AA11"]"#, r#"["AA"]"#, "[]", r#"["AA2200","01"]"#, r#"["aa11"]"#];
        let resolved = format!(r#"["{HILL}",null]"#);
        let row = ObservationRow {
            observer: Some(numbers.below(5) as i64).filter(|o| *o > 0),
            snr: Some(numbers.below(80) as f64 / 4.0 - 10.0).filter(|snr| *snr < 8.0),
            rssi: Some(-(numbers.below(60) as f64) - 60.0).filter(|rssi| *rssi > -115.0),
            timestamp: START + of,
            ..observation(
                next_observation,
                of,
                paths[numbers.below(6) as usize],
                (numbers.below(3) == 0).then_some(resolved.as_str()),
            )
        };
        append.observation(&row);
        next_observation += 1;
    };
    let mut append = store.begin();
    for id in 1..=5000 {
        let hash = format!("{id:016x}");
        let first_seen = corescope_core::time::rfc3339(START + id);
        let from = (numbers.below(4) == 0).then_some(VALLEY);
        let row = TransmissionRow { first_seen: &first_seen, from_pubkey: from, ..transmission(id, &hash) };
        append.transmission(&row);
        for _ in 0..numbers.below(4) {
            hear(&mut append, id, &mut numbers);
        }
    }
    append.publish();
    // some of those that were packed are heard again
    let mut append = store.begin();
    for _ in 0..300 {
        let id = 1 + numbers.below(5000) as i64;
        hear(&mut append, id, &mut numbers);
    }
    append.publish();

    let (snapshot, since) = (store.snapshot(), START + 4000);
    let keys = [HILL, VALLEY, POCKET, none.as_str()];
    for key in keys {
        let rows: Vec<i64> =
            snapshot.transmissions().filter(|row| takes_part(row, key)).map(|row| row.id()).collect();
        let query = Query { nodes: Some(vec![key.to_owned()]), limit: usize::MAX, ..Query::default() };
        let found: Vec<i64> = snapshot.query(&query).rows.iter().rev().map(|row| row.id()).collect();
        assert!(found == rows, "{} and {} packets of {key}", found.len(), rows.len());
    }
    let sums = snapshot.heard_of(&keys, Want { since, hops: true, ids: 5, everyone: true });
    assert_eq!(sums.len(), keys.len());
    for (key, sum) in keys.into_iter().zip(sums) {
        let observers =
            sum.observers.iter().map(|by| (by.observer, (by.transmissions, by.snr.get(), by.rssi.get())));
        let got: Figures = (
            sum.transmissions,
            sum.observations,
            sum.lately,
            sum.newest,
            sum.hops.get(),
            observers.collect(),
        );
        assert_eq!(got, figures_by_row(&snapshot, key, since), "{key}");
        let rows: Vec<_> = snapshot.transmissions().rev().filter(|row| takes_part(row, key)).collect();
        assert_eq!(sum.ids, rows.iter().take(5).map(|row| row.id()).collect::<Vec<_>>(), "{key}");
        let everyone: std::collections::BTreeSet<i64> =
            rows.iter().flat_map(|row| row.observations()).filter_map(|o| o.observer()).collect();
        assert!(everyone.iter().eq(&sum.everyone), "{key}");
    }
    assert!(snapshot.heard_of(&[HILL], Want { since, ..Want::default() })[0].transmissions > 1000);
    let first = snapshot.transmissions().map(|row| row.first_seen_unix()).min();
    assert_eq!(snapshot.oldest().map(|row| row.first_seen_unix()), first);
}
