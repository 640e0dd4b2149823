//! What the jobs go by: the operator's settings and where the files are.

use std::path::PathBuf;

use corescope_core::config::{Config, Paths};
use jiff::tz::TimeZone;

/// Settings of the jobs.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Plan {
    /// Nodes not heard for so many days become inactive.
    pub node_days: u64,
    /// Observers not heard for so many days become inactive; `None`: never.
    pub observer_days: Option<u64>,
    /// Packets not heard for so many days are deleted; `None`: never.
    pub packet_days: Option<u64>,
    /// Observer metrics, dropped packets and the ledger are kept so many days.
    pub metrics_days: u64,
    /// Mobile receptions are kept so many days; `None`: for ever.
    pub client_rx_days: Option<u64>,
    /// Neighbour edges not confirmed for so many days are deleted.
    pub edge_days: u64,
    /// Pages given back to the system after each pruning.
    pub vacuum_pages: u64,
    /// Observers that are marked inactive; any case.
    pub observer_blacklist: Vec<String>,
    /// Requests of the server to delete nodes.
    pub prune_requests: PathBuf,
    /// Requests to run a job now.
    pub maintain_requests: PathBuf,
    /// The server's findings about multi-byte paths.
    pub mbcap_snapshot: PathBuf,
    /// Where the operator lives: the daily pruning is done at night.
    pub zone: TimeZone,
}

impl Plan {
    /// The settings of a configuration, and the time zone of the system (`TZ`, `/etc/localtime`).
    pub fn of(config: &Config, paths: &Paths) -> Self {
        Self {
            node_days: config.retention.node_days,
            observer_days: config.retention.observer_days,
            packet_days: config.retention.packet_days,
            metrics_days: config.retention.metrics_days,
            client_rx_days: config.retention.client_rx_days,
            edge_days: config.retention.neighbor_edge_days,
            vacuum_pages: config.db.incremental_vacuum_pages,
            observer_blacklist: config.observer_blacklist.clone(),
            prune_requests: paths.prune_requests.clone(),
            maintain_requests: paths.maintain_requests.clone(),
            mbcap_snapshot: paths.mbcap_snapshot.clone(),
            zone: TimeZone::system(),
        }
    }

    /// The defaults in UTC, with all request folders in `folder`.
    pub fn in_folder(folder: &std::path::Path) -> Self {
        Self {
            node_days: 7,
            observer_days: Some(14),
            packet_days: None,
            metrics_days: 30,
            client_rx_days: None,
            edge_days: 5,
            vacuum_pages: 1024,
            observer_blacklist: Vec::new(),
            prune_requests: folder.join("prune-requests"),
            maintain_requests: folder.join("maintain-requests"),
            mbcap_snapshot: folder.join("mbcap-snapshot"),
            zone: TimeZone::UTC,
        }
    }
}

/// So many days before `now`, unix seconds.
pub(super) fn days_before(now: i64, days: u64) -> i64 {
    now.saturating_sub(i64::try_from(days).unwrap_or(i64::MAX).saturating_mul(86_400))
}
