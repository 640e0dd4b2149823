//! How one source is doing: written by its task, read by everybody.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use serde_json::{Value, json};

use crate::ingest::clock::steady_ms;

/// How one source is doing.
#[derive(Debug)]
pub struct SourceStatus {
    /// Its name.
    pub name: String,
    /// Its address, without a password.
    pub broker: String,
    connected: AtomicBool,
    last_connect_ms: AtomicI64,
    last_disconnect_ms: AtomicI64,
    last_message_ms: AtomicI64,
    /// The last connection and the last message by the steady clock; 0: never.
    came_ms: AtomicI64,
    spoke_ms: AtomicI64,
    /// When its watch last looked at it, Unix milliseconds; 0: nobody watches it.
    watched_ms: AtomicI64,
    connects: AtomicU64,
    disconnects: AtomicU64,
    messages: AtomicU64,
    bytes: AtomicU64,
    resumed: AtomicU64,
    /// What we ask the broker for; `None`: there is no broker to ask (our own endpoint).
    asked: Option<Asked>,
    granted_qos: AtomicI64,
    last_error: Mutex<Option<String>>,
    recent: Mutex<Recent>,
    outages: Mutex<Outages>,
}

/// Outages that are kept until somebody takes them; beyond, two become one.
const MOST_OUTAGES: usize = 256;

/// When the source was not connected.
#[derive(Debug, Default)]
struct Outages {
    /// The one that lasts, unix seconds.
    since: Option<i64>,
    /// Start, end, and whether the broker still had our session.
    ended: VecDeque<(i64, i64, bool)>,
}

impl Outages {
    fn end(&mut self, until: i64, resumed: bool) {
        let Some(since) = self.since.take() else { return };
        if self.ended.len() >= MOST_OUTAGES
            && let Some((_, last, was_resumed)) = self.ended.back_mut()
        {
            (*last, *was_resumed) = (until, resumed);
        } else {
            self.ended.push_back((since, until, resumed));
        }
    }
}

/// What we ask a broker for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Asked {
    /// Quality of service of the subscriptions: 0 or 1.
    pub qos: u8,
    /// Whether the broker is to forget us when the connection ends.
    pub clean_session: bool,
}

/// A copy of the figures at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceFigures {
    /// Whether the connection stands.
    pub connected: bool,
    /// Unix milliseconds; `None`: never.
    pub last_connect_ms: Option<i64>,
    /// Unix milliseconds; `None`: never.
    pub last_disconnect_ms: Option<i64>,
    /// Unix milliseconds; `None`: never.
    pub last_message_ms: Option<i64>,
    /// The last connection, by the steady clock, milliseconds; `None`: never.
    pub came_ms: Option<i64>,
    /// The last message, by the steady clock, milliseconds; `None`: never.
    pub spoke_ms: Option<i64>,
    /// Connections made.
    pub connects: u64,
    /// Connections lost.
    pub disconnects: u64,
    /// Messages received.
    pub messages: u64,
    /// Bytes of their payloads.
    pub bytes: u64,
    /// Connections at which the broker still had our session.
    pub resumed: u64,
    /// Quality of service that the broker granted.
    pub granted_qos: Option<u8>,
    /// Messages of the last five minutes.
    pub last_5m: u64,
    /// Why the last attempt failed or the last connection was lost.
    pub last_error: Option<String>,
}

impl SourceStatus {
    /// Nothing has happened yet.
    pub fn new(name: &str, broker: &str) -> Self {
        Self {
            name: name.to_owned(),
            broker: broker.to_owned(),
            connected: AtomicBool::new(false),
            last_connect_ms: AtomicI64::new(0),
            last_disconnect_ms: AtomicI64::new(0),
            last_message_ms: AtomicI64::new(0),
            came_ms: AtomicI64::new(0),
            spoke_ms: AtomicI64::new(0),
            watched_ms: AtomicI64::new(0),
            connects: AtomicU64::new(0),
            disconnects: AtomicU64::new(0),
            messages: AtomicU64::new(0),
            bytes: AtomicU64::new(0),
            resumed: AtomicU64::new(0),
            asked: None,
            granted_qos: AtomicI64::new(-1),
            last_error: Mutex::new(None),
            recent: Mutex::default(),
            outages: Mutex::default(),
        }
    }

    /// It was connected last at this time (unix seconds), in an earlier process.
    pub fn was_alive(&self, until: i64) {
        let mut outages = lock(&self.outages);
        let first = self.last_connect_ms.load(Ordering::Relaxed);
        outages.since.get_or_insert(until);
        if first != 0 {
            outages.end(first.div_euclid(1000), false);
        }
    }

    /// Outages that are over, each once: start and end (unix seconds), and whether the broker still had our session.
    pub fn take_outages(&self) -> Vec<(i64, i64, bool)> {
        lock(&self.outages).ended.drain(..).collect()
    }

    /// Whether the connection stands.
    pub fn is_connected(&self) -> bool {
        self.connected.load(Ordering::Relaxed)
    }

    /// Until when it is known to have been connected, unix seconds; `None`: never.
    pub fn alive_until(&self, now: i64) -> Option<i64> {
        if self.is_connected() { Some(now) } else { lock(&self.outages).since }
    }

    fn lost(&self, now_ms: i64) {
        if self.connected.swap(false, Ordering::Relaxed) {
            self.last_disconnect_ms.store(now_ms, Ordering::Relaxed);
            self.disconnects.fetch_add(1, Ordering::Relaxed);
            lock(&self.outages).since = Some(now_ms.div_euclid(1000));
        }
    }

    /// Of a broker that is asked for this.
    #[must_use]
    pub fn asking(self, asked: Asked) -> Self {
        Self { asked: Some(asked), ..self }
    }

    /// Why messages of this source can be lost between the broker and us although we acknowledge only what is stored;
    /// `None` while they cannot (what the publisher itself sends at QoS 0 is another matter: nobody can tell here).
    pub fn may_lose(&self) -> Option<&'static str> {
        let asked = self.asked?;
        if asked.qos == 0 {
            return Some("qos is 0: what is under way when the connection or the process ends is lost");
        }
        if self.granted_qos.load(Ordering::Relaxed) == 0 {
            return Some("the broker grants QoS 0 only: what is under way when the connection ends is lost");
        }
        asked.clean_session.then_some("cleanSession is true: the broker keeps nothing while we are away")
    }

    /// The connection stands.
    pub fn connected(&self, now_ms: i64, session_present: bool) {
        self.connected.store(true, Ordering::Relaxed);
        self.last_connect_ms.store(now_ms, Ordering::Relaxed);
        self.came_ms.store(steady_ms(), Ordering::Relaxed);
        self.connects.fetch_add(1, Ordering::Relaxed);
        lock(&self.outages).end(now_ms.div_euclid(1000), session_present);
        if session_present {
            self.resumed.fetch_add(1, Ordering::Relaxed);
        }
        metrics::counter!("corescope_source_connects_total", "source" => self.name.clone()).increment(1);
        metrics::gauge!("corescope_source_connected", "source" => self.name.clone()).set(1.0);
    }

    /// The broker answered the subscription.
    pub fn granted(&self, qos: u8) {
        self.granted_qos.store(i64::from(qos), Ordering::Relaxed);
    }

    /// The connection is lost, or could not be made.
    pub fn failed(&self, now_ms: i64, error: &str) {
        self.lost(now_ms);
        *lock(&self.last_error) = Some(error.to_owned());
        metrics::counter!("corescope_source_failures_total", "source" => self.name.clone()).increment(1);
        metrics::gauge!("corescope_source_connected", "source" => self.name.clone()).set(0.0);
    }

    /// We ended the connection ourselves.
    pub fn closed(&self, now_ms: i64) {
        self.lost(now_ms);
        metrics::gauge!("corescope_source_connected", "source" => self.name.clone()).set(0.0);
    }

    /// Its watch has looked at it.
    pub fn watched(&self, now_ms: i64) {
        self.watched_ms.store(now_ms, Ordering::Relaxed);
    }

    /// When its watch last looked at it, Unix milliseconds; `None`: nobody watches it.
    pub fn last_watched_ms(&self) -> Option<i64> {
        Some(self.watched_ms.load(Ordering::Relaxed)).filter(|ms| *ms != 0)
    }

    /// A message came.
    pub fn received(&self, now_ms: i64, bytes: usize) {
        self.last_message_ms.store(now_ms, Ordering::Relaxed);
        self.spoke_ms.store(steady_ms(), Ordering::Relaxed);
        self.messages.fetch_add(1, Ordering::Relaxed);
        self.bytes.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    /// The figures now.
    pub fn figures(&self, now_ms: i64) -> SourceFigures {
        let at = |time: &AtomicI64| Some(time.load(Ordering::Relaxed)).filter(|ms| *ms != 0);
        let messages = self.messages.load(Ordering::Relaxed);
        SourceFigures {
            connected: self.connected.load(Ordering::Relaxed),
            last_connect_ms: at(&self.last_connect_ms),
            last_disconnect_ms: at(&self.last_disconnect_ms),
            last_message_ms: at(&self.last_message_ms),
            came_ms: at(&self.came_ms),
            spoke_ms: at(&self.spoke_ms),
            connects: self.connects.load(Ordering::Relaxed),
            disconnects: self.disconnects.load(Ordering::Relaxed),
            messages,
            bytes: self.bytes.load(Ordering::Relaxed),
            resumed: self.resumed.load(Ordering::Relaxed),
            granted_qos: u8::try_from(self.granted_qos.load(Ordering::Relaxed)).ok(),
            last_5m: lock(&self.recent).since(now_ms, messages),
            last_error: lock(&self.last_error).clone(),
        }
    }

    /// The entry of the stats file, in the original's spelling and with figures of ours.
    pub fn to_json(&self, now_ms: i64) -> Value {
        let figures = self.figures(now_ms);
        let secs = |ms: Option<i64>| ms.map_or(0, |ms| ms.div_euclid(1000));
        let mut entry = json!({
            "name": self.name,
            "broker": self.broker,
            "connected": figures.connected,
            "lastConnectUnix": secs(figures.last_connect_ms),
            "lastDisconnectUnix": secs(figures.last_disconnect_ms),
            "lastPacketUnix": secs(figures.last_message_ms),
            "connectCount": figures.connects,
            "disconnectCount": figures.disconnects,
            "packetsTotal": figures.messages,
            "packetsLast5m": figures.last_5m,
            "bytesTotal": figures.bytes,
            "sessionsResumed": figures.resumed,
            "askedQos": self.asked.map(|asked| asked.qos),
            "grantedQos": figures.granted_qos,
            "mayLose": self.may_lose(),
        });
        if let (Some(error), Some(map)) = (figures.last_error, entry.as_object_mut()) {
            map.insert("lastError".into(), error.into());
        }
        entry
    }
}

/// Totals at the full minutes of the last five.
#[derive(Debug, Default)]
struct Recent {
    marks: VecDeque<(i64, u64)>,
}

impl Recent {
    /// Messages since five minutes ago, given the total now. Asked at least once a minute, it is right to a minute.
    fn since(&mut self, now_ms: i64, total: u64) -> u64 {
        let minute = now_ms.div_euclid(60_000);
        if self.marks.is_empty() {
            // What came before the first question came since the start.
            self.marks.push_back((minute, 0));
        }
        if self.marks.back().is_none_or(|(at, _)| *at != minute) {
            self.marks.push_back((minute, total));
        }
        while self.marks.len() > 1 && self.marks.front().is_some_and(|(at, _)| minute - at > 5) {
            self.marks.pop_front();
        }
        // A clock that jumps back leaves marks of the future.
        self.marks.retain(|(at, _)| *at <= minute);
        total.saturating_sub(self.marks.front().map_or(total, |(_, then)| *then))
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_source_that_may_lose_says_so() {
        let source = |qos, clean_session| SourceStatus::new("a", "b").asking(Asked { qos, clean_session });
        let endpoint = SourceStatus::new("endpoint", "b");
        assert_eq!((endpoint.may_lose(), endpoint.to_json(0)["askedQos"].as_i64()), (None, None));
        let good = source(1, false);
        assert_eq!(good.may_lose(), None, "nothing is granted yet, and nothing has come");
        good.granted(1);
        assert_eq!(good.may_lose(), None);
        good.granted(0);
        assert!(good.may_lose().unwrap().contains("grants QoS 0"));
        assert!(source(0, false).may_lose().unwrap().contains("qos is 0"));
        assert!(source(1, true).to_json(0)["mayLose"].as_str().unwrap().contains("cleanSession"));
    }

    #[test]
    fn outages_are_told_once() {
        let status = SourceStatus::new("a", "b");
        status.was_alive(50);
        assert_eq!(status.take_outages(), []);
        status.connected(100_000, true);
        assert_eq!(status.take_outages(), [(50, 100, true)]);
        status.failed(200_000, "gone");
        status.failed(201_000, "still gone");
        assert_eq!(status.alive_until(999), Some(200));
        status.connected(260_000, false);
        assert_eq!(status.take_outages(), [(200, 260, false)]);
        assert_eq!(status.alive_until(999), Some(999));
        assert_eq!(status.take_outages(), []);
        for second in 0..1_000 {
            status.closed(300_000 + second * 10_000);
            status.connected(305_000 + second * 10_000, false);
        }
        let outages = status.take_outages();
        assert_eq!(outages.len(), MOST_OUTAGES);
        assert_eq!(outages.last().map(|outage| outage.1), Some(10_295));
        let endpoint = SourceStatus::new("endpoint", "b");
        endpoint.connected(9_000, false);
        endpoint.was_alive(2);
        assert_eq!(endpoint.take_outages(), [(2, 9, false)]);
    }

    #[test]
    fn figures_follow_what_happens() {
        let status = SourceStatus::new("a", "mqtt://h:1883");
        status.connected(1000, false);
        status.received(2000, 10);
        status.received(3000, 10);
        let figures = status.figures(3000);
        assert!(figures.connected);
        assert_eq!((figures.messages, figures.bytes, figures.last_5m), (2, 20, 2));
        status.failed(4000, "gone");
        status.failed(5000, "still gone");
        let figures = status.figures(10 * 60_000);
        assert_eq!((figures.connects, figures.disconnects, figures.last_5m), (1, 1, 0));
        assert_eq!(status.to_json(10 * 60_000)["lastError"], "still gone");
    }
}
