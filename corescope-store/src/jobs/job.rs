//! The jobs and their schedules.

use super::plan::Plan;
use super::work::Work;
use super::{
    blacklist, changes, checkpoint, completeness, edges, ledger, metrics, migration, multibyte, neighbours,
    nodes, observers, packets, prune_requests, receptions, redecrypt, vacuum,
};

/// A duty of the ingestor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Job {
    /// What older files still lack.
    Migrate,
    /// Neighbour edges from new observations.
    Neighbours,
    /// Edges that nobody confirmed for long.
    PruneEdges,
    /// Nodes that nobody heard for long become inactive.
    PruneNodes,
    /// Observers that said nothing for long become inactive.
    PruneObservers,
    /// Old packets.
    PrunePackets,
    /// Old metrics, dropped packets, ledger.
    PruneMetrics,
    /// Old mobile receptions.
    PruneReceptions,
    /// Free pages go back to the system.
    Vacuum,
    /// The server's findings about multi-byte paths.
    Multibyte,
    /// Nodes that the server was asked to delete.
    PruneRequests,
    /// Observers on the blacklist become inactive.
    Blacklist,
    /// Messages that a newly learned key opens. Only on request.
    Redecrypt,
    /// Minutes of the ledger become hours.
    FoldLedger,
    /// Old notices of changes.
    TrimChanges,
    /// The log is moved into the file.
    Checkpoint,
    /// How much of what observers heard arrived.
    Completeness,
}

const MINUTE: i64 = 60;
const HOUR: i64 = 3_600;
const DAY: i64 = 86_400;

/// When a job runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Schedule {
    /// So many seconds after the start, then every so many seconds.
    Every {
        /// Seconds after the start.
        first: i64,
        /// Seconds between a start and the next.
        then: i64,
    },
    /// So many seconds after the start, then at night.
    Nightly {
        /// Seconds after the start.
        first: i64,
    },
    /// Only when asked for.
    OnRequest,
}

impl Job {
    /// All of them, in the order in which those that are due together run.
    pub const ALL: [Self; 17] = [
        Self::Migrate,
        Self::Blacklist,
        Self::PruneRequests,
        Self::Neighbours,
        Self::Multibyte,
        Self::PruneNodes,
        Self::PruneObservers,
        Self::PruneMetrics,
        Self::PruneReceptions,
        Self::PrunePackets,
        Self::PruneEdges,
        Self::Completeness,
        Self::FoldLedger,
        Self::TrimChanges,
        Self::Redecrypt,
        Self::Vacuum,
        Self::Checkpoint,
    ];

    /// Its name on the command line and in `cs_jobs`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Migrate => "migrate",
            Self::Neighbours => "neighbours",
            Self::PruneEdges => "prune-edges",
            Self::PruneNodes => "prune-nodes",
            Self::PruneObservers => "prune-observers",
            Self::PrunePackets => "prune-packets",
            Self::PruneMetrics => "prune-metrics",
            Self::PruneReceptions => "prune-receptions",
            Self::Vacuum => "vacuum",
            Self::Multibyte => "multibyte",
            Self::PruneRequests => "prune-requests",
            Self::Blacklist => "blacklist",
            Self::Redecrypt => "redecrypt",
            Self::FoldLedger => "fold-ledger",
            Self::TrimChanges => "trim-changes",
            Self::Checkpoint => "checkpoint",
            Self::Completeness => "completeness",
        }
    }

    /// What it does, in a line.
    pub fn purpose(self) -> &'static str {
        match self {
            Self::Migrate => "fill what an older file still lacks: indexes, columns, paths",
            Self::Neighbours => "count neighbour edges from new observations",
            Self::PruneEdges => "delete edges older than neighborEdgesMaxAgeDays",
            Self::PruneNodes => "move nodes older than retention.nodeDays to inactive_nodes",
            Self::PruneObservers => "mark observers older than retention.observerDays inactive",
            Self::PrunePackets => "delete packets older than retention.packetDays",
            Self::PruneMetrics => {
                "delete metrics, dropped packets and ledger older than retention.metricsDays"
            }
            Self::PruneReceptions => "delete mobile receptions older than retention.clientRxDays",
            Self::Vacuum => "give free pages back to the system",
            Self::Multibyte => "take over the server's findings about multi-byte paths",
            Self::PruneRequests => "delete the nodes that the server was asked to delete",
            Self::Blacklist => "mark observers on the blacklist inactive",
            Self::Redecrypt => "decrypt stored messages with the keys of today",
            Self::FoldLedger => "sum up minutes of the ledger to hours after two days",
            Self::TrimChanges => "delete old notices of changes",
            Self::Checkpoint => "move the write-ahead log into the file",
            Self::Completeness => "estimate how much of what observers heard arrived",
        }
    }

    /// The job with this name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|job| job.name() == name)
    }

    pub(super) fn schedule(self) -> Schedule {
        match self {
            Self::Migrate | Self::Blacklist => Schedule::Every { first: 0, then: i64::MAX / 4 },
            Self::Neighbours => Schedule::Every { first: 0, then: MINUTE },
            Self::PruneRequests => Schedule::Every { first: 0, then: 15 },
            Self::Multibyte => Schedule::Every { first: 2 * MINUTE, then: 5 * MINUTE },
            Self::PruneNodes => Schedule::Every { first: 5, then: HOUR },
            Self::PruneObservers => Schedule::Every { first: 90, then: DAY },
            Self::PruneMetrics => Schedule::Every { first: 10, then: DAY },
            Self::PruneReceptions | Self::PrunePackets => Schedule::Nightly { first: 30 },
            Self::PruneEdges => Schedule::Every { first: 4 * MINUTE, then: DAY },
            Self::FoldLedger => Schedule::Every { first: 3 * MINUTE, then: HOUR },
            Self::TrimChanges => Schedule::Every { first: 10 * MINUTE, then: 10 * MINUTE },
            Self::Checkpoint => Schedule::Every { first: 30, then: 10 * MINUTE },
            Self::Completeness => Schedule::Every { first: MINUTE, then: 15 * MINUTE },
            // The runner asks for it after a job that deleted rows.
            Self::Vacuum | Self::Redecrypt => Schedule::OnRequest,
        }
    }

    /// Whether pages may be free afterwards.
    pub(super) fn deletes(self) -> bool {
        self.goes_by_age() || matches!(self, Self::FoldLedger | Self::TrimChanges)
    }

    /// Whether it deletes what the clock calls old.
    pub(super) fn goes_by_age(self) -> bool {
        matches!(
            self,
            Self::PruneEdges
                | Self::PruneNodes
                | Self::PruneObservers
                | Self::PrunePackets
                | Self::PruneMetrics
                | Self::PruneReceptions
        )
    }

    /// Whether its runs are worth a row in `cs_jobs` even if they changed nothing.
    pub(super) fn is_rare(self) -> bool {
        !matches!(
            self,
            Self::Neighbours | Self::PruneRequests | Self::Multibyte | Self::Checkpoint | Self::Completeness
        )
    }

    pub(super) fn start(self, _plan: &Plan) -> Box<dyn Work> {
        match self {
            Self::Migrate => Box::new(migration::Migration::default()),
            Self::Neighbours => Box::new(neighbours::Neighbours::default()),
            Self::PruneEdges => Box::new(edges::PruneEdges),
            Self::PruneNodes => Box::new(nodes::PruneNodes),
            Self::PruneObservers => Box::new(observers::PruneObservers::default()),
            Self::PrunePackets => Box::new(packets::PrunePackets::default()),
            Self::PruneMetrics => Box::new(metrics::PruneMetrics::default()),
            Self::PruneReceptions => Box::new(receptions::PruneReceptions::default()),
            Self::Vacuum => Box::new(vacuum::Vacuum::default()),
            Self::Multibyte => Box::new(multibyte::Multibyte::default()),
            Self::PruneRequests => Box::new(prune_requests::PruneRequests::default()),
            Self::Blacklist => Box::new(blacklist::Blacklist::default()),
            Self::Redecrypt => Box::new(redecrypt::Redecrypt::default()),
            Self::FoldLedger => Box::new(ledger::FoldLedger::default()),
            Self::TrimChanges => Box::new(changes::TrimChanges),
            Self::Checkpoint => Box::new(checkpoint::Checkpoint),
            Self::Completeness => Box::new(completeness::Completeness::default()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_job_has_one_name() {
        for job in Job::ALL {
            assert_eq!(Job::from_name(job.name()), Some(job));
            assert!(!job.purpose().is_empty());
        }
        assert_eq!(Job::from_name("nonsense"), None);
    }
}
