//! Rates by wrk.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::commands::bench::process::Running;
use crate::{Exit, Failure};

/// Whether wrk is there.
pub(super) fn check() -> Result<(), Failure> {
    match Command::new("wrk").arg("-v").output() {
        Ok(_) => Ok(()),
        Err(_) => Err(Failure::msg(Exit::Usage, "wrk is missing: apt-get install wrk")),
    }
}

/// Writes a script for wrk that asks for these paths in turn.
pub(super) fn requests(script: &Path, paths: &[String]) -> Result<PathBuf, Failure> {
    let mut text = String::from("local requests = {}\nfunction init()\n");
    for path in paths {
        // A path of the API holds nothing that a quoted Lua text would need escaped but these two.
        let path = path.replace('\\', "\\\\").replace('"', "\\\"");
        text.push_str(&format!("  requests[#requests + 1] = wrk.format(\"GET\", \"{path}\")\n"));
    }
    text.push_str(
        "end\nlocal at = 0\nfunction request()\n  at = at % #requests + 1\n  return requests[at]\nend\n",
    );
    std::fs::write(script, text)?;
    Ok(script.to_owned())
}

/// What full load gave.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Load {
    /// Requests per second.
    pub(super) rate: f64,
    /// Processor time of the server per request, in microseconds.
    pub(super) processor_us: f64,
}

impl Load {
    /// The better of both in each figure.
    pub(super) fn or_better(self, other: Self) -> Self {
        let less = if self.processor_us > 0.0 {
            self.processor_us.min(other.processor_us)
        } else {
            other.processor_us
        };
        Self { rate: self.rate.max(other.rate), processor_us: less }
    }
}

/// Asks as fast as it goes.
pub(super) fn load(
    server: &Running,
    url: &str,
    script: &Path,
    connections: usize,
    seconds: u64,
) -> Result<Load, Failure> {
    let before = server.processor()?;
    let output = Command::new("wrk")
        .args(["-t1", &format!("-c{connections}"), &format!("-d{seconds}s"), "-s"])
        .arg(script)
        .arg(url)
        .output()?;
    let processor = server.processor()?.saturating_sub(before);
    let text = String::from_utf8_lossy(&output.stdout);
    if text.contains("Non-2xx") {
        return Err(Failure::msg(Exit::Failure, format!("{url} refused requests of wrk: {text}")));
    }
    let figures = || {
        let rate = text.lines().find_map(|l| l.trim().strip_prefix("Requests/sec:")?.trim().parse().ok())?;
        let count: f64 = text.lines().find_map(|l| l.trim().split_once(" requests in ")?.0.parse().ok())?;
        Some(Load { rate, processor_us: processor.as_micros() as f64 / count.max(1.0) })
    };
    figures().ok_or_else(|| Failure::msg(Exit::Failure, format!("wrk said no rate for {url}: {text}")))
}
