//! Messages to a broker at QoS 1.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rumqttc::{Client, Connection, Event, MqttOptions, Packet, QoS};

use super::{Delivered, Sink};
use crate::{Exit, Failure};

/// Messages that may wait between us and the socket.
const QUEUE: usize = 256;
/// Messages that may wait for their acknowledgement.
const IN_FLIGHT: u16 = 100;
/// How long the first connection may take, and how long the last acknowledgements may.
const PATIENCE: Duration = Duration::from_secs(30);

/// A connection that publishes. It reconnects by itself and sends again what was not acknowledged.
pub struct MqttSink {
    client: Client,
    shared: Arc<Shared>,
    worker: Option<JoinHandle<()>>,
    url: String,
    sent: u64,
}

#[derive(Default)]
struct Shared {
    connected: AtomicBool,
    ending: AtomicBool,
    acknowledged: AtomicU64,
    trouble: Mutex<Option<String>>,
}

impl MqttSink {
    /// Connects to `mqtt://[user:password@]host[:port]` and waits until the broker has answered.
    ///
    /// # Errors
    ///
    /// [`Exit::Usage`] for a URL that is none, [`Exit::Io`] when nobody answers within 30 s.
    pub fn connect(url: &str) -> Result<Self, Failure> {
        let (client, connection) = Client::new(options(url)?, QUEUE);
        let shared = Arc::new(Shared::default());
        let worker = std::thread::Builder::new().name("publish".to_owned()).spawn({
            let shared = Arc::clone(&shared);
            move || drive(connection, &shared)
        })?;
        let sink = Self { client, shared, worker: Some(worker), url: without_password(url), sent: 0 };
        let since = Instant::now();
        while !sink.shared.connected.load(Ordering::Acquire) {
            if since.elapsed() > PATIENCE {
                return Err(sink.lost("cannot connect to"));
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(sink)
    }

    fn lost(&self, what: &str) -> Failure {
        let trouble = self.shared.trouble.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let why = trouble.unwrap_or_else(|| "no answer".to_owned());
        Failure::msg(Exit::Io, format_args!("{what} {}: {why}", self.url))
    }
}

impl Sink for MqttSink {
    fn send(&mut self, _time_ms: i64, topic: &str, payload: &str, retain: bool) -> Result<(), Failure> {
        let sent = self.client.publish(topic, QoS::AtLeastOnce, retain, payload.as_bytes());
        sent.map_err(|_| self.lost("lost the connection to"))?;
        self.sent += 1;
        Ok(())
    }

    fn finish(mut self: Box<Self>) -> Result<Delivered, Failure> {
        let mut last = (0, Instant::now());
        loop {
            let acknowledged = self.shared.acknowledged.load(Ordering::Acquire);
            if acknowledged >= self.sent {
                break;
            }
            if acknowledged > last.0 {
                last = (acknowledged, Instant::now());
            }
            if last.1.elapsed() > PATIENCE {
                let missing = self.sent - acknowledged;
                return Err(self.lost(&format!("{missing} messages were not acknowledged by")));
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        self.shared.ending.store(true, Ordering::Release);
        let _ = self.client.disconnect();
        if let Some(worker) = self.worker.take() {
            let _ = worker.join();
        }
        Ok(Delivered { sent: self.sent, confirmed: self.sent, refused: 0 })
    }
}

fn options(url: &str) -> Result<MqttOptions, Failure> {
    let bad = |why: &str| {
        let url = without_password(url);
        Failure::msg(Exit::Usage, format_args!("{url} is no broker address ({why}); write mqtt://host:1883"))
    };
    let rest = url.strip_prefix("mqtt://").or_else(|| url.strip_prefix("tcp://"));
    let rest = rest.ok_or_else(|| bad("only mqtt:// is published to"))?;
    let rest = rest.split(['/', '?']).next().unwrap_or(rest);
    let (login, address) =
        rest.rsplit_once('@').map_or((None, rest), |(login, address)| (Some(login), address));
    let (host, port) = match address.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => {
            (host, port.parse().map_err(|_| bad("the port is no number"))?)
        }
        _ => (address, 1883),
    };
    let host = host.trim_start_matches('[').trim_end_matches(']');
    if host.is_empty() {
        return Err(bad("no host"));
    }
    let mut options = MqttOptions::new(format!("corescope-publish-{}", std::process::id()), host, port);
    options
        .set_keep_alive(Duration::from_secs(20))
        .set_inflight(IN_FLIGHT)
        .set_max_packet_size(1 << 20, 1 << 20);
    if let Some((user, password)) = login.map(|login| login.split_once(':').unwrap_or((login, ""))) {
        options.set_credentials(user, password);
    }
    Ok(options)
}

/// Keeps the connection going until it is told to end.
fn drive(mut connection: Connection, shared: &Shared) {
    for event in connection.iter() {
        match event {
            Ok(Event::Incoming(Packet::ConnAck(_))) => shared.connected.store(true, Ordering::Release),
            Ok(Event::Incoming(Packet::PubAck(_))) => {
                shared.acknowledged.fetch_add(1, Ordering::AcqRel);
            }
            Ok(_) => {}
            Err(_) if shared.ending.load(Ordering::Acquire) => return,
            Err(error) => {
                *shared.trouble.lock().unwrap_or_else(PoisonError::into_inner) = Some(error.to_string());
                std::thread::sleep(Duration::from_millis(500));
            }
        }
    }
}

fn without_password(url: &str) -> String {
    match (url.split_once("://"), url.rsplit_once('@')) {
        (Some((scheme, _)), Some((_, address))) => format!("{scheme}://…@{address}"),
        _ => url.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_and_passwords_never_shown() {
        let options = options("mqtt://anna:geheim@[::1]:1884/x").unwrap();
        assert_eq!(options.broker_address(), ("::1".to_owned(), 1884));
        let login = options.credentials().unwrap();
        assert_eq!((&*login.username, &*login.password), ("anna", "geheim"));
        assert_eq!(
            super::options("mqtt://localhost").unwrap().broker_address(),
            ("localhost".to_owned(), 1883)
        );
        assert_eq!(without_password("mqtt://a:b@h:1"), "mqtt://…@h:1");
        for bad in ["localhost:1883", "http://x", "mqtt://", "mqtt://x:port", "mqtts://a:b@x"] {
            let failure = super::options(bad).unwrap_err();
            assert_eq!(failure.exit(), Exit::Usage, "{bad}");
            assert!(!failure.to_string().contains("a:b"), "{failure}");
        }
    }
}
