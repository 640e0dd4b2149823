//! The MQTT endpoint of `up` as real clients meet it: TLS, users, topic rules, and tokens that devices sign.

#![allow(clippy::unwrap_used, reason = "tests and their helpers")]

mod support;

use std::path::Path;
use std::process::Command;
use std::time::{SystemTime, UNIX_EPOCH};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ed25519_dalek::{Signer, SigningKey};
use serde_json::{Value, json};
use support::tls::Authority;
use support::{Heard, Process, port_of, wait_for};

const HEARD: Heard = Heard { transmission: 1, observer: 0x5A };

fn up(data: &Path, endpoint: &Value) -> Process {
    std::fs::create_dir_all(data).unwrap();
    std::fs::write(data.join("config.json"), json!({ "endpoint": endpoint }).to_string()).unwrap();
    Process::start(&mut support::up(data, 0))
}

/// What became of an attempt to publish.
#[derive(Debug, PartialEq, Eq)]
enum Answer {
    Stored,
    NotHere,
    NotIn,
}

/// Mosquitto's own clients against the endpoint; none, with a message, where they are not installed.
struct Clients {
    port: u16,
    options: Vec<String>,
}

impl Clients {
    fn of(port: u16, options: &[&str]) -> Option<Self> {
        if Command::new("mosquitto_pub").arg("--help").output().is_err() {
            println!("skipped: mosquitto_pub is not installed (apt-get install mosquitto-clients)");
            return None;
        }
        Some(Self { port, options: options.iter().map(|&option| option.to_owned()).collect() })
    }

    fn command(&self, program: &str, login: Option<(&str, &str)>, topic: &str) -> Command {
        let mut command = Command::new(program);
        // Version 5, where a refusal has a reason.
        command.args(["-V", "5", "-q", "1", "-h", "127.0.0.1", "-p", &self.port.to_string(), "-t", topic]);
        command.args(&self.options);
        if let Some((user, password)) = login {
            command.args(["-u", user, "-P", password]);
        }
        command
    }

    fn publish(&self, login: Option<(&str, &str)>, topic: &str) -> Answer {
        let output =
            self.command("mosquitto_pub", login, topic).args(["-m", &HEARD.payload()]).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        match (output.status.success(), said.contains("Not authorized")) {
            (_, true) if said.contains("Publish") => Answer::NotHere,
            (true, false) => Answer::Stored,
            _ => Answer::NotIn,
        }
    }

    /// A listener that ends after its first message.
    fn listen(&self, login: Option<(&str, &str)>, filter: &str) -> Process {
        Process::start(self.command("mosquitto_sub", login, filter).args(["-C", "1", "-v"]))
    }
}

fn stored(data: &Path) -> i64 {
    let database = corescope_store::db::open_read(&data.join("meshcore.db")).unwrap();
    database.query_row("SELECT COUNT(*) FROM observations", [], |row| row.get(0)).unwrap()
}

fn denied(data: &Path) -> i64 {
    let database = corescope_store::db::open_read(&data.join("meshcore.db")).unwrap();
    database.query_row("SELECT COALESCE(SUM(filtered), 0) FROM cs_ledger", [], |row| row.get(0)).unwrap()
}

#[test]
fn without_users_this_machine_may_and_with_users_only_they_where_they_may() {
    let dir = tempfile::tempdir().unwrap();
    let mut process = up(dir.path(), &json!({}));
    let Some(clients) = Clients::of(port_of(&process.line("mqtt://")), &[]) else { return };
    assert_eq!(clients.publish(None, "meshcore/SJC/AA/packets"), Answer::Stored);
    assert_eq!(clients.publish(Some(("any", "thing")), "meshcore/SJC/AB/packets"), Answer::Stored);
    assert_eq!(process.stop(), Some(0));

    let dir = tempfile::tempdir().unwrap();
    let users = json!({"users": [
        {"name": "bob", "password": "s3cret-of-bob", "publish": ["meshcore/+/%u/#"], "subscribe": ["meshcore/SJC/#"]},
        {"name": "hub", "password": "s3cret-of-hub"},
    ]});
    let mut process = up(dir.path(), &users);
    let Some(clients) = Clients::of(port_of(&process.line("mqtt://")), &[]) else { return };
    let (bob, hub) = (Some(("bob", "s3cret-of-bob")), Some(("hub", "s3cret-of-hub")));
    for (login, topic, wanted) in [
        (None, "meshcore/SJC/bob/packets", Answer::NotIn),
        (Some(("bob", "s3cret-of-hub")), "meshcore/SJC/bob/packets", Answer::NotIn),
        (Some(("eve", "s3cret-of-bob")), "meshcore/SJC/eve/packets", Answer::NotIn),
        (bob, "meshcore/SJC/bob/packets", Answer::Stored),
        (bob, "meshcore/SJC/eve/packets", Answer::NotHere),
        (bob, "other/SJC/bob/packets", Answer::NotHere),
        (hub, "meshcore/SJC/eve/packets", Answer::Stored),
        (hub, "meshcore/client/a1b2/packets", Answer::NotHere),
    ] {
        assert_eq!(clients.publish(login, topic), wanted, "{login:?} {topic}");
    }
    wait_for("what is denied to be in the account", || denied(dir.path()) == 3);
    assert_eq!(stored(dir.path()), 2, "what is denied is not in the tables");
    // Who listens hears what comes, below what it may listen to.
    for (login, filter) in [(hub, "meshcore/#"), (bob, "meshcore/#"), (bob, "meshcore/+/bob/#")] {
        clients.listen(login, filter).line("denied");
    }
    let mut listener = clients.listen(bob, "meshcore/SJC/+/packets");
    wait_for("the listener to hear something", || {
        assert_eq!(clients.publish(hub, "meshcore/LAX/eve/packets"), Answer::Stored);
        assert_eq!(clients.publish(hub, "meshcore/SJC/eve/packets"), Answer::Stored);
        !listener.is_running()
    });
    listener.line("meshcore/SJC/eve/packets {");

    // Other rules come with a reload; who is gone from the list does not come in again.
    let fewer = json!({"endpoint": {"users": [{"name": "hub", "password": "another-secret"}]}});
    std::fs::write(dir.path().join("config.json"), fewer.to_string()).unwrap();
    process.signal("HUP");
    process.line("configuration read again");
    assert_eq!(clients.publish(bob, "meshcore/SJC/bob/packets"), Answer::NotIn);
    assert_eq!(clients.publish(hub, "meshcore/SJC/eve/packets"), Answer::NotIn);
    assert_eq!(clients.publish(Some(("hub", "another-secret")), "meshcore/SJC/eve/packets"), Answer::Stored);
    assert_eq!(process.stop(), Some(0));
    for secret in ["s3cret", "another-secret"] {
        assert!(!process.said(secret), "{secret} is told");
    }
}

/// A token as a device makes it.
fn token(key: &SigningKey, claims: &Value) -> String {
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let signed = format!("{}.{}", part(&json!({"alg": "Ed25519", "typ": "JWT"})), part(claims));
    let signature = hex::encode_upper(key.sign(signed.as_bytes()).to_bytes());
    format!("{signed}.{signature}")
}

#[test]
fn devices_come_in_with_their_own_signature_over_tls() {
    let dir = tempfile::tempdir().unwrap();
    let Some(authority) = Authority::new(&dir.path().join("certificates")) else { return };
    let pair = authority.issue("endpoint");
    let data = dir.path().join("data");
    let rules =
        json!({"tlsCert": pair.cert, "tlsKey": pair.key, "tokens": true, "tokenAudience": "mesh.example"});
    let mut process = up(&data, &rules);
    let port = port_of(&process.line("mqtts://"));
    let ca = authority.ca();
    let Some(clients) = Clients::of(port, &["--cafile", ca.to_str().unwrap()]) else { return };
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    let (device, other) = (SigningKey::from_bytes(&[7; 32]), SigningKey::from_bytes(&[8; 32]));
    let key = hex::encode_upper(device.verifying_key().as_bytes());
    let user = format!("v1_{key}");
    let claims = |change: &dyn Fn(&mut Value)| {
        let mut claims = json!({"publicKey": key, "iat": now - 5, "exp": now + 3600, "aud": "mesh.example"});
        change(&mut claims);
        claims
    };
    let own = format!("meshcore/SJC/{key}/packets");
    let good = token(&device, &claims(&|_| ()));
    let cases = [
        ("its own topic", good.clone(), own.clone(), Answer::Stored),
        (
            "the topic of its phone",
            good.clone(),
            format!("meshcore/client/{}/packets", key.to_lowercase()),
            Answer::Stored,
        ),
        (
            "another's topic",
            good.clone(),
            format!("meshcore/SJC/{}/packets", "AB".repeat(32)),
            Answer::NotHere,
        ),
        ("signed by another key", token(&other, &claims(&|_| ())), own.clone(), Answer::NotIn),
        ("expired", token(&device, &claims(&|c| c["exp"] = json!(now - 3600))), own.clone(), Answer::NotIn),
        (
            "not valid yet",
            token(&device, &claims(&|c| c["iat"] = json!(now + 3600))),
            own.clone(),
            Answer::NotIn,
        ),
        (
            "for another audience",
            token(&device, &claims(&|c| c["aud"] = json!("other.example"))),
            own.clone(),
            Answer::NotIn,
        ),
        ("for nobody", token(&device, &claims(&|c| c["aud"] = Value::Null)), own.clone(), Answer::NotIn),
        (
            "of another key",
            token(&device, &claims(&|c| c["publicKey"] = json!("AB".repeat(32)))),
            own.clone(),
            Answer::NotIn,
        ),
        ("none", String::new(), own.clone(), Answer::NotIn),
    ];
    for (what, token, topic, wanted) in cases {
        assert_eq!(clients.publish(Some((&user, &token)), &topic), wanted, "{what}");
    }
    assert_eq!(clients.publish(None, &own), Answer::NotIn, "without a name");
    assert_eq!(stored(&data), 1);
    // Who speaks no TLS, or trusts another authority, does not come in, and holds up nobody.
    let naked = Clients::of(port, &[]).unwrap();
    assert_eq!(naked.publish(Some((&user, &good)), &own), Answer::NotIn);
    let foreign = Authority::new(&dir.path().join("foreign")).unwrap().ca();
    let foreign = Clients::of(port, &["--cafile", foreign.to_str().unwrap()]).unwrap();
    assert_eq!(foreign.publish(Some((&user, &good)), &own), Answer::NotIn);
    assert_eq!(clients.publish(Some((&user, &good)), &own), Answer::Stored);
    assert_eq!(process.stop(), Some(0));
    assert!(!process.said(&good), "a token is told");
}

#[test]
fn a_certificate_that_cannot_be_used_ends_the_start_with_a_sentence() {
    let dir = tempfile::tempdir().unwrap();
    let Some(authority) = Authority::new(&dir.path().join("certificates")) else { return };
    let (one, two) = (authority.issue("one"), authority.issue("two"));
    for (cert, key, said) in [
        (Some(&one.cert), None, "endpoint.tlsKey are needed together"),
        (Some(&one.cert), Some(&two.key), "do not fit"),
        (Some(&one.key), Some(&one.key), "no certificate"),
        (Some(&dir.path().join("gone.pem")), Some(&one.key), "gone.pem"),
    ] {
        let mut process = up(&dir.path().join("data"), &json!({"tlsCert": cert, "tlsKey": key}));
        assert_eq!(process.ended(), Some(65), "{said}");
        process.line(said);
    }
}
