//! What the writer's thread does between batches, besides storing messages.

use corescope_store::write::Writer;

/// The writer's other duties.
#[derive(Debug, Default)]
pub struct Upkeep {}

impl Upkeep {
    /// Does what is due; short enough that messages do not wait for it.
    pub fn run(&mut self, _writer: &mut Writer) {}
}
