//! Loading a database into the index store and following what the ingestor commits to it.

mod follow;
mod wake;

pub use follow::{Follower, Options, follow};
pub use wake::Wake;
