//! Bringing a database of any age up to date.
//!
//! One ordered list. Each entry looks at the file itself and asks "is it already so?":
//! markers were written by programs whose statements had failed. Each runs in
//! transactions that either happen or do not, so that it can be cut off anywhere and
//! goes on at the next start.
//!
//! - [`run_first`]: what the writer cannot work without, before it is handed out.
//! - [`Behind`]: what takes long, in steps of about 100 ms between batches.
//!
//! The rows in `_migrations` and `_async_migrations` that the Go original looks for are
//! written once the state they stand for is reached, so that it can open the file again.

mod advert_count;
mod backfills;
mod behind;
mod default_scope;
mod duplicates;
mod empty_rows;
mod first;
mod indexes;
mod last_packet;
mod markers;
mod node_keys;
mod node_pass;
mod noise_floor;
mod observations_v2;
mod pace;
mod paths;
mod progress;
mod transmissions;
mod view;

pub use backfills::{Backfills, Pass};
pub(crate) use behind::{Behind, PATHS_CURSOR, Stepped, TRANSMISSIONS_CURSOR};
pub(crate) use first::run_first;
pub(crate) use pace::Pace;
pub use progress::{Progress, ProgressLog};
