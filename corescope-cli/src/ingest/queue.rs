//! The one queue between the sources and the writer, bounded in messages and in bytes.
//!
//! Room is given back when the batch is committed, not when it is taken out: what counts is all that is
//! not yet safe. A full queue makes [`Intake::put`] wait, so that a source stops reading its socket and
//! the broker keeps what it has.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use corescope_store::write::{Accepted, Refused};
use tokio::sync::{Semaphore, mpsc};

use super::receipt::Receipt;

/// What a source hands over.
#[derive(Debug)]
pub enum Work {
    /// A message to store.
    Store(Box<Accepted>),
    /// The account of one that is not stored.
    Refuse(Box<Refused>),
}

/// One message on its way to the disk.
#[derive(Debug)]
pub struct Item {
    /// What is to be done.
    pub work: Work,
    /// Who waits for it.
    pub receipt: Receipt,
    /// Room that it takes, bytes.
    size: u32,
}

/// The sources' end. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Intake {
    sender: mpsc::Sender<Item>,
    room: Arc<Semaphore>,
    largest: u32,
    level: Arc<Level>,
}

/// The writer's end.
#[derive(Debug)]
pub struct Outlet {
    receiver: mpsc::Receiver<Item>,
    room: Arc<Semaphore>,
    level: Arc<Level>,
}

/// How full the queue is.
#[derive(Debug, Default)]
pub struct Level {
    messages: AtomicU64,
    bytes: AtomicU64,
    waits: AtomicU64,
}

impl Level {
    /// Messages that are not committed.
    pub fn messages(&self) -> u64 {
        self.messages.load(Ordering::Relaxed)
    }

    /// Their bytes.
    pub fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }

    /// How often a source had to wait for room.
    pub fn waits(&self) -> u64 {
        self.waits.load(Ordering::Relaxed)
    }
}

/// The writer is gone: nothing can be stored any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Closed;

/// Makes a queue of so many messages and bytes.
pub fn queue(messages: usize, bytes: usize) -> (Intake, Outlet) {
    let bytes = bytes.clamp(1 << 16, 1 << 31);
    let (sender, receiver) = mpsc::channel(messages.clamp(16, 1 << 22));
    let room = Arc::new(Semaphore::new(bytes));
    let level = Arc::new(Level::default());
    let largest = u32::try_from(bytes / 2).unwrap_or(u32::MAX);
    (
        Intake { sender, room: Arc::clone(&room), largest, level: Arc::clone(&level) },
        Outlet { receiver, room, level },
    )
}

impl Intake {
    /// Hands one message over; waits while there is no room.
    ///
    /// Dropping the future hands nothing over.
    ///
    /// # Errors
    ///
    /// [`Closed`] when the writer has ended.
    pub async fn put(&self, work: Work, receipt: Receipt, size: usize) -> Result<(), Closed> {
        let size = u32::try_from(size).unwrap_or(u32::MAX).clamp(64, self.largest);
        if self.room.available_permits() < size as usize || self.sender.capacity() == 0 {
            self.level.waits.fetch_add(1, Ordering::Relaxed);
        }
        let room = self.room.acquire_many(size).await.map_err(|_| Closed)?;
        let slot = self.sender.reserve().await.map_err(|_| Closed)?;
        // Given back by the writer, after the commit.
        room.forget();
        self.level.messages.fetch_add(1, Ordering::Relaxed);
        self.level.bytes.fetch_add(u64::from(size), Ordering::Relaxed);
        slot.send(Item { work, receipt, size });
        Ok(())
    }

    /// How full it is.
    pub fn level(&self) -> &Arc<Level> {
        &self.level
    }
}

impl Outlet {
    /// Takes what is there, at most `limit`, without waiting.
    pub fn take_ready(&mut self, into: &mut Vec<Item>, limit: usize) {
        while into.len() < limit {
            match self.receiver.try_recv() {
                Ok(item) => into.push(item),
                Err(_) => return,
            }
        }
    }

    /// Waits for one message, at most this long. `None` after the time; `Err` when every source has ended.
    ///
    /// # Errors
    ///
    /// [`Closed`]
    pub async fn wait(&mut self, at_most: Duration) -> Result<Option<Item>, Closed> {
        match tokio::time::timeout(at_most, self.receiver.recv()).await {
            Ok(Some(item)) => Ok(Some(item)),
            Ok(None) => Err(Closed),
            Err(_) => Ok(None),
        }
    }

    /// Gives back the room of messages that are committed.
    pub fn release(&self, items: &[Item]) {
        let bytes: u64 = items.iter().map(|item| u64::from(item.size)).sum();
        self.room.add_permits(usize::try_from(bytes).unwrap_or_default());
        self.level.messages.fetch_sub(items.len() as u64, Ordering::Relaxed);
        self.level.bytes.fetch_sub(bytes, Ordering::Relaxed);
    }

    /// Takes no more; sources that wait are told.
    pub fn close(&mut self) {
        self.receiver.close();
        self.room.close();
    }
}

#[cfg(test)]
mod tests {
    use std::borrow::Cow;
    use std::sync::Arc;

    use corescope_store::write::RefusedKind;

    use super::*;

    fn work() -> Work {
        Work::Refuse(Box::new(Refused {
            source: Arc::from("s"),
            observer: None,
            received_at_ms: 0,
            kind: RefusedKind::Rejected,
            reason: Cow::Borrowed("json"),
            count: 1,
        }))
    }

    #[tokio::test]
    async fn room_comes_back_with_the_commit_only() {
        let (intake, mut outlet) = queue(1000, 1 << 16);
        intake.put(work(), Receipt::None, 1 << 15).await.unwrap();
        intake.put(work(), Receipt::None, 1 << 15).await.unwrap();
        let mut third = Box::pin(intake.put(work(), Receipt::None, 64));
        assert!(futures_util::poll!(&mut third).is_pending());
        let mut items = Vec::new();
        outlet.take_ready(&mut items, 10);
        assert_eq!((items.len(), intake.level().messages()), (2, 2));
        assert!(futures_util::poll!(&mut third).is_pending(), "taken out, but not committed");
        outlet.release(&items);
        third.await.unwrap();
        assert_eq!((intake.level().messages(), intake.level().bytes()), (1, 64));
        assert_eq!(intake.level().waits(), 1);
    }

    #[tokio::test]
    async fn a_message_larger_than_the_queue_passes() {
        let (intake, mut outlet) = queue(16, 1 << 16);
        intake.put(work(), Receipt::None, 10 << 20).await.unwrap();
        assert!(outlet.wait(Duration::from_mins(1)).await.unwrap().is_some());
    }

    #[tokio::test]
    async fn waiting_sources_learn_that_the_writer_ended() {
        let (intake, mut outlet) = queue(16, 1 << 16);
        outlet.close();
        assert_eq!(intake.put(work(), Receipt::None, 64).await, Err(Closed));
    }
}
