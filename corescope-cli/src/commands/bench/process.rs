//! Processes of this program that are measured, and the folder they work in.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use crate::ask::Server;
use crate::{Exit, Failure};

/// How long a server may take to load its database.
const LOAD: Duration = Duration::from_mins(10);

/// A process that ends with this value.
pub(super) struct Running {
    child: Child,
    out: BufReader<ChildStdout>,
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Running {
    /// Starts this program with its output read from here.
    pub(super) fn start(args: &[&str]) -> Result<Self, Failure> {
        let mut command = Command::new(std::env::current_exe()?);
        let mut child = command.args(args).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        let out = child.stdout.take().ok_or_else(|| Failure::msg(Exit::Io, "a process without output"))?;
        Ok(Self { child, out: BufReader::new(out) })
    }

    /// Starts something that serves and reads its address out of its first line.
    pub(super) fn serving(args: &[&str]) -> Result<(Self, String), Failure> {
        let mut running = Self::start(args)?;
        let line = running.line()?;
        let url = line.split_whitespace().find(|word| word.starts_with("http://")).map(str::to_owned);
        let url = url.ok_or_else(|| Failure::msg(Exit::Failure, format!("{args:?} said {line:?}")))?;
        Ok((running, url))
    }

    /// Serves what lies in a folder, and waits until all of it is loaded.
    pub(super) fn server(data: &Path) -> Result<(Self, String), Failure> {
        let (running, url) =
            Self::serving(&["serve", "--listen", "127.0.0.1:0", "--data", &data.display().to_string()])?;
        let server = Server::new(&url, Duration::from_mins(1))?;
        let begun = Instant::now();
        loop {
            let (_, answer) = server.get("/api/perf")?;
            let perf: serde_json::Value = serde_json::from_slice(&answer).unwrap_or_default();
            if perf["packetStore"]["backgroundLoadComplete"] == true {
                return Ok((running, url));
            }
            if begun.elapsed() > LOAD {
                let text = format!("the server did not load the database within {} s", LOAD.as_secs());
                return Err(Failure::msg(Exit::NotReady, text));
            }
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// The next line it says.
    pub(super) fn line(&mut self) -> Result<String, Failure> {
        let mut line = String::new();
        if self.out.read_line(&mut line)? == 0 {
            return Err(Failure::msg(Exit::Failure, "a process of the measurement ended early"));
        }
        Ok(line)
    }

    /// Tells it that there is nothing more to come.
    pub(super) fn hang_up(&mut self) {
        drop(self.child.stdin.take());
    }

    /// Resident memory in bytes.
    pub(super) fn resident(&self) -> Result<u64, Failure> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id()))?;
        let kb =
            status.lines().find_map(|l| l.strip_prefix("VmRSS:")?.split_whitespace().next()?.parse().ok());
        kb.map(|kb: u64| kb * 1024).ok_or_else(|| Failure::msg(Exit::Failure, "no VmRSS in /proc"))
    }

    /// Processor time that it took so far, of all its threads.
    pub(super) fn processor(&self) -> Result<Duration, Failure> {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.child.id()))?;
        // The name in parentheses may hold blanks; the fields behind it begin with the third.
        let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or("").split_whitespace().collect();
        let ticks = |at: usize| fields.get(at - 3).and_then(|f| f.parse::<u64>().ok()).unwrap_or(0);
        // Linux tells programs hundredths of a second, whatever it counts in itself.
        Ok(Duration::from_millis((ticks(14) + ticks(15)) * 10))
    }
}

/// A folder that is removed with this value.
pub(super) struct Scratch(PathBuf);

impl Scratch {
    /// A new folder for a measurement of this name.
    pub(super) fn new(name: &str) -> Result<Self, Failure> {
        let path = std::env::temp_dir().join(format!("corescope-bench-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&path)?;
        Ok(Self(path))
    }

    /// Where it is.
    pub(super) fn path(&self) -> &Path {
        &self.0
    }

    /// The database in it.
    pub(super) fn db(&self) -> PathBuf {
        self.0.join("meshcore.db")
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
