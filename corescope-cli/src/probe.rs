//! What `/metrics` and `/readyz` of the server tell.

use corescope_store::memory::Snapshot;
use corescope_web::AppState;

use crate::ingest::observe::{Observed, Probe};

/// A running server, for the metrics listener.
#[derive(Debug, Clone)]
pub struct ServerProbe {
    /// What its routes share.
    pub state: AppState,
}

impl Probe for ServerProbe {
    fn refresh(&self) {
        let (connections, sockets) = self.state.addresses.open();
        metrics::gauge!("corescope_http_connections").set(connections as f64);
        metrics::gauge!("corescope_http_sockets").set(sockets as f64);
        metrics::gauge!("corescope_server_ready").set(if self.state.is_ready() { 1.0 } else { 0.0 });
        metrics::gauge!("corescope_server_uptime_seconds").set(self.state.started.elapsed().as_secs_f64());
        metrics::gauge!("corescope_server_stats_file_age_seconds")
            .set(self.stats_age().map_or(f64::NAN, |age| age as f64));
        store(&self.state.store.snapshot());
    }

    fn more(&self) -> String {
        String::new()
    }

    fn reasons(&self) -> Vec<String> {
        self.state.reasons()
    }
}

/// Where the index store's memory is, and what it holds.
fn store(snapshot: &Snapshot) {
    let held = snapshot.memory_use();
    for (part, bytes) in
        [("segments", held.segments), ("rows_in_full", held.rows_in_full), ("tables", held.tables)]
    {
        metrics::gauge!("corescope_store_bytes", "part" => part).set(bytes as f64);
    }
    metrics::gauge!("corescope_store_budget_bytes").set(held.budget.map_or(f64::INFINITY, |b| b as f64));
    metrics::gauge!("corescope_store_transmissions").set(snapshot.transmission_count() as f64);
    metrics::gauge!("corescope_store_observations").set(snapshot.observation_count() as f64);
    metrics::gauge!("corescope_store_evicted_transmissions").set(snapshot.evicted().transmissions as f64);
    for (defect, count) in snapshot.defects() {
        metrics::gauge!("corescope_store_defects", "kind" => defect.word()).set(*count as f64);
    }
}

/// Intake and server in one process: `up`.
#[derive(Debug, Clone)]
pub struct BothProbe {
    /// Intake, which decides whether the process does its work.
    pub intake: Observed,
    /// The server.
    pub server: ServerProbe,
}

impl Probe for BothProbe {
    fn refresh(&self) {
        self.intake.refresh();
        self.server.refresh();
    }

    fn more(&self) -> String {
        self.intake.more() + &self.server.more()
    }

    fn reasons(&self) -> Vec<String> {
        self.intake.reasons()
    }
}

impl ServerProbe {
    /// Age of the ingestor's stats file, seconds; none where there is no ingestor beside this server.
    fn stats_age(&self) -> Option<u64> {
        let modified = std::fs::metadata(&self.state.paths.stats).ok()?.modified().ok()?;
        // A file of the future is a clock that was set back: young.
        Some(modified.elapsed().map_or(0, |age| age.as_secs()))
    }
}
