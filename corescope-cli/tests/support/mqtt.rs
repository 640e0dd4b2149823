//! A small MQTT 3.1.1 publisher that knows which of its messages were acknowledged, sends the others again after
//! each reconnect, and never gives up.

use std::collections::{BTreeMap, VecDeque};
use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::Heard;

/// Messages that are sent and not acknowledged, at most.
const WINDOW: usize = 50;

/// A publisher on a thread of its own.
pub struct Publisher {
    acknowledged: Arc<Mutex<Vec<Heard>>>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<usize>>,
}

impl Publisher {
    /// Publishes each transmission as heard by four observers, at about this rate, until it is told to stop.
    pub fn start(port: u16, client_id: &str, first: u64, per_second: f64) -> Self {
        let acknowledged = Arc::new(Mutex::new(Vec::new()));
        let stop = Arc::new(AtomicBool::new(false));
        let work = Work {
            port,
            client_id: client_id.to_owned(),
            next: (0..).map(move |n| Heard { transmission: first + n / 4, observer: (n % 4) as u8 + 1 }),
            per_second,
            again: VecDeque::new(),
            acknowledged: Arc::clone(&acknowledged),
            stop: Arc::clone(&stop),
        };
        let thread = Some(std::thread::spawn(move || work.run()));
        Self { acknowledged, stop, thread }
    }

    pub fn acknowledged(&self) -> usize {
        self.acknowledged.lock().unwrap().len()
    }

    /// Sends nothing new, waits until everything sent is acknowledged (or the patience is over); what was.
    pub fn finish(mut self) -> Vec<Heard> {
        self.stop.store(true, Ordering::Relaxed);
        let left = self.thread.take().unwrap().join().unwrap();
        assert_eq!(left, 0, "messages were never acknowledged");
        std::mem::take(&mut self.acknowledged.lock().unwrap())
    }
}

struct Work<I> {
    port: u16,
    client_id: String,
    next: I,
    per_second: f64,
    /// Sent on an earlier connection and not acknowledged there.
    again: VecDeque<Heard>,
    acknowledged: Arc<Mutex<Vec<Heard>>>,
    stop: Arc<AtomicBool>,
}

impl<I: Iterator<Item = Heard>> Work<I> {
    /// Runs to the end; how many messages were never acknowledged.
    fn run(mut self) -> usize {
        let mut stopped: Option<Instant> = None;
        loop {
            let mut open = BTreeMap::new();
            let _ = self.connection(&mut open);
            self.again.extend(open.into_values());
            if self.stop.load(Ordering::Relaxed) {
                let since = *stopped.get_or_insert_with(Instant::now);
                if self.again.is_empty() || since.elapsed() > super::PATIENCE {
                    return self.again.len();
                }
            }
            std::thread::sleep(Duration::from_millis(30));
        }
    }

    fn connection(&mut self, open: &mut BTreeMap<u16, Heard>) -> io::Result<()> {
        let mut stream = connect(self.port, &self.client_id)?;
        stream.set_read_timeout(Some(Duration::from_millis(1)))?;
        let begun = Instant::now();
        let (mut sent, mut id) = (0_u64, 0_u16);
        let mut reader = Acks::default();
        loop {
            let due = (begun.elapsed().as_secs_f64() * self.per_second) as u64;
            while open.len() < WINDOW && (sent < due || !self.again.is_empty()) {
                let stopping = self.stop.load(Ordering::Relaxed);
                let message = match self.again.pop_front() {
                    Some(message) => message,
                    None if stopping => break,
                    None => self.next.next().unwrap(),
                };
                id = id.checked_add(1).unwrap_or(1);
                open.insert(id, message);
                sent += 1;
                stream.write_all(&publish(&message.topic(), message.payload().as_bytes(), id))?;
            }
            for acked in reader.read(&mut stream)? {
                if let Some(message) = open.remove(&acked) {
                    self.acknowledged.lock().unwrap().push(message);
                }
            }
            if self.stop.load(Ordering::Relaxed) && open.is_empty() && self.again.is_empty() {
                return stream.write_all(&[0xe0, 0]);
            }
        }
    }
}

/// Connects; an error when the other side does not welcome us.
pub fn connect(port: u16, client_id: &str) -> io::Result<TcpStream> {
    let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(Duration::from_mins(1)))?;
    let mut body = vec![0, 4, b'M', b'Q', b'T', b'T', 4, 2, 0, 60];
    body.extend(text(client_id));
    let mut packet = vec![0x10];
    packet.extend(length(body.len()));
    packet.extend(body);
    stream.write_all(&packet)?;
    let mut connack = [0; 4];
    stream.read_exact(&mut connack)?;
    if connack == [0x20, 2, 0, 0] { Ok(stream) } else { Err(io::Error::other(format!("{connack:?}"))) }
}

/// A PUBLISH of quality 1.
pub fn publish(topic: &str, payload: &[u8], id: u16) -> Vec<u8> {
    let mut body = text(topic);
    body.extend(id.to_be_bytes());
    body.extend(payload);
    let mut packet = vec![0x32];
    packet.extend(length(body.len()));
    packet.extend(body);
    packet
}

/// A PUBLISH of quality 0.
pub fn publish_unconfirmed(topic: &str, payload: &[u8]) -> Vec<u8> {
    let mut body = text(topic);
    body.extend(payload);
    let mut packet = vec![0x30];
    packet.extend(length(body.len()));
    packet.extend(body);
    packet
}

fn text(text: &str) -> Vec<u8> {
    let mut out = (text.len() as u16).to_be_bytes().to_vec();
    out.extend(text.as_bytes());
    out
}

pub fn length(mut size: usize) -> Vec<u8> {
    let mut out = Vec::new();
    loop {
        let byte = (size % 128) as u8;
        size /= 128;
        out.push(if size > 0 { byte | 0x80 } else { byte });
        if size == 0 {
            return out;
        }
    }
}

/// Reads acknowledgements, which may come in pieces.
#[derive(Default)]
struct Acks {
    rest: Vec<u8>,
}

impl Acks {
    fn read(&mut self, stream: &mut TcpStream) -> io::Result<Vec<u16>> {
        let mut buffer = [0; 4096];
        match stream.read(&mut buffer) {
            Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(size) => self.rest.extend(&buffer[..size]),
            Err(e) if matches!(e.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut) => {}
            Err(error) => return Err(error),
        }
        let mut acks = Vec::new();
        while let [kind, 2, high, low, ..] = self.rest[..] {
            if kind == 0x40 {
                acks.push(u16::from_be_bytes([high, low]));
            }
            self.rest.drain(..4);
        }
        Ok(acks)
    }
}
