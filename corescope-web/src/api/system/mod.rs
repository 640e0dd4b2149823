//! What the process tells of itself and of the mesh as a whole.

pub mod ingestor;
pub mod process;
pub mod stats;
pub mod write_sources;
