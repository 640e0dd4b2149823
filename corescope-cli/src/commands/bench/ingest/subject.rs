//! The ingestor under measurement: a process of its own.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use rusqlite::{Connection, OpenFlags};

use super::broker::{Broker, free_port};

/// A running ingestor; killed when dropped.
pub(super) struct Subject {
    child: Child,
    metrics: u16,
    pub(super) database: PathBuf,
}

impl Subject {
    /// Starts it on a folder and waits until it is connected.
    pub(super) fn start(broker: &Broker, folder: &Path, batch_ms: Option<u64>) -> Result<Self> {
        std::fs::create_dir_all(folder)?;
        let metrics = free_port()?;
        let program = std::env::current_exe().context("cannot find this program")?;
        let mut command = Command::new(program);
        command
            .args(["ingest", "--metrics-listen", &format!("127.0.0.1:{metrics}"), "--data"])
            .arg(folder)
            .env("MQTT_BROKER", format!("mqtt://127.0.0.1:{}", broker.port))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        if let Some(ms) = batch_ms {
            command.env("CORESCOPE_DB__BATCHMS", ms.to_string());
        }
        let child = command.spawn().context("cannot start the ingestor")?;
        let subject = Self { child, metrics, database: folder.join("meshcore.db") };
        subject
            .wait("the ingestor to connect", || subject.metric("corescope_source_connected") == Some(1.0))?;
        Ok(subject)
    }

    /// Observations that it has committed.
    pub(super) fn committed(&self) -> u64 {
        self.metric("corescope_observations_total").unwrap_or_default() as u64
    }

    /// Waits for something, at most two minutes.
    pub(super) fn wait(&self, what: &str, done: impl Fn() -> bool) -> Result<()> {
        let begun = Instant::now();
        while !done() {
            ensure!(begun.elapsed() < Duration::from_mins(2), "waited two minutes for {what}");
            std::thread::sleep(Duration::from_millis(10));
        }
        Ok(())
    }

    /// Bytes that it had the system write to storage.
    pub(super) fn written_bytes(&self) -> Result<u64> {
        let text = std::fs::read_to_string(format!("/proc/{}/io", self.child.id()))
            .context("the process counters of /proc are needed")?;
        let line = text.lines().find_map(|line| line.strip_prefix("write_bytes:"));
        line.and_then(|number| number.trim().parse().ok()).context("no write_bytes in /proc/…/io")
    }

    /// A connection that sees each commit at once.
    pub(super) fn read(&self) -> Result<Connection> {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        Ok(Connection::open_with_flags(&self.database, flags)?)
    }

    /// SIGTERM, and waits for the end.
    pub(super) fn stop(mut self) -> Result<()> {
        let pid = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(pid, rustix::process::Signal::TERM)?;
        self.child.wait()?;
        Ok(())
    }

    fn metric(&self, name: &str) -> Option<f64> {
        let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, self.metrics)).ok()?;
        stream.set_read_timeout(Some(Duration::from_secs(10))).ok()?;
        write!(stream, "GET /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").ok()?;
        let mut text = String::new();
        stream.read_to_string(&mut text).ok()?;
        let line = text.lines().find(|line| line.starts_with(name))?;
        line.rsplit(' ').next()?.parse().ok()
    }
}

impl Drop for Subject {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
