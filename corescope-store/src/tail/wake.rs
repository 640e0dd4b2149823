//! Telling the follower at once that something was committed, from the same process.

use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::time::Duration;

/// Wakes a follower. Cheap to clone and to call: calls while it is awake melt into one.
#[derive(Clone, Debug)]
pub struct Wake {
    sender: SyncSender<()>,
}

impl Wake {
    /// Says that there may be something new.
    pub fn wake(&self) {
        // A full queue means that it is about to look anyway, a closed one that nobody follows any more.
        let _ = self.sender.try_send(());
    }
}

/// The follower's end.
#[derive(Debug)]
pub(super) struct Woken {
    receiver: Receiver<()>,
}

impl Woken {
    pub(super) fn pair() -> (Wake, Self) {
        let (sender, receiver) = sync_channel(1);
        (Wake { sender }, Self { receiver })
    }

    /// Waits for a call, at most this long. True when there was one.
    pub(super) fn wait(&self, at_most: Duration) -> bool {
        match self.receiver.recv_timeout(at_most) {
            Ok(()) => true,
            Err(RecvTimeoutError::Timeout) => false,
            Err(RecvTimeoutError::Disconnected) => {
                std::thread::sleep(at_most);
                false
            }
        }
    }
}
