//! Rates by wrk.

use std::process::Command;

use crate::{Exit, Failure};

/// Whether wrk is there.
pub(super) fn check() -> Result<(), Failure> {
    match Command::new("wrk").arg("-v").output() {
        Ok(_) => Ok(()),
        Err(_) => Err(Failure::msg(Exit::Usage, "wrk is missing: apt-get install wrk")),
    }
}

/// Requests per second at full load.
pub(super) fn rate(url: &str, connections: usize, seconds: u64) -> Result<f64, Failure> {
    let output = Command::new("wrk")
        .args(["-t1", &format!("-c{connections}"), &format!("-d{seconds}s"), url])
        .output()?;
    let text = String::from_utf8_lossy(&output.stdout);
    let rate = text.lines().find_map(|l| l.trim().strip_prefix("Requests/sec:")?.trim().parse().ok());
    rate.ok_or_else(|| Failure::msg(Exit::Failure, format!("wrk said no rate for {url}: {text}")))
}
