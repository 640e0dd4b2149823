//! Telling whoever waits that a message is on the disk.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use corescope_store::write::Outcome;
use tokio::sync::{mpsc, oneshot};

/// Who waits for a message to be committed.
#[derive(Debug)]
pub enum Receipt {
    /// Nobody: it came without a promise (QoS 0, a file).
    None,
    /// An MQTT peer waits for the acknowledgement.
    Ack(AckLine, Ack),
    /// Somebody wants to know what became of it.
    Answer(oneshot::Sender<Option<Outcome>>),
}

/// One acknowledgement that is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ack {
    /// The connection it belongs to: one of an earlier connection is dropped, the peer sends again.
    pub connection: u64,
    /// The packet identifier.
    pub id: u16,
}

/// The way back to one source. Cheap to clone.
///
/// Its channel needs no bound of its own: there is at most one acknowledgement for each message in the
/// bounded queue and in the batch.
#[derive(Debug, Clone)]
pub struct AckLine {
    sender: mpsc::UnboundedSender<Vec<Ack>>,
    waiting: Arc<AtomicU64>,
}

/// The source's end.
#[derive(Debug)]
pub struct AckInbox {
    receiver: mpsc::UnboundedReceiver<Vec<Ack>>,
}

/// Makes a way back.
pub fn ack_line() -> (AckLine, AckInbox) {
    let (sender, receiver) = mpsc::unbounded_channel();
    (AckLine { sender, waiting: Arc::default() }, AckInbox { receiver })
}

impl AckLine {
    /// A receipt for one message.
    pub fn receipt(&self, ack: Ack) -> Receipt {
        self.waiting.fetch_add(1, Ordering::Relaxed);
        Receipt::Ack(self.clone(), ack)
    }

    /// Messages of this source that are not acknowledged.
    pub fn waiting(&self) -> u64 {
        self.waiting.load(Ordering::Relaxed)
    }

    fn send(&self, acks: Vec<Ack>) {
        self.waiting.fetch_sub(acks.len() as u64, Ordering::Relaxed);
        // A source that has ended needs no acknowledgements: its peer sends again.
        let _ = self.sender.send(acks);
    }
}

impl AckInbox {
    /// The next acknowledgements; `None` when no message of the source is under way any more and its line is gone.
    pub async fn next(&mut self) -> Option<Vec<Ack>> {
        self.receiver.recv().await
    }

    /// What is there already.
    pub fn ready(&mut self) -> Option<Vec<Ack>> {
        self.receiver.try_recv().ok()
    }
}

/// Tells everybody, in the order of the messages; `outcomes` are those of the receipts.
pub fn deliver(receipts: impl IntoIterator<Item = (Receipt, Option<Outcome>)>) {
    let mut open: Option<(AckLine, Vec<Ack>)> = None;
    let mut others: Vec<(AckLine, Vec<Ack>)> = Vec::new();
    for (receipt, outcome) in receipts {
        match receipt {
            Receipt::None => {}
            // Who asked may have given up waiting.
            Receipt::Answer(sender) => drop(sender.send(outcome)),
            Receipt::Ack(line, ack) => match &mut open {
                Some((current, acks)) if current.sender.same_channel(&line.sender) => acks.push(ack),
                _ => {
                    others.extend(open.take());
                    // A batch of many sources: find the one that was open before, to send one list to each.
                    let known = others.iter().position(|(other, _)| other.sender.same_channel(&line.sender));
                    let (line, mut acks) = match known {
                        Some(at) => others.swap_remove(at),
                        None => (line, Vec::new()),
                    };
                    acks.push(ack);
                    open = Some((line, acks));
                }
            },
        }
    }
    for (line, acks) in others.into_iter().chain(open) {
        line.send(acks);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn each_source_gets_its_own_in_order() {
        let (a, mut inbox_a) = ack_line();
        let (b, mut inbox_b) = ack_line();
        let (answer, answered) = oneshot::channel();
        let ack = |id| Ack { connection: 1, id };
        let batch = vec![
            (a.receipt(ack(1)), Some(Outcome::Noted)),
            (b.receipt(ack(7)), None),
            (Receipt::Answer(answer), Some(Outcome::Noted)),
            (Receipt::None, None),
            (a.receipt(ack(2)), None),
        ];
        assert_eq!(a.waiting(), 2);
        deliver(batch);
        assert_eq!(inbox_a.next().await.unwrap(), [ack(1), ack(2)]);
        assert_eq!(inbox_b.next().await.unwrap(), [ack(7)]);
        assert_eq!(answered.await.unwrap(), Some(Outcome::Noted));
        assert_eq!((a.waiting(), b.waiting()), (0, 0));
    }
}
