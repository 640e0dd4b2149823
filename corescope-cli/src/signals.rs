//! What the system asks of a process that runs on.

use tokio::signal::unix::{self, SignalKind};

/// What is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Signal {
    /// SIGTERM or SIGINT: end in good order.
    Stop,
    /// SIGHUP: read the configuration again.
    Reload,
}

/// The signals of this process.
#[derive(Debug)]
pub struct Signals {
    terminate: unix::Signal,
    interrupt: unix::Signal,
    hangup: unix::Signal,
    /// A file that may grow no more: by default this ends the process; the write that fails says it as well.
    _file_size: unix::Signal,
}

impl Signals {
    /// Listens from now on; the default actions are off.
    ///
    /// # Errors
    ///
    /// The system refuses.
    pub fn listen() -> std::io::Result<Self> {
        Ok(Self {
            terminate: unix::signal(SignalKind::terminate())?,
            interrupt: unix::signal(SignalKind::interrupt())?,
            hangup: unix::signal(SignalKind::hangup())?,
            _file_size: unix::signal(SignalKind::from_raw(libc::SIGXFSZ))?,
        })
    }

    /// The next one.
    pub async fn next(&mut self) -> Signal {
        tokio::select! {
            _ = self.terminate.recv() => Signal::Stop,
            _ = self.interrupt.recv() => Signal::Stop,
            _ = self.hangup.recv() => Signal::Reload,
        }
    }
}
