//! What the process tests share: real processes that end with the test, a publisher that knows what was
//! acknowledged, and a look into the database.

#![allow(dead_code, reason = "each test binary uses a part of it")]
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

pub mod clock;
pub mod mqtt;
pub mod network;
pub mod proxy;
pub mod served;
pub mod tls;

use std::collections::HashMap;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// How long anything may take before a test gives up: machines are busy.
pub const PATIENCE: Duration = Duration::from_mins(5);

/// Waits for something to become true; panics with what was awaited.
pub fn wait_for(what: &str, mut done: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !done() {
        assert!(begun.elapsed() < PATIENCE, "waited {PATIENCE:?} for {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// The port in a line such as `… http://127.0.0.1:3000`.
pub fn port_of(line: &str) -> u16 {
    let address = line.split("://127.0.0.1:").nth(1).unwrap();
    address.split(|c: char| !c.is_ascii_digit()).next().unwrap().parse().unwrap()
}

/// A process that is killed when the test ends.
pub struct Process {
    child: Child,
    /// What it wrote to standard output and standard error, line by line.
    pub lines: Arc<Mutex<Vec<String>>>,
    name: String,
}

impl Process {
    pub fn start(command: &mut Command) -> Self {
        let name = format!("{command:?}");
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("{name}: {error}"));
        let lines = Arc::new(Mutex::new(Vec::new()));
        let (out, err) = (child.stdout.take().unwrap(), child.stderr.take().unwrap());
        for stream in [Box::new(out) as Box<dyn std::io::Read + Send>, Box::new(err)] {
            let lines = Arc::clone(&lines);
            std::thread::spawn(move || {
                for line in BufReader::new(stream).lines().map_while(Result::ok) {
                    lines.lock().unwrap().push(line);
                }
            });
        }
        Self { child, lines, name }
    }

    /// Waits for a line that contains the text; the line.
    pub fn line(&self, text: &str) -> String {
        let mut found = None;
        wait_for(&format!("{text:?} from {}; it said {:#?}", self.name, self.lines.lock().unwrap()), || {
            found = self.lines.lock().unwrap().iter().find(|line| line.contains(text)).cloned();
            found.is_some()
        });
        found.unwrap()
    }

    pub fn said(&self, text: &str) -> bool {
        self.lines.lock().unwrap().iter().any(|line| line.contains(text))
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    pub fn is_running(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }

    /// kill -9.
    pub fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    pub fn signal(&self, name: &str) {
        let status =
            Command::new("kill").arg(format!("-{name}")).arg(self.pid().to_string()).status().unwrap();
        assert!(status.success());
    }

    /// Waits for its end; the exit code.
    pub fn ended(&mut self) -> Option<i32> {
        let begun = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status.code();
            }
            assert!(
                begun.elapsed() < PATIENCE,
                "{} does not end: {:#?}",
                self.name,
                self.lines.lock().unwrap()
            );
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// SIGTERM, and the exit code.
    pub fn stop(&mut self) -> Option<i32> {
        self.signal("TERM");
        self.ended()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
        if std::thread::panicking() {
            eprintln!("--- {}\n{}", self.name, self.lines.lock().unwrap().join("\n"));
        }
    }
}

/// The command line under test.
pub fn corescope() -> Command {
    program(env!("CARGO_BIN_EXE_corescope-cli"))
}

/// `up` on addresses of this machine only; its own endpoint on this port, 0 being a free one.
pub fn up(data: &Path, mqtt_port: u16) -> Command {
    let mut command = corescope();
    command.args([
        "up",
        "--listen",
        "127.0.0.1:0",
        "--mqtt-listen",
        &format!("127.0.0.1:{mqtt_port}"),
        "--data",
    ]);
    command.arg(data);
    command
}

pub fn ingestor() -> Command {
    program(env!("CARGO_BIN_EXE_corescope-ingestor"))
}

pub fn server() -> Command {
    program(env!("CARGO_BIN_EXE_corescope-server"))
}

/// A program that sees nothing of what the person who runs the tests has configured.
fn program(path: &str) -> Command {
    let mut command = Command::new(path);
    for (name, _) in std::env::vars_os() {
        let text = name.to_string_lossy();
        if text.starts_with("CORESCOPE_")
            || matches!(&*text, "MQTT_BROKER" | "MQTT_TOPIC" | "DB_PATH" | "PORT" | "RUST_LOG")
        {
            command.env_remove(&name);
        }
    }
    command
}

/// A Mosquitto that keeps its state in a folder, on a port of its own.
pub struct Mosquitto {
    pub port: u16,
    folder: PathBuf,
    process: Option<Process>,
}

impl Mosquitto {
    /// None, with a message, where Mosquitto is not installed.
    pub fn start(folder: &Path) -> Option<Self> {
        Self::start_limited(folder, "")
    }

    /// The same with one more line of its configuration.
    pub fn start_limited(folder: &Path, line: &str) -> Option<Self> {
        let port = network::free_port();
        let listener = format!("listener {port} 127.0.0.1\nallow_anonymous true\n{line}\n");
        Self::start_with(folder, port, &listener)
    }

    /// The same with other listeners; `port` is the one that anybody may use.
    pub fn start_with(folder: &Path, port: u16, listeners: &str) -> Option<Self> {
        let program = mosquitto()?;
        let folder = folder.join("mosquitto");
        std::fs::create_dir_all(&folder).unwrap();
        // Run as root, it would become the user mosquitto, who could not write here.
        let config = format!(
            "max_queued_messages 0\npersistence true\npersistence_location {}/\nautosave_interval 0\nuser root\n\
             {listeners}",
            folder.display()
        );
        std::fs::write(folder.join("mosquitto.conf"), config).unwrap();
        let mut broker = Self { port, folder, process: None };
        broker.run(&program);
        Some(broker)
    }

    fn run(&mut self, program: &Path) {
        self.process =
            Some(Process::start(Command::new(program).arg("-c").arg(self.folder.join("mosquitto.conf"))));
        wait_for("Mosquitto to listen", || network::listens(self.port));
    }

    /// Ends it in good order (it saves its state) and starts it again.
    pub fn restart(&mut self) {
        self.stop();
        self.run(&mosquitto().unwrap());
    }

    pub fn stop(&mut self) {
        if let Some(mut process) = self.process.take() {
            process.stop();
        }
    }

    /// STOP freezes it: its connections stand, and nothing comes over them.
    pub fn signal(&self, name: &str) {
        self.process.as_ref().unwrap().signal(name);
    }

    pub fn url(&self) -> String {
        format!("mqtt://127.0.0.1:{}", self.port)
    }
}

fn mosquitto() -> Option<PathBuf> {
    let found = [
        "/usr/sbin/mosquitto",
        "/usr/bin/mosquitto",
        "/usr/local/sbin/mosquitto",
        "/opt/homebrew/sbin/mosquitto",
    ]
    .iter()
    .map(PathBuf::from)
    .find(|path| path.exists());
    if found.is_none() {
        println!("skipped: Mosquitto is not installed (apt-get install mosquitto)");
    }
    found
}

/// One message of a test mesh: what transmission it is, and which observer heard it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Heard {
    pub transmission: u64,
    pub observer: u8,
}

impl Heard {
    /// The frame: a channel text, flood, without path; the number is in its cipher text.
    pub fn raw(self) -> String {
        format!(
            "1500{:02X}{:04X}{:032X}",
            self.transmission % 251,
            self.transmission % 65_521,
            self.transmission
        )
    }

    pub fn observer_id(self) -> String {
        format!("{:02X}", self.observer).repeat(32)
    }

    pub fn topic(self) -> String {
        format!("meshcore/TST/{}/packets", self.observer_id())
    }

    pub fn payload(self) -> String {
        format!(
            r#"{{"origin":"Observer {0}","origin_id":"{1}","timestamp":"2026-06-06T07:52:15.414463+00:00","type":"PACKET","direction":"rx","len":"21","packet_type":"5","route":"F","raw":"{2}","SNR":"-3.{0}","RSSI":"-97"}}"#,
            self.observer,
            self.observer_id(),
            self.raw()
        )
    }
}

/// How often each message is in the database.
pub fn stored(database: &Path) -> HashMap<(String, String), u64> {
    let connection = corescope_store::db::open_read(database).unwrap();
    let mut rows = connection
        .prepare(
            "SELECT t.raw_hex, o.id, COUNT(*) FROM observations b JOIN transmissions t ON t.id = b.transmission_id
             JOIN observers o ON o.rowid = b.observer_idx GROUP BY 1, 2",
        )
        .unwrap();
    rows.query_map([], |row| Ok(((row.get(0)?, row.get(1)?), row.get::<_, i64>(2)? as u64)))
        .unwrap()
        .map(Result::unwrap)
        .collect()
}

/// Waits until every message is stored; then each must be there exactly once, and the file in good order.
pub fn assert_exactly_once(database: &Path, messages: &[Heard]) {
    let mut rows = HashMap::new();
    let mut missing = usize::MAX;
    let begun = Instant::now();
    while missing > 0 && begun.elapsed() < PATIENCE {
        rows = stored(database);
        missing = messages.iter().filter(|m| !rows.contains_key(&(m.raw(), m.observer_id()))).count();
        std::thread::sleep(Duration::from_millis(50));
    }
    assert_eq!(missing, 0, "acknowledged messages are lost, of {}", messages.len());
    let twice = rows.values().filter(|count| **count > 1).count();
    assert_eq!(twice, 0, "observations are there twice");
}

pub fn assert_in_good_order(database: &Path) {
    let connection = corescope_store::db::open_read(database).unwrap();
    let answer: String = connection.query_row("PRAGMA integrity_check", [], |row| row.get(0)).unwrap();
    assert_eq!(answer, "ok");
    let unbalanced: i64 = connection
        .query_row(
            "SELECT COUNT(*) FROM cs_ledger WHERE received <> stored + duplicate + filtered + rejected",
            [],
            |row| row.get(0),
        )
        .unwrap();
    assert_eq!(unbalanced, 0, "lines of the ledger do not balance");
}

/// Nothing was refused, every observation that is there was counted as stored exactly once, and the rest as duplicates:
/// also after the process was killed in the middle.
pub fn assert_accounted_for(database: &Path) {
    let mut rows = HashMap::new();
    for ((_, observer), count) in stored(database) {
        *rows.entry(observer).or_default() += count as i64;
    }
    let connection = corescope_store::db::open_read(database).unwrap();
    let mut lines = connection
        .prepare(
            "SELECT observer, SUM(received), SUM(stored), SUM(duplicate), SUM(filtered + rejected) FROM cs_ledger
             GROUP BY observer",
        )
        .unwrap();
    let mut counted = HashMap::new();
    let mut next = lines.query([]).unwrap();
    while let Some(row) = next.next().unwrap() {
        let observer: String = row.get(0).unwrap();
        let [received, stored, duplicate, refused] = [1, 2, 3, 4].map(|at| row.get::<_, i64>(at).unwrap());
        assert_eq!((received, refused), (stored + duplicate, 0), "{observer}");
        counted.insert(observer, stored);
    }
    assert_eq!(counted, rows, "what the ledger calls stored is not what is there");
}
