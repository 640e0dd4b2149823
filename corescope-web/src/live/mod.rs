//! The live feed: what the store appends, told to every socket.
//!
//! One thread follows the store, writes each event once and puts it into bounded rings; each
//! socket reads the ring of its kind. A socket that falls behind the ring is told, and catches up
//! from the store if it speaks version 2. `LIVE.md` beside this crate's README has the protocol.

mod backlog;
mod cursor;
mod events;
mod feed;
mod filters;
mod message;
mod original;
mod socket;
mod upgrade;
mod version2;

pub use cursor::{BadCursor, Cursor};
pub(crate) use events::{ClientMessage, ServerMessage};
pub(crate) use feed::start;
pub use feed::{Feed, Figures};
pub(crate) use upgrade::{is_upgrade, upgrade};
