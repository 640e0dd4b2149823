//! What `/metrics` and `/readyz` of the server tell.

use corescope_web::AppState;

use crate::ingest::observe::Probe;

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
    }

    fn reasons(&self) -> Vec<String> {
        self.state.reasons()
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
