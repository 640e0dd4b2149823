//! Where `simulate` and `replay` send what they have: a broker, the API, or a file.

mod file;
mod http;
mod mqtt;

pub use file::FileSink;
pub use http::ApiSink;
pub use mqtt::MqttSink;

use crate::Failure;

/// Takes messages, one after another.
pub trait Sink {
    /// Hands one message over. May wait when the other end is slower.
    ///
    /// # Errors
    ///
    /// [`Failure`] when the other end is gone for good.
    fn send(&mut self, time_ms: i64, topic: &str, payload: &str, retain: bool) -> Result<(), Failure>;

    /// Waits until everything has arrived.
    ///
    /// # Errors
    ///
    /// [`Failure`] when something has not.
    fn finish(self: Box<Self>) -> Result<Delivered, Failure>;
}

/// What became of the messages.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Delivered {
    /// Handed over.
    pub sent: u64,
    /// Confirmed by the other end: acknowledged, answered, or written.
    pub confirmed: u64,
    /// Refused by it.
    pub refused: u64,
}
