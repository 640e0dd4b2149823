//! What is left when the writer's process is killed, its disk is full, its file locked or
//! read-only. The victim is this test's own binary, started again.
#![cfg(feature = "write")]
#![allow(clippy::unwrap_used, reason = "a test may stop here")]

mod support;

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, Command, Stdio};

use corescope_store::write::{Options, Writer};
use support::*;

/// Set for the process that is to be killed: where its database is.
const VICTIM: &str = "CORESCOPE_TEST_VICTIM";
/// The same for a process of another user.
const STRANGER: &str = "CORESCOPE_TEST_STRANGER";
/// Messages of a batch of the victim.
const BATCH: u64 = 50;

/// Not a test by itself: the body of the victim. It stores batches and tells each one that
/// is committed, from where the file left off.
#[test]
fn victim() {
    let Some(path) = std::env::var_os(VICTIM) else { return };
    let mut writer = Writer::open(std::path::Path::new(&path), Options::default()).unwrap();
    let mut batch = writer.state("victim").unwrap().map_or(0, |n| n.parse().unwrap());
    loop {
        writer.batch(&messages(batch)).unwrap();
        batch += 1;
        println!("committed {batch}");
        std::io::stdout().flush().unwrap();
        writer.set_state("victim", &batch.to_string()).unwrap();
    }
}

/// Every batch repeats half of the one before, as a broker does after a reconnect.
fn messages(batch: u64) -> Vec<corescope_store::write::Accepted> {
    let start = (batch * BATCH).saturating_sub(BATCH / 2);
    (start..(batch + 1) * BATCH)
        .map(|n| heard(&format!("O{}", n % 5), &frame(FLOOD, GROUP_TEXT, &[], &text(n / 5)), T0 + n as i64))
        .collect()
}

fn start(place: &Place) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["victim", "--exact", "--nocapture", "--test-threads=1"])
        .env(VICTIM, place.db())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

#[test]
fn nothing_that_was_committed_is_lost_and_nothing_is_there_twice() {
    let place = Place::new();
    let mut committed = 0_u64;
    for round in 0..6_u64 {
        let mut child = start(&place);
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let goal = committed + 2 + round * 3;
        while committed < goal {
            let line = lines.next().unwrap().unwrap();
            if let Some(batch) = line.strip_prefix("committed ") {
                committed = batch.parse().unwrap();
            }
        }
        // Somewhere inside a batch, most likely.
        std::thread::sleep(std::time::Duration::from_micros(300 * round));
        child.kill().unwrap();
        child.wait().unwrap();
        for line in lines.map_while(Result::ok) {
            if let Some(batch) = line.strip_prefix("committed ") {
                committed = batch.parse().unwrap();
            }
        }
        assert_eq!(place.one::<String>("PRAGMA integrity_check"), "ok");
        let stored = place.one::<i64>("SELECT count(*) FROM observations") as u64;
        assert!(stored >= committed * BATCH, "{stored} of {} are there", committed * BATCH);
        assert_eq!(
            place.one::<i64>(
                "SELECT count(*) FROM (SELECT 1 FROM observations GROUP BY transmission_id, observer_idx, path_json
                  HAVING count(*) > 1)"
            ),
            0
        );
        assert_eq!(
            place.one::<i64>("SELECT sum(stored) FROM cs_ledger"),
            stored as i64,
            "the account is committed with what it counts"
        );
        assert_eq!(
            place.one::<i64>(
                "SELECT count(*) FROM cs_ledger WHERE received <> stored + duplicate + filtered + rejected"
            ),
            0
        );
    }
    // The lock of a killed process is nobody's.
    place.writer().close().unwrap();
}

#[test]
fn a_database_that_another_process_locks_is_waited_for_and_then_taken() {
    let place = Place::new();
    let mut writer = place.writer();
    let blocker = place.sql();
    blocker.execute_batch("BEGIN IMMEDIATE").unwrap();
    let batch = [heard("A1", &frame(FLOOD, GROUP_TEXT, &[], &text(1)), T0)];
    let error = writer.batch(&batch).unwrap_err();
    assert!(error.is_temporary(), "{error}");
    blocker.execute_batch("ROLLBACK").unwrap();
    assert_eq!(writer.batch(&batch).unwrap().new_observations, 1);
    assert_eq!(place.one::<i64>("SELECT sum(received) FROM cs_ledger"), 1, "the failed try is not counted");
}

/// Not a test by itself: somebody else tries to write the database.
#[test]
fn stranger() {
    let Some(path) = std::env::var_os(STRANGER) else { return };
    let error = Writer::open(std::path::Path::new(&path), Options::default()).map(drop).unwrap_err();
    println!("refused: {error}");
}

#[test]
fn a_file_that_may_not_be_written_is_refused_with_a_sentence() {
    use std::os::unix::fs::PermissionsExt;
    use std::os::unix::process::CommandExt;
    let place = Place::new();
    place.writer().close().unwrap();
    let mode = |path: &std::path::Path, mode| {
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
    };
    mode(&place.db(), 0o444);
    mode(place.dir.path(), 0o755);
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["stranger", "--exact", "--nocapture"]).env(STRANGER, place.db());
    if std::fs::OpenOptions::new().write(true).open(place.db()).is_ok() {
        // Root may write anything: somebody else tries.
        command.uid(65_534).gid(65_534).current_dir("/");
    }
    let refusal = |command: &mut Command| match command.output() {
        Ok(output) => Some(String::from_utf8_lossy(&output.stdout).into_owned()),
        Err(error) => {
            println!("skipped: the other user cannot run this test ({error})");
            None
        }
    };
    let Some(text) = refusal(&mut command) else { return };
    assert!(text.contains("cannot make the writer's lock"), "{text}");
    std::fs::remove_file(corescope_store::db::beside(&place.db(), ".writer.lock")).unwrap();
    mode(place.dir.path(), 0o777);
    let Some(text) = refusal(&mut command) else { return };
    assert!(text.contains("cannot be written by this user"), "{text}");
}

#[test]
fn a_reader_that_holds_the_log_does_not_hold_up_the_writer() {
    let place = Place::new();
    let mut writer = place.writer();
    writer.batch(&messages(0)).unwrap();
    let reader = corescope_store::db::open_read(&place.db()).unwrap();
    reader.execute_batch("BEGIN; SELECT count(*) FROM observations").unwrap();
    let before: i64 = reader.query_row("SELECT count(*) FROM observations", [], |r| r.get(0)).unwrap();
    for batch in 1..20 {
        writer.batch(&messages(batch)).unwrap();
    }
    let plan = corescope_store::jobs::Plan::in_folder(place.dir.path());
    let mut jobs = corescope_store::jobs::Jobs::new(plan, corescope_store::jobs::Now { unix: T0, steady: 0 });
    jobs.run_now(&mut writer, corescope_store::jobs::Job::Checkpoint, T0).unwrap();
    let seen: i64 = reader.query_row("SELECT count(*) FROM observations", [], |r| r.get(0)).unwrap();
    assert_eq!(seen, before, "a reader sees one moment");
    reader.execute_batch("COMMIT").unwrap();
    writer.close().unwrap();
}
