//! Loading a database into the index store and following what the ingestor commits to it.

mod catch_up;
mod changes;
mod chunks;
mod fill;
mod follow;
mod load;
mod marks;
mod opened;
mod pack;
mod resume;
mod strays;
mod sweep;
mod wake;
mod whole;

use std::path::Path;
use std::time::Duration;

use rusqlite::{Connection, OpenFlags};

pub use follow::{Follower, Options, follow};
pub use wake::Wake;
pub use whole::{Answer, ChannelTally, Judge, Messages, Remembered, Whole, WholeError};

/// A connection that can only read.
fn open(path: &Path) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(Duration::from_secs(5))?;
    connection.pragma_update(None, "query_only", true)?;
    Ok(connection)
}
