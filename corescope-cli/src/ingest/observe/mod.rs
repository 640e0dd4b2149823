//! What others may see of intake: metrics, health, and the stats file.

mod figures;
mod http;
mod readiness;
mod stats;

use std::path::PathBuf;
use std::sync::Arc;

pub use http::{Listening, Probe, listen, recorder};
pub use readiness::{Readiness, readiness};
pub use stats::write_stats;

use super::ingestor::Ingestor;
use super::queue::Level;
use super::shared::Shared;
use super::sources::Roster;
use super::writing::WriterDesk;
use crate::place::Place;

/// Everything that can be seen of a running ingestor. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Observed {
    /// What the sources share.
    pub shared: Arc<Shared>,
    /// What the writer says.
    pub desk: Arc<WriterDesk>,
    /// How full the queue is.
    pub level: Arc<Level>,
    /// The sources that run.
    pub roster: Arc<Roster>,
    /// The database.
    pub database: PathBuf,
    /// When a process calls itself not ready.
    pub limits: corescope_core::config::Readiness,
    /// When the process started, Unix milliseconds.
    pub started_ms: i64,
}

impl Observed {
    /// Of this ingestor.
    pub fn of(ingestor: &Ingestor, place: &Place) -> Self {
        Self {
            shared: Arc::clone(&ingestor.shared),
            desk: Arc::clone(&ingestor.desk),
            level: Arc::clone(&ingestor.level),
            roster: Arc::clone(&ingestor.roster),
            database: place.paths.db.clone(),
            limits: place.config.readiness,
            started_ms: super::clock::now_ms(),
        }
    }
}
