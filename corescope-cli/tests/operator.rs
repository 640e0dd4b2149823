//! The operator's commands as processes: what they print, what they leave, how they end.
#![allow(clippy::unwrap_used, reason = "a test may stop here")]

use std::path::Path;
use std::process::{Command, Output};

use corescope_store::write::{Accepted, Message, ObserverMark, Options, PacketMessage, Writer};
use rusqlite::Connection;
use serde_json::Value;

struct Run {
    code: i32,
    out: String,
    err: String,
}

impl Run {
    #[track_caller]
    fn json(&self) -> Value {
        assert_eq!(self.code, 0, "{}", self.err);
        serde_json::from_str(&self.out).unwrap_or_else(|e| panic!("{e}: {}", self.out))
    }

    #[track_caller]
    fn ok(&self) -> &str {
        assert_eq!(self.code, 0, "{}{}", self.out, self.err);
        &self.out
    }
}

fn cli(data: &Path, args: &[&str]) -> Run {
    let Output { status, stdout, stderr } = Command::new(env!("CARGO_BIN_EXE_corescope-cli"))
        .args(args)
        .arg("--data")
        .arg(data)
        .env_remove("DB_PATH")
        .output()
        .unwrap();
    Run {
        code: status.code().unwrap(),
        out: String::from_utf8(stdout).unwrap(),
        err: String::from_utf8(stderr).unwrap(),
    }
}

fn heard(number: u8, observer: &str) -> Accepted {
    let key = corescope_decode::ChannelKey::from_hashtag("#test");
    let plain =
        [&1_780_000_000_u32.to_le_bytes()[..], &[0], format!("Alice: hello {number}").as_bytes()].concat();
    let frame = [&[0x15, 0x01, 0xAA, key.hash()][..], &key.seal(&plain)].concat();
    Accepted {
        source: "test".into(),
        received_at_ms: 1_780_000_000_000 + i64::from(number) * 1000,
        observer: Some(ObserverMark {
            id: observer.into(),
            name: Some("<Obs>".into()),
            ..ObserverMark::default()
        }),
        message: Message::Packet(PacketMessage {
            raw_hex: hex::encode_upper(frame),
            snr: Some(5.0),
            rssi: Some(-90.0),
            ..PacketMessage::default()
        }),
    }
}

/// An installation with twelve packets, and nobody who writes it.
fn installation() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    let mut writer = Writer::open(&dir.path().join("meshcore.db"), Options::default()).unwrap();
    let batch: Vec<_> = (0..12).map(|n| heard(n, if n % 2 == 0 { "A1" } else { "B2" })).collect();
    writer.batch(&batch).unwrap();
    writer.close().unwrap();
    dir
}

fn count(file: &Path, table: &str) -> i64 {
    Connection::open(file)
        .unwrap()
        .query_row(&format!("SELECT count(*) FROM {table}"), [], |r| r.get(0))
        .unwrap()
}

#[test]
fn check_and_migrate() {
    let dir = installation();
    let report = cli(dir.path(), &["db", "check", "--json"]).json();
    assert_eq!(report["sound"], true);
    assert_eq!(report["rows"]["observations"], 12);
    // An older file: the index store could not be filled from it.
    let db = Connection::open(dir.path().join("meshcore.db")).unwrap();
    db.execute_batch("ALTER TABLE transmissions DROP COLUMN scope_name").unwrap_or_else(|_| {
        db.execute_batch("DROP INDEX idx_tx_scope_name; ALTER TABLE transmissions DROP COLUMN scope_name")
            .unwrap();
    });
    drop(db);
    let bad = cli(dir.path(), &["db", "check"]);
    assert_eq!(bad.code, 65, "{}", bad.err);
    assert!(
        bad.out.contains("column transmissions.scope_name") && bad.out.contains("db migrate"),
        "{}",
        bad.out
    );
    assert_eq!(cli(dir.path(), &["db", "migrate", "--json"]).json()["ready"], true);
    cli(dir.path(), &["db", "check", "--quick"]).ok();
}

#[test]
fn a_missing_database_is_named() {
    let dir = tempfile::tempdir().unwrap();
    for args in
        [&["db", "check"][..], &["db", "migrate"], &["db", "vacuum"], &["backup"], &["maintain", "vacuum"]]
    {
        let run = cli(dir.path(), args);
        assert_eq!(run.code, 74, "{args:?}: {}", run.err);
        assert!(run.err.contains("meshcore.db"), "{}", run.err);
    }
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0, "nothing is made in passing");
}

#[test]
fn commands_that_write_exit_73_beside_an_ingestor() {
    let dir = installation();
    let _writer = Writer::open(&dir.path().join("meshcore.db"), Options::default()).unwrap();
    let copy = dir.path().join("other.db");
    std::fs::copy(dir.path().join("meshcore.db"), &copy).unwrap();
    let copy = copy.to_str().unwrap();
    for args in [
        &["db", "migrate"][..],
        &["db", "vacuum"],
        &["db", "rehash"],
        &["db", "import", copy],
        &["restore", copy],
    ] {
        let run = cli(dir.path(), args);
        assert_eq!(run.code, 73, "{args:?}: {}", run.err);
        assert!(run.err.contains(&std::process::id().to_string()), "{}", run.err);
    }
    // What only reads goes on.
    cli(dir.path(), &["db", "check"]).ok();
    cli(dir.path(), &["backup"]).ok();
}

#[test]
fn vacuum_rehash_import_and_dump() {
    let dir = installation();
    assert!(cli(dir.path(), &["db", "vacuum", "--json"]).json()["bytes_after"].as_u64().unwrap() > 0);
    let other = installation();
    let file = other.path().join("meshcore.db");
    let file = file.to_str().unwrap();
    assert_eq!(cli(dir.path(), &["db", "import", file, "--json"]).json()["duplicates"], 12);
    let fresh = tempfile::tempdir().unwrap();
    let done = cli(fresh.path(), &["db", "import", file, "--json"]).json();
    assert_eq!((done["transmissions"].as_u64(), done["observations"].as_u64()), (Some(12), Some(12)));
    assert_eq!(cli(fresh.path(), &["db", "rehash", "--json"]).json()["looked_at"], 12);
    let dump = cli(dir.path(), &["db", "dump"]);
    let again = Connection::open_in_memory().unwrap();
    again.execute_batch(dump.ok()).unwrap();
    let rows: i64 = again.query_row("SELECT count(*) FROM observations", [], |r| r.get(0)).unwrap();
    assert_eq!(rows, 12);
}

#[test]
fn backup_keeps_so_many_and_restore_puts_one_back() {
    let dir = installation();
    std::fs::write(dir.path().join("config.json"), r#"{"apiKey": "a-long-enough-secret"}"#).unwrap();
    let made = cli(dir.path(), &["backup", "--keep", "1", "--json"]).json();
    let file = Path::new(made["file"].as_str().unwrap()).to_owned();
    assert_eq!(count(&file, "observations"), 12);
    let folder = file.parent().unwrap();
    #[cfg(unix)]
    for name in ["meshcore.db", "config.json"] {
        use std::os::unix::fs::PermissionsExt;
        assert_eq!(
            std::fs::metadata(folder.join(name)).unwrap().permissions().mode() & 0o777,
            0o600,
            "{name}"
        );
    }
    let database = dir.path().join("meshcore.db");
    let mut writer = Writer::open(&database, Options::default()).unwrap();
    writer.batch(&[heard(99, "C3")]).unwrap();
    writer.close().unwrap();
    // A log of the database that was there must not be replayed into the restored one.
    std::fs::write(dir.path().join("meshcore.db-wal"), b"").unwrap();
    let out = cli(dir.path(), &["restore", folder.to_str().unwrap()]);
    assert!(out.ok().contains("what was there is"), "{}", out.out);
    assert_eq!(count(&database, "observations"), 12);
    let kept: Vec<_> = std::fs::read_dir(dir.path())
        .unwrap()
        .map(|e| e.unwrap().path())
        .filter(|p| p.to_string_lossy().contains(".before-restore-"))
        .collect();
    assert_eq!(count(&kept[0], "observations"), 13);
    cli(dir.path(), &["db", "check"]).ok();
}

#[test]
fn a_compressed_backup_comes_back_whole_with_owner_and_mode_of_what_was_there() {
    use std::os::unix::fs::PermissionsExt;
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    let dir = installation();
    let database = dir.path().join("meshcore.db");
    let single = dir.path().join("copy.db.zst");
    let made = cli(dir.path(), &["backup", single.to_str().unwrap(), "--json"]).json();
    assert_eq!((made["file"].as_str(), mode(&single)), (single.to_str(), 0o600));
    assert!(std::fs::metadata(&single).unwrap().len() < std::fs::metadata(&database).unwrap().len() / 2);
    let folder = dir.path().join("folder");
    let made =
        cli(dir.path(), &["backup", "--compress", "--keep", "1", folder.to_str().unwrap(), "--json"]).json();
    let inside = Path::new(made["file"].as_str().unwrap()).parent().unwrap().to_owned();
    for from in [single.as_path(), inside.as_path()] {
        let mut writer = Writer::open(&database, Options::default()).unwrap();
        writer.batch(&[heard(99, "C3")]).unwrap();
        writer.close().unwrap();
        std::fs::set_permissions(&database, std::fs::Permissions::from_mode(0o644)).unwrap();
        cli(dir.path(), &["restore", "--discard", from.to_str().unwrap()]).ok();
        assert_eq!((count(&database, "observations"), mode(&database)), (12, 0o644), "{}", from.display());
    }
    // Cut off, or something else: nothing is changed, and nothing is left.
    let bytes = std::fs::read(&single).unwrap();
    let bad = dir.path().join("bad.db.zst");
    let text =
        zstd::bulk::compress(b"no database, but a text that is long enough to be looked at", 3).unwrap();
    for content in [&bytes[..bytes.len() / 2], &text, b"not compressed at all"] {
        std::fs::write(&bad, content).unwrap();
        let run = cli(dir.path(), &["restore", bad.to_str().unwrap()]);
        assert_eq!(run.code, 74, "{}", run.err);
        assert_eq!(count(&database, "observations"), 12);
    }
    let left: Vec<_> = std::fs::read_dir(dir.path()).unwrap().map(|e| e.unwrap().file_name()).collect();
    assert!(
        left.iter()
            .all(|name| !name.to_string_lossy().contains("pack") && !name.to_string_lossy().contains("tmp")),
        "{left:?}"
    );
    assert_eq!(
        cli(dir.path(), &["backup", "--compress", dir.path().join("plain.db").to_str().unwrap()]).code,
        64
    );
    assert_eq!(cli(dir.path(), &["backup", single.to_str().unwrap()]).code, 64, "it exists already");
    for (command, named) in [("backup", "no/such/copy.db"), ("restore", "folder")] {
        let run = cli(dir.path(), &[command, dir.path().join(named).to_str().unwrap()]);
        assert!(run.code == 74 && run.err.contains(named), "{}", run.err);
    }
}

#[test]
fn a_damaged_backup_is_not_restored() {
    let dir = installation();
    let bad = dir.path().join("bad.db");
    let mut bytes = std::fs::read(dir.path().join("meshcore.db")).unwrap();
    let end = bytes.len();
    bytes[8192..end.min(8192 + 4096 * 6)].fill(0x55);
    std::fs::write(&bad, bytes).unwrap();
    let run = cli(dir.path(), &["restore", bad.to_str().unwrap()]);
    assert_ne!(run.code, 0);
    assert_eq!(count(&dir.path().join("meshcore.db"), "observations"), 12);
    let text = dir.path().join("text.db");
    std::fs::write(&text, "hello ".repeat(500)).unwrap();
    let run = cli(dir.path(), &["restore", text.to_str().unwrap()]);
    assert_eq!(run.code, 74);
    assert!(run.err.contains("not an SQLite database"), "{}", run.err);
}

#[test]
fn maintain_runs_a_job_alone_and_lists_what_was_done() {
    let dir = installation();
    std::fs::write(dir.path().join("config.json"), r##"{"hashChannels": ["#test"]}"##).unwrap();
    assert_eq!(cli(dir.path(), &["maintain", "redecrypt", "--json"]).json()["rows"], 12);
    let list = cli(dir.path(), &["maintain", "--list", "--json"]).json();
    let job = list.as_array().unwrap().iter().find(|j| j["job"] == "redecrypt").unwrap().clone();
    assert_eq!(job["rows"], 12);
    let wrong = cli(dir.path(), &["maintain", "explode"]);
    assert_eq!(wrong.code, 64);
    assert!(wrong.err.contains("neighbours"), "{}", wrong.err);
}

#[test]
fn maintain_asks_the_one_who_writes_and_gives_up_in_time() {
    let dir = installation();
    let mut writer = Writer::open(&dir.path().join("meshcore.db"), Options::default()).unwrap();
    let run = cli(dir.path(), &["maintain", "neighbours", "--timeout", "0"]);
    assert_eq!(run.code, 1);
    assert!(run.err.contains("did not answer"), "{}", run.err);
    assert_eq!(std::fs::read_dir(dir.path().join("maintain-requests")).unwrap().count(), 0);
    // Now with somebody who answers.
    let folder = dir.path().to_owned();
    let asking = std::thread::spawn(move || cli(&folder, &["maintain", "neighbours", "--json"]));
    let plan = corescope_store::jobs::Plan::in_folder(dir.path());
    let mut jobs =
        corescope_store::jobs::Jobs::new(plan, corescope_store::jobs::Now { unix: 1_780_000_000, steady: 0 });
    let mut now = corescope_store::jobs::Now { unix: 1_780_000_000, steady: 0 };
    let begun = std::time::Instant::now();
    while !asking.is_finished() {
        assert!(begun.elapsed() < std::time::Duration::from_mins(5), "no answer was read");
        if jobs.run_due(&mut writer, now) != corescope_store::jobs::Next::Now {
            now = now.later(1);
            std::thread::sleep(std::time::Duration::from_millis(5));
        }
    }
    assert_eq!(asking.join().unwrap().json()["job"], "neighbours");
}

#[test]
fn decrypt_in_every_format() {
    let dir = installation();
    let found = cli(dir.path(), &["decrypt", "--channel", "test"]).json();
    let first = &found.as_array().unwrap()[0];
    assert_eq!(found.as_array().unwrap().len(), 12);
    assert_eq!((first["sender"].as_str(), first["message"].as_str()), (Some("Alice"), Some("hello 0")));
    assert_eq!((first["channel"].as_str(), first["path"][0].as_str()), (Some("#test"), Some("AA")));
    assert_eq!(first["observers"][0]["snr"], 5.0);
    let irc = cli(dir.path(), &["decrypt", "--channel", "#test", "--format", "irc"]);
    assert!(irc.ok().starts_with("[20:26] <Alice> hello 0\n"), "{}", irc.out);
    let html = cli(dir.path(), &["decrypt", "--channel", "test", "--format", "html"]);
    assert!(html.ok().contains("&lt;Obs&gt;") && !html.out.contains("<Obs>"));
    let log = cli(dir.path(), &["decrypt", "--channel", "test", "--format", "log"]);
    assert!(log.ok().contains("#test Alice: hello 0 [<Obs>]"), "{}", log.out);
    let other = cli(dir.path(), &["decrypt", "--channel", "other"]);
    assert_eq!(other.json(), serde_json::json!([]));
    let bad = cli(dir.path(), &["decrypt", "--channel", "x", "--key", "12"]);
    assert_eq!(bad.code, 64, "{}", bad.err);
}

#[test]
fn doctor_says_what_is_wrong_and_what_to_do() {
    let dir = installation();
    let run = cli(dir.path(), &["doctor", "--json"]);
    let report: Value = serde_json::from_str(&run.out).unwrap();
    let finding = |area: &str| {
        let all = report["findings"].as_array().unwrap();
        all.iter()
            .filter(|f| f["area"] == area)
            .map(|f| f["text"].as_str().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    assert!(finding("database")[0].contains("the schema is complete"), "{report}");
    assert!(finding("ingestor").iter().any(|t| t.contains("nobody writes")), "{report}");
    assert!(finding("backup")[0].contains("none in"), "{report}");
    assert!(finding("packets")[0].contains("old"), "{report}");
    // An ingestor that hangs, and a server that is not there.
    std::fs::write(
        dir.path().join("ingestor-stats.json"),
        r#"{"sampledAt":"2026-01-01T00:00:00Z","source_statuses":[]}"#,
    )
    .unwrap();
    let run = cli(dir.path(), &["doctor", "--url", "http://127.0.0.1:9"]);
    assert_eq!(run.code, 1);
    assert!(run.out.contains("its statistics are") && run.out.contains("cannot connect"), "{}", run.out);
    let empty = tempfile::tempdir().unwrap();
    let run = cli(empty.path(), &["doctor"]);
    assert_eq!(run.code, 1);
    assert!(run.out.contains("no database at"), "{}", run.out);
}
