//! The duties of the ingestor besides storing messages: the neighbour graph, retention,
//! requests of the server, and what older files still lack.
//!
//! Every job works in steps that hold the write lock for about 100 ms at most, so that
//! messages never wait long: [`Jobs::run_due`] makes one step and says when to come again.
//! A job has a schedule, can be asked for at any time ([`Jobs::request`], or a file in
//! `maintain-requests/`), and leaves its last run in the table `cs_jobs`.

mod blacklist;
mod changes;
mod checkpoint;
mod clock;
mod completeness;
mod edges;
mod job;
mod ledger;
mod metrics;
mod migration;
mod multibyte;
mod neighbours;
mod nodes;
mod observers;
mod packets;
mod plan;
mod prune_requests;
mod receptions;
mod redecrypt;
mod requests;
mod runner;
mod vacuum;
mod work;

pub use clock::Now;
pub use completeness::COMPLETENESS_SUMMARY;
pub use job::Job;
pub use plan::Plan;
pub use requests::{MaintainAnswer, MaintainError, ask, read_answer};
pub use runner::{JobStatus, Jobs, Next};
