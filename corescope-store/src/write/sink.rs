//! The seam between intake and storage.

use super::accepted::Accepted;
use super::error::WriteError;
use super::ledger::Refused;
use super::outcome::BatchReport;
use super::writer::Writer;

/// Where messages go: the narrow seam between intake and storage. Only [`Writer`]
/// implements it.
pub trait Sink: sealed::Sealed {
    /// Stores the messages and the account of those that were refused before, all or
    /// nothing. When this returns, everything is on the disk.
    ///
    /// # Errors
    ///
    /// [`WriteError`]; nothing was stored, and the same batch may be given again.
    fn store(&mut self, messages: &[Accepted], refused: &[Refused]) -> Result<BatchReport, WriteError>;
}

mod sealed {
    pub trait Sealed {}
    impl Sealed for super::Writer {}
}

impl Sink for Writer {
    fn store(&mut self, messages: &[Accepted], refused: &[Refused]) -> Result<BatchReport, WriteError> {
        self.batch_with(messages, refused)
    }
}
