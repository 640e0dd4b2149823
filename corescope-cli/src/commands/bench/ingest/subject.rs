//! The ingestor under measurement: a process of its own.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use rusqlite::{Connection, OpenFlags};

use super::broker::{Broker, free_port};

/// A running ingestor; killed when dropped.
pub(super) struct Subject {
    child: Child,
    metrics: u16,
    /// Sees each commit at once; there once the ingestor is connected.
    reader: Option<Connection>,
}

/// How long anything may take.
const PATIENCE: Duration = Duration::from_mins(2);

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
        let mut subject = Self { child, metrics, reader: None };
        subject.wait_until_connected()?;
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        subject.reader = Some(Connection::open_with_flags(folder.join("meshcore.db"), flags)?);
        Ok(subject)
    }

    /// Observations that it has committed, as another connection sees them: asking costs the ingestor nothing.
    pub(super) fn committed(&self) -> Result<u64> {
        let reader = self.reader.as_ref().context("the ingestor is not connected")?;
        let mut newest = reader.prepare_cached("SELECT COALESCE(MAX(id), 0) FROM observations")?;
        Ok(newest.query_row([], |r| r.get::<_, i64>(0))?.unsigned_abs())
    }

    /// Waits until so many observations are committed.
    pub(super) fn wait_for_committed(&self, count: usize) -> Result<()> {
        let begun = Instant::now();
        while self.committed()? < count as u64 {
            ensure!(begun.elapsed() < PATIENCE, "waited {PATIENCE:?} for {count} messages to be committed");
            std::thread::sleep(Duration::from_millis(5));
        }
        Ok(())
    }

    fn wait_until_connected(&self) -> Result<()> {
        let begun = Instant::now();
        while self.metric("corescope_source_connected") != Some(1.0) {
            ensure!(begun.elapsed() < PATIENCE, "waited {PATIENCE:?} for the ingestor to connect");
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
