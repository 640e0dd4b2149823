//! A Mosquitto of our own, and the plainest possible client of it.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};

/// A Mosquitto that ends with this value.
pub(super) struct Broker {
    child: Child,
    pub(super) port: u16,
}

impl Broker {
    /// Starts one that keeps any number of messages.
    pub(super) fn start(folder: &Path) -> Result<Self> {
        let program = ["/usr/sbin/mosquitto", "/usr/bin/mosquitto", "/usr/local/sbin/mosquitto"]
            .into_iter()
            .map(PathBuf::from)
            .find(|path| path.exists())
            .context("Mosquitto is needed for this measurement: apt-get install mosquitto")?;
        let port = free_port()?;
        let file = folder.join("mosquitto.conf");
        let config = format!(
            "listener {port} 127.0.0.1\nallow_anonymous true\nmax_queued_messages 0\nmax_inflight_messages 1000\n"
        );
        std::fs::write(&file, config)?;
        let child = Command::new(program)
            .arg("-c")
            .arg(&file)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .context("cannot start Mosquitto")?;
        let broker = Self { child, port };
        let begun = Instant::now();
        while TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_err() {
            ensure!(begun.elapsed() < Duration::from_secs(20), "Mosquitto does not listen");
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(broker)
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A port that nobody listens on now.
pub(super) fn free_port() -> Result<u16> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port())
}

/// A connection that does nothing by itself.
pub(super) struct Client {
    stream: TcpStream,
    rest: Vec<u8>,
}

impl Client {
    /// Connects; the broker keeps the session when `keep` is set.
    pub(super) fn connect(port: u16, id: &str, keep: bool) -> Result<Self> {
        let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(Duration::from_secs(30)))?;
        let mut client = Self { stream, rest: Vec::new() };
        let flags = if keep { 0 } else { 2 };
        let mut body = vec![0, 4, b'M', b'Q', b'T', b'T', 4, flags, 0, 0];
        body.extend(text(id));
        client.stream.write_all(&packet(0x10, &body))?;
        let (kind, body) = client.next()?;
        ensure!(kind == 0x20 && body.get(1) == Some(&0), "the broker refuses the connection");
        Ok(client)
    }

    /// Subscribes to everything at quality 1.
    pub(super) fn subscribe(&mut self) -> Result<()> {
        let mut body = vec![0, 1];
        body.extend(text("#"));
        body.push(1);
        self.stream.write_all(&packet(0x82, &body))?;
        while self.next()?.0 != 0x90 {}
        Ok(())
    }

    /// Publishes all, with at most `window` unanswered, and waits for every answer.
    pub(super) fn publish_all(&mut self, messages: &[(String, String)], window: usize) -> Result<()> {
        let (mut sent, mut answered) = (0, 0);
        while answered < messages.len() {
            let mut out = Vec::new();
            while sent < messages.len() && sent - answered < window && out.len() < 64 << 10 {
                out.extend(publish(messages.get(sent), sent));
                sent += 1;
            }
            self.stream.write_all(&out)?;
            answered += usize::from(self.next()?.0 == 0x40);
            while let Some((kind, _)) = self.ready() {
                answered += usize::from(kind == 0x40);
            }
        }
        Ok(())
    }

    /// Publishes one without waiting for the answer.
    pub(super) fn publish(&mut self, message: Option<&(String, String)>, number: usize) -> Result<()> {
        Ok(self.stream.write_all(&publish(message, number))?)
    }

    /// Receives and acknowledges so many messages, as they come.
    pub(super) fn drain(&mut self, count: usize) -> Result<()> {
        let mut received = 0;
        while received < count {
            let mut out = Vec::new();
            let mut next = Some(self.next()?);
            while let Some((kind, body)) = next {
                if kind & 0xf0 == 0x30 {
                    received += 1;
                    let topic = usize::from(u16::from_be_bytes([byte(&body, 0), byte(&body, 1)]));
                    out.extend([0x40, 2, byte(&body, topic + 2), byte(&body, topic + 3)]);
                }
                next = self.ready();
            }
            self.stream.write_all(&out)?;
        }
        Ok(())
    }

    fn next(&mut self) -> Result<(u8, Vec<u8>)> {
        loop {
            if let Some(packet) = self.ready() {
                return Ok(packet);
            }
            let mut buffer = [0; 64 << 10];
            match self.stream.read(&mut buffer)? {
                0 => bail!("the broker closed the connection"),
                size => self.rest.extend(buffer.get(..size).unwrap_or_default()),
            }
        }
    }

    /// A packet that is complete already.
    fn ready(&mut self) -> Option<(u8, Vec<u8>)> {
        let kind = *self.rest.first()?;
        let (mut size, mut shift, mut at) = (0_usize, 0, 1);
        loop {
            let next = *self.rest.get(at)?;
            size |= usize::from(next & 0x7f) << shift;
            (shift, at) = (shift + 7, at + 1);
            if next & 0x80 == 0 || shift > 21 {
                break;
            }
        }
        let body = self.rest.get(at..at + size)?.to_vec();
        self.rest.drain(..at + size);
        Some((kind, body))
    }
}

fn byte(body: &[u8], at: usize) -> u8 {
    body.get(at).copied().unwrap_or_default()
}

fn publish(message: Option<&(String, String)>, number: usize) -> Vec<u8> {
    let Some((topic, payload)) = message else { return Vec::new() };
    let mut body = text(topic);
    body.extend(((number % 65_535) as u16 + 1).to_be_bytes());
    body.extend(payload.as_bytes());
    packet(0x32, &body)
}

fn text(text: &str) -> Vec<u8> {
    let mut out = (text.len() as u16).to_be_bytes().to_vec();
    out.extend(text.as_bytes());
    out
}

fn packet(kind: u8, body: &[u8]) -> Vec<u8> {
    let mut out = vec![kind];
    let mut size = body.len();
    loop {
        let low = (size % 128) as u8;
        size /= 128;
        out.push(if size > 0 { low | 0x80 } else { low });
        if size == 0 {
            break;
        }
    }
    out.extend(body);
    out
}
