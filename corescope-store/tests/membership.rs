//! Which packets are a node's: those it sends, those that name it, those that a resolved path or an unmistakable hop
//! says it relayed.

use corescope_store::memory::{Node, Nodes, ObservationRow, Query, Store, TransmissionRow};

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
