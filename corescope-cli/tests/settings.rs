//! Settings as the running program takes them: each one that may change without a restart does, on SIGHUP.

#![allow(clippy::unwrap_used, reason = "tests and their helpers")]

mod support;

use std::io::{Read, Write};
use std::net::TcpStream;

use corescope_decode::crypto::KeyPair;
use corescope_decode::encode::{AdvertBuilder, FrameBuilder};
use corescope_decode::payload::{NodeType, Position};
use corescope_decode::{ChannelKey, PayloadType, RegionKey, RouteType};
use serde_json::{Value, json};
use support::{Process, corescope, mqtt, network, port_of, up, wait_for};

/// Publishes one message at a time and waits for the answer: then it is committed, or refused.
struct Publisher {
    stream: TcpStream,
    id: u16,
}

impl Publisher {
    fn connect(port: u16) -> Self {
        Self { stream: mqtt::connect(port, "settings").unwrap(), id: 0 }
    }

    fn publish(&mut self, topic: &str, payload: &Value) {
        self.id += 1;
        self.stream.write_all(&mqtt::publish(topic, payload.to_string().as_bytes(), self.id)).unwrap();
        let mut puback = [0; 4];
        self.stream.read_exact(&mut puback).unwrap();
        assert_eq!(puback[..2], [0x40, 2]);
    }
}

/// Makes messages of which no two are the same.
struct Messages {
    number: u32,
}

const OBSERVER: &str = "5A5A5A5A5A5A5A5A5A5A5A5A5A5A5A5A5A5A5A5A5A5A5A5A5A5A5A5A5A5A5A5A";

/// Inside and outside of [`area`].
const NEAR: Position = Position { lat_e6: 37_000_000, lon_e6: -122_000_000 };
const FAR: Position = Position { lat_e6: 51_000_000, lon_e6: 4_000_000 };

fn area() -> Value {
    json!({"latMin": 36, "latMax": 38, "lonMin": -123, "lonMax": -121})
}

fn packet(frame: &[u8]) -> Value {
    json!({"origin": "Obs", "origin_id": OBSERVER, "type": "PACKET", "direction": "rx", "raw": hex::encode_upper(frame)})
}

impl Messages {
    fn next(&mut self) -> u32 {
        self.number += 1;
        self.number
    }

    /// A text in the channel of this key.
    fn text(&mut self, key: &ChannelKey) -> Value {
        let number = self.next();
        let plain = [&number.to_le_bytes()[..], &[0], format!("Al: {number}").as_bytes()].concat();
        packet(&[&[0x15, 0x00, key.hash()][..], &key.seal(&plain)].concat())
    }

    /// An advert of a new node, whose key begins with this byte if it matters.
    fn advert(&mut self, first: Option<u8>, position: Position, forged: bool) -> Value {
        let number = self.next();
        let keys = (0..=u32::MAX)
            .map(|n| {
                let mut seed = [0; 32];
                seed[..8].copy_from_slice(&(u64::from(number) << 32 | u64::from(n)).to_le_bytes());
                KeyPair::from_seed(&seed)
            })
            .find(|pair| {
                first.map_or(!matches!(pair.public()[0], 0 | 0xFF), |first| pair.public()[0] == first)
            })
            .unwrap();
        let mut payload =
            AdvertBuilder::new(NodeType::Repeater, number).name("node").position(position).sign(&keys);
        if forged {
            payload[40] ^= 1;
        }
        packet(&FrameBuilder::flood().build(PayloadType::Advert, &payload[..]).unwrap())
    }

    /// A packet for the nodes of a region.
    fn scoped(&mut self, region: &str) -> Value {
        let payload = [&[0x11, 0x22, 0x33][..], &self.next().to_le_bytes(), &[0; 12]].concat();
        let region = RegionKey::from_name(region).unwrap();
        let frame = FrameBuilder::new(RouteType::TransportFlood);
        packet(&frame.build_scoped(PayloadType::GroupText, &payload[..], &region).unwrap())
    }
}

/// A setting, and how to see whether it is in force.
struct Case {
    setting: Value,
    topic: String,
    message: fn(&mut Messages) -> Value,
    /// Grows with each such message while the setting is in force, and only then.
    query: String,
}

fn case(setting: Value, topic: &str, query: &str, message: fn(&mut Messages) -> Value) -> Case {
    Case { setting, topic: topic.to_owned(), message, query: query.to_owned() }
}

/// Messages that a rule refused, as the account has them.
fn refused(rule: &str) -> String {
    format!("SELECT COALESCE(SUM(json_extract(detail, '$.{rule}')), 0) FROM cs_ledger")
}

fn in_channel(name: &str) -> String {
    format!("SELECT count(*) FROM transmissions WHERE channel_hash = '{name}'")
}

fn tag() -> ChannelKey {
    ChannelKey::from_hashtag("#corescope-settings")
}

fn cases() -> Vec<Case> {
    let packets = &format!("meshcore/SJC/{OBSERVER}/packets");
    let raw = &format!("meshcore/SJC/{OBSERVER}/raw");
    let status = &format!("meshcore/SJC/{OBSERVER}/status");
    let phone = &format!("meshcore/client/{}/packets", "a1".repeat(32));
    vec![
        case(json!({"observerIATAWhitelist": ["LAX"]}), packets, &refused("region_whitelist"), |m| {
            m.text(&tag())
        }),
        case(json!({"observerBlacklist": [OBSERVER]}), packets, &refused("observer_blacklist"), |m| {
            m.text(&tag())
        }),
        case(
            json!({"hashChannels": ["corescope-settings"]}),
            packets,
            &in_channel("#corescope-settings"),
            |m| m.text(&tag()),
        ),
        case(json!({"channelKeys": {"Named": "42".repeat(16)}}), packets, &in_channel("Named"), |m| {
            m.text(&ChannelKey::from_128([0x42; 16]))
        }),
        case(json!({"channels": {"commonWords": false}}), packets, &in_channel("enc_D9"), |m| {
            m.text(&ChannelKey::from_hashtag("#test"))
        }),
        case(
            json!({"hashRegions": ["here"]}),
            packets,
            "SELECT count(*) FROM transmissions WHERE scope_name = '#here'",
            |m| m.scoped("#here"),
        ),
        case(json!({"validateSignatures": false}), packets, "SELECT count(*) FROM nodes", |m| {
            m.advert(None, NEAR, true)
        }),
        case(json!({"strict": true}), packets, &refused("reserved_key"), |m| {
            m.advert(Some(0xFF), NEAR, false)
        }),
        case(
            json!({"geo_filter": area()}),
            packets,
            "SELECT count(*) FROM nodes WHERE foreign_advert = 1",
            |m| m.advert(None, FAR, false),
        ),
        case(
            json!({"geo_filter": area(), "foreignAdverts": {"mode": "drop"}}),
            packets,
            &refused("foreign"),
            |m| m.advert(None, FAR, false),
        ),
        case(
            json!({"bridge": {"storeDirect": true}}),
            "meshcore/message/direct/a1b2c3d4e5f6",
            "SELECT count(*) FROM transmissions WHERE decoded_json LIKE '%\"DM\"%'",
            |m| json!({"type": "PRIV", "pubkey_prefix": "a1b2c3d4e5f6", "sender_timestamp": m.next(), "text": "hi"}),
        ),
        case(
            json!({"clientRxCoverage": {"enabled": true}}),
            phone,
            "SELECT count(*) FROM client_receptions",
            |m| {
                let mut reception = m.advert(None, NEAR, false);
                reception["gps"] = json!({"lat": 37.0, "lon": -122.0, "acc_m": 5});
                reception
            },
        ),
        case(json!({"ingest": {"acceptRaw": true}}), raw, "SELECT count(*) FROM transmissions", |m| {
            let mut message = m.text(&tag());
            message["data"] = message["raw"].take();
            message["type"] = json!("RAW");
            message
        }),
        case(
            json!({"metrics": {"sampleIntervalSec": 86_400}}),
            status,
            "SELECT count(*) FROM observer_metrics WHERE timestamp LIKE '%T00:00:00Z'",
            |_| json!({"status": "online", "origin": "Obs", "origin_id": OBSERVER, "stats": {"battery_mv": 4100}}),
        ),
    ]
}

#[test]
fn what_may_change_without_a_restart_does() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("config.json");
    std::fs::write(&file, "{}").unwrap();
    let mut process = Process::start(&mut up(dir.path(), 0));
    let mut publisher = Publisher::connect(port_of(&process.line("mqtt://")));
    let mut messages = Messages { number: 0 };
    let mut reloads = 0;
    let mut reload = |process: &Process, config: &Value| {
        std::fs::write(&file, config.to_string()).unwrap();
        process.signal("HUP");
        reloads += 1;
        wait_for("the configuration to be read again", || {
            let lines = process.lines.lock().unwrap();
            lines.iter().filter(|line| line.contains("configuration read again")).count() == reloads
        });
    };
    let count = |sql: &str| -> i64 {
        let database = corescope_store::db::open_read(&dir.path().join("meshcore.db")).unwrap();
        database.query_row(sql, [], |row| row.get(0)).unwrap_or_else(|error| panic!("{sql}: {error}"))
    };
    for Case { setting, topic, message, query } in cases() {
        let before = count(&query);
        publisher.publish(&topic, &message(&mut messages));
        assert_eq!(count(&query), before, "{setting} is in force before it is set");
        reload(&process, &setting);
        publisher.publish(&topic, &message(&mut messages));
        assert_eq!(count(&query), before + 1, "{setting} is not in force");
        reload(&process, &json!({}));
        publisher.publish(&topic, &message(&mut messages));
        assert_eq!(count(&query), before + 1, "{setting} is in force after it is gone");
    }
    // How much is told, and how long a message waits for others.
    assert!(!process.said("DEBUG"));
    reload(&process, &json!({"logLevel": "debug", "db": {"batchMs": 400}}));
    // It counts from the batch after the next on.
    publisher.publish("meshcore/x/y/packets", &messages.text(&tag()));
    let begun = std::time::Instant::now();
    publisher.publish("meshcore/x/y/packets", &messages.text(&tag()));
    assert!(begun.elapsed() >= std::time::Duration::from_millis(300), "db.batchMs is not in force");
    drop(Publisher::connect(port_of(&process.line("mqtt://"))));
    process.line("DEBUG client connected");
    assert_eq!(process.stop(), Some(0));
}

#[test]
fn a_read_token_closes_everything_but_the_probes_until_it_is_gone() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("config.json");
    let closed =
        json!({"readToken": "open-sesame", "apiKey": "a-long-enough-secret", "exposeDiagnostics": false});
    std::fs::write(&file, closed.to_string()).unwrap();
    let mut process = Process::start(&mut up(dir.path(), 0));
    let port = port_of(&process.line("http://"));
    let status = |path: &str, header: &str| network::request("GET", port, path, header, "").unwrap().0;
    let token = "Authorization: Bearer open-sesame\r\n";
    // What a browser sends after it asked for a password.
    let login = "Authorization: Basic YW55Ym9keTpvcGVuLXNlc2FtZQ==\r\n";
    let key = "X-API-Key: a-long-enough-secret\r\n";
    let socket = "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n";
    for path in ["/livez", "/readyz"] {
        assert_eq!(status(path, ""), 200, "{path}");
    }
    for path in ["/", "/api/stats", "/api/packets", "/api/config/client", "/api/v2/ledger", "/no/such/page"] {
        assert_eq!(status(path, ""), 401, "{path}");
        assert_eq!(status(path, "Authorization: Bearer open-sesam\r\n"), 401, "{path}");
        for header in [token, login, key] {
            assert_ne!(status(path, header), 401, "{path} {header}");
        }
    }
    for path in ["/ws", "/"] {
        assert_eq!(status(path, socket), 401, "{path}");
    }
    for (path, header, wanted) in [
        ("/api/perf", token, 403),
        ("/api/perf/io", token, 403),
        ("/api/mqtt/status", token, 403),
        ("/api/perf", key, 200),
        ("/api/mqtt/status", key, 200),
        ("/api/stats", token, 200),
    ] {
        assert_eq!(status(path, header), wanted, "{path}");
    }
    std::fs::write(&file, "{}").unwrap();
    process.signal("HUP");
    process.line("configuration read again");
    for path in ["/api/stats", "/api/perf", "/api/mqtt/status"] {
        assert_eq!(status(path, ""), 200, "{path}");
    }
    assert_eq!(process.stop(), Some(0));
    assert!(!process.said("open-sesame"));
}

#[test]
fn a_folder_can_take_the_place_of_the_page_that_is_built_in() {
    let dir = tempfile::tempdir().unwrap();
    let page = dir.path().join("page");
    std::fs::create_dir_all(page.join("assets")).unwrap();
    std::fs::write(page.join("index.html"), "<title>Ours</title>").unwrap();
    std::fs::write(page.join("assets/app.js"), "started()").unwrap();
    std::fs::write(dir.path().join("secret"), "not for you").unwrap();
    let mut process = Process::start(up(dir.path(), 0).arg("--public").arg(&page));
    let port = port_of(&process.line("http://"));
    for (path, wanted) in [
        ("/", "<title>Ours</title>"),
        ("/index.html", "<title>Ours</title>"),
        ("/assets/app.js", "started()"),
        // A link into the page: the page finds its own way.
        ("/nodes", "<title>Ours</title>"),
    ] {
        let (status, body) = network::get(port, path).unwrap();
        assert!(status == 200 && body.contains(wanted), "{path}: {status} {body}");
    }
    for path in ["/../secret", "/%2e%2e/secret", "/assets/../../secret", "/assets/gone.js"] {
        let (_, body) = network::get(port, path).unwrap();
        assert!(!body.contains("not for you"), "{path}: {body}");
    }
    assert!(network::get(port, "/api/stats").unwrap().1.contains("totalPackets"), "the API is as it was");
    assert_eq!(process.stop(), Some(0));
    let gone = dir.path().join("gone");
    let mut process =
        Process::start(corescope().args(["serve", "--data"]).arg(dir.path()).arg("--public").arg(&gone));
    assert_eq!(process.ended(), Some(64));
    process.line("gone: no such folder");
}
