//! What is known of rows outside memory is answered without another look at them.
//!
//! Whether the file was looked at is told by taking it away.

mod common;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use common::{BEGIN, rfc3339};
use corescope_store::lookup::Reader;
use corescope_store::memory::{Heard, Query, Snapshot, Store, Want};
use corescope_store::tail::{self, Follower, Options, Whole, WholeError};
use rusqlite::{Connection, params};

/// A repeater: the only relay whose key begins with 05.
const RELAY: &str = "0505050505050505050505050505050505050505050505050505050505050505";
/// Not on record, but it relayed.
const STRANGER: &str = "efefefefefefefefefefefefefefefefefefefefefefefefefefefefefefefef";
/// Nobody ever heard of it.
const INVENTED: &str = "abababababababababababababababababababababababababababababababab";

struct Outside {
    _dir: tempfile::TempDir,
    path: PathBuf,
    db: Connection,
    store: Store,
    _follower: Follower,
    whole: Whole,
}

/// A database of which nothing fits into memory: so many messages of one channel, heard by way of the relay and the stranger.
fn outside(packets: i64) -> Outside {
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("mesh.db");
    let mut db = Connection::open(&path).expect("a database");
    db.execute_batch(include_str!("common/tables.sql")).expect("tables");
    db.execute_batch(&format!(
        "ALTER TABLE nodes ADD COLUMN role TEXT;
         INSERT INTO observers (id, name, iata) VALUES ('AA11', 'one', 'SFO');
         INSERT INTO nodes (public_key, name, role) VALUES ('{RELAY}', 'r', 'repeater');"
    ))
    .expect("rows");
    let all = db.transaction().expect("a transaction");
    for id in 1..=packets {
        all.prepare_cached(
            "INSERT INTO transmissions (id, raw_hex, hash, first_seen, payload_type, channel_hash)
             VALUES (?1, '1500AB', ?2, ?3, 5, '#deep')",
        )
        .expect("sql")
        .execute(params![id, format!("{id:016x}"), rfc3339(BEGIN + id)])
        .expect("a row");
        let resolved = (id % 4 == 0).then(|| format!("[\"{STRANGER}\"]"));
        all.prepare_cached(
            "INSERT INTO observations (transmission_id, observer_idx, path_json, timestamp, resolved_path)
             VALUES (?1, 1, '[\"05\"]', ?2, ?3)",
        )
        .expect("sql")
        .execute(params![id, BEGIN + id, resolved])
        .expect("a row");
    }
    all.commit().expect("a commit");
    let store = Store::new();
    store.set_budget(Some(0));
    let options = Options { poll: Duration::from_millis(5), ..Options::default() };
    let follower = tail::follow(&path, store.clone(), options).expect("a follower");
    let whole = Whole::new(Arc::new(Reader::new(&path)));
    let outside = Outside { _dir: dir, path, db, store, _follower: follower, whole };
    outside.until("a load", |now| now.lacks_rows() && now.nodes().len() == 1);
    outside
}

impl Outside {
    fn now(&self) -> Snapshot {
        Snapshot::clone(&self.store.snapshot())
    }

    fn until(&self, what: &str, wanted: impl Fn(&Snapshot) -> bool) {
        let begin = Instant::now();
        while !wanted(&self.store.snapshot()) {
            assert!(begin.elapsed() < Duration::from_mins(5), "never: {what}");
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    fn heard(&self, now: &Snapshot, key: &str) -> Result<Heard, WholeError> {
        let want = Want { hops: true, ids: 3, ..Want::default() };
        self.whole.heard_of(now, &[key], want).map(|mut heard| heard.remove(0))
    }

    fn take_away(&self) {
        std::fs::rename(&self.path, self.path.with_extension("away")).expect("a file");
    }

    fn bring_back(&self) {
        std::fs::rename(self.path.with_extension("away"), &self.path).expect("a file");
    }
}

#[test]
fn a_key_that_nobody_heard_of_costs_no_look() {
    const PACKETS: i64 = 3000;
    let outside = outside(PACKETS);
    let now = outside.now();
    assert_eq!(outside.heard(&now, RELAY).expect("a look").transmissions, PACKETS as u64 / 4 * 3);
    outside.take_away();
    assert_eq!(outside.heard(&now, INVENTED).expect("what is known"), Heard::default());
    let stranger = outside.heard(&now, &STRANGER.to_ascii_uppercase()).expect("what is known");
    assert_eq!(stranger.transmissions, PACKETS as u64 / 4);
    assert_eq!(stranger.ids, [PACKETS, PACKETS - 4, PACKETS - 8]);
    assert!(outside.heard(&now, &INVENTED[1..]).is_ok_and(|heard| heard == Heard::default()));
}

#[test]
fn a_new_relay_is_believed_after_a_while_only() {
    let outside = outside(3000);
    let relayed = |now: &Snapshot| outside.heard(now, RELAY).expect("an answer").transmissions;
    let begin = Instant::now();
    // Where a path was resolved, its hops say nothing.
    assert_eq!(relayed(&outside.now()), 2250);
    let took = begin.elapsed();
    // Now the hop stands for two.
    let other = format!("{}aa", &RELAY[..62]);
    let sql = format!(
        "BEGIN; INSERT INTO nodes (public_key, name, role) VALUES ('{other}', 'o', 'repeater');
         INSERT INTO cs_changes (kind, key) VALUES ('node', '{other}'); COMMIT"
    );
    outside.db.execute_batch(&sql).expect("a row");
    outside.until("a node", |now| now.nodes().len() == 2);
    let now = outside.now();
    outside.take_away();
    assert_eq!(relayed(&now), 2250, "what was known after {took:?}");
    assert_eq!(outside.heard(&now, &other).expect("what is known"), Heard::default());
    outside.bring_back();
    while relayed(&now) > 0 {
        assert!(begin.elapsed() < took * 100 + Duration::from_secs(10), "it is believed for ever");
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn messages_far_back_are_read_once_for_all_pages() {
    const PACKETS: i64 = 6000;
    let outside = outside(PACKETS);
    let now = outside.now();
    let ids = |most| -> Result<Vec<i64>, WholeError> {
        let messages = outside.whole.older_messages(&now, "#deep", Some(&[1]), most)?;
        assert_eq!(messages.total, PACKETS as u64);
        Ok(messages.newest.iter().map(|(_, id)| *id).collect())
    };
    let newest: Vec<i64> = (1..=PACKETS).rev().collect();
    let few = ids(5).expect("a look");
    assert!(few.len() < newest.len() && newest.starts_with(&few), "{}", few.len());
    assert_eq!(ids(few.len() + 1).expect("a look"), newest);
    outside.take_away();
    for most in [1, few.len(), few.len() + 500, usize::MAX] {
        assert!(newest.starts_with(&ids(most).expect("what is known")), "{most}");
    }
    assert_eq!(ids(usize::MAX).expect("what is known").len(), newest.len());
}

#[test]
fn a_file_that_names_neither_senders_nor_channels_nor_observers_is_answered_from() {
    let outside = outside(10);
    // Of before: what follows the file loads it anew.
    let now = outside.now();
    outside
        .db
        .execute_batch(
            "DROP INDEX IF EXISTS idx_transmissions_from_pubkey; DROP INDEX IF EXISTS idx_tx_channel_hash;
             ALTER TABLE transmissions DROP COLUMN from_pubkey;
             ALTER TABLE transmissions DROP COLUMN channel_hash;
             ALTER TABLE observations DROP COLUMN observer_idx;",
        )
        .expect("an older file");
    assert!(outside.whole.older_of_sender(&now, RELAY, 5).expect("no rows").is_empty());
    assert_eq!(outside.whole.older_messages(&now, "#deep", None, 5).expect("no rows").total, 0);
    assert!(outside.whole.older_channels(&now, None).expect("no channels").is_empty());
    assert!(outside.whole.older_channels(&now, Some(&[1])).expect("no channels").is_empty());
    let receptions = outside.whole.older_receptions(&now, BEGIN + 9).expect("receptions");
    assert_eq!(receptions.into_iter().collect::<Vec<_>>(), [(None, 2)]);
}

#[test]
fn nothing_is_read_on_for_a_program_that_ends() {
    let outside = outside(2000);
    let now = outside.now();
    let query = Query { observers: Some(vec!["AA11".to_owned()]), ..Query::default() };
    assert_eq!(outside.whole.query(&now, &query, None).expect("a look").total, 2000);
    let mut seen = 0;
    let told = outside.whole.older(&now, &mut |_| {
        seen += 1;
        if seen == 10 {
            outside.whole.stop();
        }
    });
    assert!(told.is_err_and(|error| error.is_passing()));
    assert_eq!(seen, 10);
    assert!(outside.heard(&now, RELAY).is_err());
    assert!(outside.whole.older_messages(&now, "#deep", None, 5).is_err());
    assert!(outside.whole.older_channels(&now, None).is_err());
    for query in [query, Query::default()] {
        assert!(outside.whole.query(&now, &query, None).is_err(), "{query:?}");
    }
    assert!(outside.whole.by_id(&now, 5).is_ok_and(|row| row.is_some()), "a single row takes no time");
}
