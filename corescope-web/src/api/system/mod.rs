//! What the process tells of itself and of the mesh as a whole.

mod build;
pub mod health;
pub mod ingestor;
pub mod perf;
pub mod process;
pub mod ready;
pub mod stats;
pub mod write_sources;
