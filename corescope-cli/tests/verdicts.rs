//! One expression, one verdict: what the API finds in a database is what `analyze` finds in it.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod support;

use std::path::Path;

use corescope_core::filter::{self, Field};
use rusqlite::Connection;
use serde_json::Value;
use support::served::{Served, serve};
use support::{corescope, network};

/// What a packet has in common for all who heard it.
const OF_PACKETS: [&str; 41] = [
    "type == ADVERT",
    "type != ADVERT",
    "type in (GRP_TXT, PATH)",
    "route == FLOOD",
    "route == t_flood || route == t_direct",
    "transport",
    r#"hash starts_with "0""#,
    "has hash",
    r#"raw contains "AB""#,
    r#"raw starts_with "15""#,
    "size > 60",
    "payload_bytes between 30 60",
    r#"payload_hex contains "ab""#,
    "body_bytes > 60",
    r#"body_hex starts_with "11""#,
    "observations > 3",
    "observations in (1, 2)",
    r#"routed_through contains "ab""#,
    r#"!(routed_through contains "ab")"#,
    "routed_through",
    r#"routed_through != """#,
    r#"routed_through matches /[0-9a-f]{64} [0-9a-f]{64}/"#,
    r#"routed_through matches /^0{56}[0-9a-f]{8}$/"#,
    r#"time after "2026-06-01T01:00:00Z""#,
    r#"timestamp between "2026-06-01T00:30:00Z" "2026-06-01T02:00:00Z""#,
    "age > 3d",
    "age < 4d",
    r#"code1 == "1f3c""#,
    r#"code2 != "0000""#,
    r#"channel == "Public""#,
    "channel starts_with enc_",
    r##"scope == "#ams""##,
    "!scope",
    r#"payload.name contains "RPT""#,
    "payload.flags.repeater == true",
    "!payload.text",
    "from:a",
    "near(50, 9, 300)",
    "has payload.sender && size > 40",
    "type == ADVERT || !(snrr > 5)",
    "only my",
];

/// What each reception has for itself.
const OF_RECEPTIONS: [&str; 16] = [
    "snr > 5",
    "snr between -5 5",
    "!snr",
    "rssi <= -100",
    "has rssi && rssi > -90",
    "hops == 0",
    "hops >= 3",
    r#"path contains "A""#,
    r#"path_prefixes matches /^[0-9a-f]{2} → /"#,
    r#"observer contains "RPT""#,
    r#"observer == """#,
    r#"observer_id starts_with "a""#,
    "iata in (FRA, ams)",
    r#"observer_iata != "FRA""#,
    "type == ADVERT && hops > 1 || snr < -3 && size > 80",
    r#"routed_through starts_with "a" && observer"#,
];

#[test]
fn the_api_and_the_command_line_agree() {
    for name in Field::names() {
        let uses = |text: &&str| filter::parse(text).unwrap().uses(&Field::named(name));
        assert!(OF_PACKETS.iter().chain(&OF_RECEPTIONS).any(uses), "nothing asks for {name}");
    }
    let (all, single) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    make(all.path());
    std::fs::copy(all.path().join("meshcore.db"), single.path().join("meshcore.db")).unwrap();
    // With one reception each, what a packet is shown with is all there is of it.
    let one_each = "DELETE FROM observations WHERE id NOT IN
        (SELECT max(id) FROM observations GROUP BY transmission_id)";
    alter(single.path(), one_each);
    let mut found = Vec::new();
    let server = serve(all.path());
    found.extend(OF_PACKETS.map(|expression| compare(&server, all.path(), expression)));
    // Where something is hidden, an expression is judged on what is shown. Here that is everything.
    std::fs::write(all.path().join("config.json"), r#"{"hiddenNamePrefixes":["nobody is called so"]}"#)
        .unwrap();
    let server = serve(all.path());
    found.extend(OF_PACKETS.map(|expression| compare(&server, all.path(), expression)));
    let server = serve(single.path());
    found.extend(OF_RECEPTIONS.map(|expression| compare(&server, single.path(), expression)));
    found.extend(OF_PACKETS.map(|expression| compare(&server, single.path(), expression)));
    let wrong: Vec<_> = found.iter().filter(|(_, api, analyze)| api != analyze).collect();
    assert!(wrong.is_empty(), "expression, API, analyze: {wrong:#?}");
    let everything = found.iter().map(|(_, api, _)| *api).max().unwrap();
    let telling = found.iter().filter(|(_, api, _)| (1..everything).contains(api)).count();
    assert!(telling > 105, "only {telling} of {} split the packets: {found:#?}", found.len());
}

/// Packets that an expression matches: by the API and by `analyze`.
fn compare<'e>(server: &Served, folder: &Path, expression: &'e str) -> (&'e str, u64, u64) {
    let escaped = hex::encode(expression)
        .as_bytes()
        .chunks(2)
        .fold(String::new(), |escaped, digits| escaped + "%" + std::str::from_utf8(digits).unwrap());
    let (status, body) =
        network::get(server.port, &format!("/api/packets?limit=1&filter={escaped}")).unwrap();
    assert_eq!(status, 200, "{expression}: {body}");
    let api = serde_json::from_str::<Value>(&body).unwrap()["total"].as_u64().unwrap();
    let output = corescope()
        .args(["analyze", "--json", "--filter", expression])
        .arg(folder.join("meshcore.db"))
        .output()
        .unwrap();
    assert!(output.status.success(), "{expression}: {}", String::from_utf8_lossy(&output.stderr));
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    (expression, api, report["transmissions"].as_u64().unwrap())
}

/// A database of a simulated mesh. Its copies differ from the first one, its times spread, its paths are resolved.
fn make(folder: &Path) {
    let capture = folder.join("capture.jsonl");
    let run = |args: &[&str], path: &Path| {
        let output = corescope().args(args).arg(path).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    };
    run(&["simulate", "--seed", "5", "--count", "3000", "--out"], &capture);
    run(&["ingest", "--file", capture.to_str().unwrap(), "--data"], folder);
    alter(
        folder,
        r#"
        UPDATE transmissions SET first_seen = strftime('%Y-%m-%dT%H:%M:%SZ', 1780272000 + id * 60, 'unixepoch');
        UPDATE transmissions SET first_seen = strftime('%Y-%m-%dT%H:%M:%SZ', 'now', '-2 days') WHERE id % 7 = 0;
        UPDATE transmissions SET scope_name = '#ams' WHERE id % 5 = 0;
        UPDATE transmissions SET decoded_json = NULL WHERE id % 23 = 0;
        UPDATE transmissions SET payload_type = NULL WHERE id % 29 = 0;
        -- Copies that came with transport codes.
        UPDATE observations SET raw_hex = '141F3C0001' || substr(raw_hex, 3) WHERE raw_hex LIKE '15%' AND id % 4 = 0;
        UPDATE transmissions SET raw_hex = '141F3C0000' || substr(raw_hex, 3), route_type = 0
          WHERE raw_hex LIKE '15%' AND id % 3 = 0;
        UPDATE observations SET snr = NULL WHERE id % 17 = 0;
        UPDATE observations SET rssi = NULL WHERE id % 19 = 0;
        UPDATE observations SET path_json = NULL WHERE id % 37 = 0;
        UPDATE observations SET path_json = '["AB","CD","EF"]' WHERE id % 41 = 0;
        UPDATE observations SET observer_idx = NULL WHERE id % 31 = 0;
        -- A few ways, of which one has what many senders have.
        UPDATE observations SET resolved_path = CASE id % 4
          WHEN 0 THEN '["' || printf('%064x', transmission_id * 2654435761) || '",null]'
          WHEN 1 THEN '["' || printf('%064X', id * 40503) || '","' || printf('%064x', id * 2654435761) || '"]'
          WHEN 2 THEN '[null]' END
          WHERE transmission_id % 3 = 1;
        -- Keys that differ in case alone are one.
        UPDATE observations SET resolved_path = CASE id % 2
          WHEN 0 THEN '["' || printf('%064X', 4207849484) || '"]' ELSE '["' || printf('%064x', 4207849484) || '"]' END
          WHERE transmission_id % 43 = 0;
        "#,
    );
}

fn alter(folder: &Path, sql: &str) {
    let connection = Connection::open(folder.join("meshcore.db")).unwrap();
    connection.execute_batch(sql).unwrap();
    connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(())).unwrap();
}
