//! What the operator wants stored, and how. All of it can change while running.

use std::sync::Arc;

use corescope_core::geo::Area;
use corescope_decode::{KeyRing, RegionKeys};

/// How the file is opened. These stand for as long as the writer lives.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Options {
    /// How much a commit waits for.
    pub synchronous: Synchronous,
    /// Pages in the write-ahead log after which a commit moves them into the file. More
    /// pages mean that a page written many times is moved once: less wear of a flash card.
    pub checkpoint_pages: u32,
    /// Rows of a big table up to which its missing indexes are built at once, before the
    /// writer is handed out; above, they are built by [`super::Writer::step_background`].
    pub index_at_once_rows: u64,
    /// What is stored and how.
    pub rules: Rules,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            synchronous: Synchronous::Full,
            checkpoint_pages: 4000,
            index_at_once_rows: 200_000,
            rules: Rules::default(),
        }
    }
}

/// How much a commit waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Synchronous {
    /// Until it is on the disk: what is acknowledged survives a power cut.
    #[default]
    Full,
    /// Until the system has it: a power cut can lose the last seconds, a crash of the
    /// process loses nothing. For SD cards.
    Normal,
}

/// What is stored, and how.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Rules {
    /// Keys of the channels whose messages are decrypted.
    pub channel_keys: Arc<KeyRing>,
    /// Names of the regions that transport codes are matched with.
    pub regions: Arc<RegionKeys>,
    /// Whether an advert with a wrong signature is refused.
    pub validate_signatures: bool,
    /// Whether keys that the firmware reserves (first byte 00 or FF) are refused.
    pub strict: bool,
    /// Where the operator's own nodes are; outside is foreign.
    pub geo_filter: Option<Area>,
    /// What becomes of a foreign advert.
    pub foreign: Foreign,
    /// Whether direct messages of a companion bridge are stored, in clear.
    pub store_direct: bool,
    /// Width of a slot of `observer_metrics`, seconds.
    pub metrics_interval_s: u32,
    /// An observer's row is written at most once in so many seconds.
    pub observer_interval_s: u32,
    /// `last_seen` of a node that was only seen relaying is written at most once in so
    /// many seconds.
    pub relay_interval_s: u32,
    /// Messages are history: what the file knows of a later time, up to this one (unix
    /// seconds), stays. `None`: they come as they are heard.
    pub history_until: Option<i64>,
}

impl Default for Rules {
    fn default() -> Self {
        Self {
            channel_keys: Arc::new(KeyRing::default()),
            regions: Arc::new(RegionKeys::default()),
            validate_signatures: true,
            strict: false,
            geo_filter: None,
            foreign: Foreign::Flag,
            store_direct: false,
            metrics_interval_s: 300,
            observer_interval_s: 10,
            relay_interval_s: 300,
            history_until: None,
        }
    }
}

/// What becomes of an advert from outside the operator's area.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Foreign {
    /// Stored, and its node marked.
    #[default]
    Flag,
    /// Not stored.
    Drop,
}
