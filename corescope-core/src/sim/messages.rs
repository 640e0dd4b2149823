//! All that a mesh's observers publish, in order of time.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::sync::Arc;

use super::dice::Dice;
use super::emission::Emission;
use super::publish;
use super::traffic::Traffic;
use super::world::Mesh;

/// One MQTT message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// When it is published, in milliseconds since 1970.
    pub time_ms: i64,
    /// Its topic.
    pub topic: String,
    /// Its payload: JSON.
    pub payload: String,
    /// Whether the broker is asked to retain it, as for status messages.
    pub retain: bool,
}

/// How often an observer tells how it is.
const STATUS_EVERY_MS: i64 = 300_000;
/// How long before the first message the traffic begins.
const HEAD_START_MS: i64 = 2000;

/// An endless iterator of [`Message`]s; see [`Mesh::messages`].
#[derive(Debug)]
pub struct Messages {
    mesh: Arc<Mesh>,
    traffic: Traffic,
    coming: Option<Emission>,
    start_ms: i64,
    dice: Dice,
    /// Made, but not yet due. The serial number keeps the order of equal times.
    due: BinaryHeap<Reverse<(i64, u64, Due)>>,
    serial: u64,
}

#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Due {
    Status(usize),
    Packet(Box<(String, String)>),
}

impl Mesh {
    /// What the observers publish from `start_ms` (milliseconds since 1970) on, about
    /// `per_second` messages each second of simulated time. Statuses come first, within a second.
    pub fn messages(self: &Arc<Self>, start_ms: i64, per_second: f64) -> Messages {
        // The first packets are on the air already, so that nobody waits for the first message.
        let traffic = Traffic::with_rate(self, start_ms - HEAD_START_MS, per_second);
        let mut messages = Messages {
            mesh: Arc::clone(self),
            traffic,
            coming: None,
            start_ms,
            dice: Dice::new(self.seed, 4),
            due: BinaryHeap::new(),
            serial: 0,
        };
        for index in 0..self.observers().len() {
            let at_ms = start_ms + messages.dice.below(900) as i64;
            messages.push(at_ms, Due::Status(index));
        }
        messages
    }
}

impl Messages {
    /// The next message. Each packet is shown to `witness` once, before the first message about
    /// it: that is the place to write down what really happened.
    pub fn next_with(&mut self, mut witness: impl FnMut(&Mesh, &Emission)) -> Option<Message> {
        loop {
            if self.coming.is_none() {
                self.coming = self.traffic.next();
            }
            let due_ms = self.due.peek().map(|Reverse((at_ms, ..))| *at_ms);
            match &self.coming {
                // A packet that starts later cannot be published before what is due.
                Some(emission) if due_ms.is_none_or(|due| due >= emission.time_ms.max(self.start_ms)) => {
                    let emission = self.coming.take()?;
                    witness(&self.mesh, &emission);
                    self.publish(&emission);
                }
                _ => return self.pop(),
            }
        }
    }

    fn publish(&mut self, emission: &Emission) {
        for reception in &emission.receptions {
            let uplink_ms = 30 + self.dice.exponential(120.0).min(3000.0) as i64;
            let at_ms = (emission.time_ms + i64::from(reception.delay_ms) + uplink_ms).max(self.start_ms);
            let mesh = Arc::clone(&self.mesh);
            if let Some(message) = publish::packet(&mesh, emission, reception, at_ms) {
                self.push(at_ms, Due::Packet(Box::new((message.topic, message.payload))));
            }
        }
    }

    fn pop(&mut self) -> Option<Message> {
        let Reverse((time_ms, _, due)) = self.due.pop()?;
        match due {
            Due::Packet(message) => {
                let (topic, payload) = *message;
                Some(Message { time_ms, topic, payload, retain: false })
            }
            Due::Status(index) => {
                self.push(time_ms + STATUS_EVERY_MS, Due::Status(index));
                publish::status(&self.mesh, index, time_ms, (time_ms - self.start_ms) / 1000)
            }
        }
    }

    fn push(&mut self, at_ms: i64, due: Due) {
        self.serial += 1;
        self.due.push(Reverse((at_ms, self.serial, due)));
    }
}

impl Iterator for Messages {
    type Item = Message;

    fn next(&mut self) -> Option<Message> {
        self.next_with(|_, _| {})
    }
}
