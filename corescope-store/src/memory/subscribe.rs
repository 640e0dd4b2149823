//! Being told of every append.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TryRecvError, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::snapshot::Snapshot;

/// One append, with the moment it made.
#[derive(Clone, Debug)]
pub struct Appended {
    /// The store right after it. What it holds stays in memory as long as it is kept.
    pub snapshot: Arc<Snapshot>,
    /// Ids of the new transmissions, ascending.
    pub transmissions: Arc<[i64]>,
    /// The new observations in order of arrival: id of the transmission, id of the observation.
    pub observations: Arc<[(i64, i64)]>,
}

/// Receives appends in order, see [`Store::subscribe`](super::Store::subscribe).
#[derive(Debug)]
pub struct Subscription {
    receiver: Receiver<Appended>,
    lost: Arc<AtomicU64>,
}

impl Subscription {
    /// The next append, waiting for it.
    ///
    /// # Errors
    ///
    /// The store is gone, or nothing came in time.
    pub fn recv_timeout(&self, timeout: Duration) -> Result<Appended, RecvTimeoutError> {
        self.receiver.recv_timeout(timeout)
    }

    /// The next append if it is there.
    ///
    /// # Errors
    ///
    /// The store is gone, or there is none.
    pub fn try_recv(&self) -> Result<Appended, TryRecvError> {
        self.receiver.try_recv()
    }

    /// Appends lost since the last call because the queue was full. Take a snapshot to catch up.
    pub fn take_lost(&self) -> u64 {
        self.lost.swap(0, Ordering::AcqRel)
    }
}

/// The senders' side.
#[derive(Debug, Default)]
pub(crate) struct Subscribers {
    list: Mutex<Vec<(SyncSender<Appended>, Arc<AtomicU64>)>>,
}

impl Subscribers {
    pub(crate) fn add(&self, capacity: usize) -> Subscription {
        let (sender, receiver) = sync_channel(capacity.max(1));
        let lost = Arc::new(AtomicU64::new(0));
        self.list.lock().unwrap_or_else(PoisonError::into_inner).push((sender, Arc::clone(&lost)));
        Subscription { receiver, lost }
    }

    /// Never waits: who is behind loses it and is told.
    pub(crate) fn send(&self, appended: &Appended) {
        let mut list = self.list.lock().unwrap_or_else(PoisonError::into_inner);
        list.retain(|(sender, lost)| match sender.try_send(appended.clone()) {
            Ok(()) => true,
            Err(TrySendError::Full(_)) => {
                lost.fetch_add(1, Ordering::AcqRel);
                true
            }
            Err(TrySendError::Disconnected(_)) => false,
        });
    }
}
