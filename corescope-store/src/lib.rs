//! Storage of a MeshCore analyzer: SQLite on disk, an index store in memory.
//!
//! - [`memory`]: the index store that queries are answered from.
//! - [`tail`]: loads a database into it and follows what is committed.
//! - [`read`]: rows of the database as the store takes them.
//! - [`lookup`]: small questions answered from SQLite directly.
//! - [`check`], [`copy`], [`dump`]: is a database sound, copies of one in use, its text.
//! - [`db`]: opening a file to read it; [`schema`]: what must be in it.
//! - `write` (feature `write`): the one writer, migrations and background jobs.

#![forbid(unsafe_code)]

pub mod check;
#[cfg(feature = "write")]
mod completeness;
pub mod copy;
pub mod db;
pub mod dump;
#[cfg(feature = "write")]
pub mod jobs;
pub mod lookup;
pub mod memory;
#[cfg(feature = "write")]
mod migrate;
pub mod read;
pub mod schema;
pub mod tail;
#[cfg(feature = "write")]
pub mod write;

/// Runs the example of the README.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
