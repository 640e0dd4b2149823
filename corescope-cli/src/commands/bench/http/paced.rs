//! A client with a fixed rate: latencies count from when a request was due, so that waiting for a
//! slow answer is not left out.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use serde_json::json;

use crate::{Exit, Failure};

/// Connections it spreads its requests over.
const CONNECTIONS: u32 = 4;

/// Asks at `rate` requests per second and prints the latencies in microseconds.
pub(super) fn run(url: &str, rate: f64, time: Duration) -> Result<(), Failure> {
    let bad = || Failure::msg(Exit::Usage, format!("{url:?} is no http:// address"));
    let (authority, path) = url.strip_prefix("http://").and_then(|r| r.split_once('/')).ok_or_else(bad)?;
    let interval = Duration::from_secs_f64(f64::from(CONNECTIONS) / rate.max(0.001));
    let begun = Instant::now() + Duration::from_millis(50);
    let clients: Vec<_> = (0..CONNECTIONS)
        .map(|n| {
            let (authority, path) = (authority.to_owned(), path.to_owned());
            let first = begun + interval * n / CONNECTIONS;
            std::thread::spawn(move || client(&authority, &path, first, interval, begun + time))
        })
        .collect();
    let mut latencies = Vec::new();
    for client in clients {
        let part = client.join().map_err(|_| Failure::msg(Exit::Failure, "a client panicked"))?;
        latencies.extend(part?);
    }
    latencies.sort_unstable();
    let at = |p: f64| {
        latencies.get(((latencies.len() as f64 * p) as usize).min(latencies.len().saturating_sub(1)))
    };
    let mut out = std::io::stdout().lock();
    let figures = json!({
        "rate": rate, "requests": latencies.len(), "p50_us": at(0.5), "p99_us": at(0.99), "max_us": latencies.last(),
    });
    writeln!(out, "{figures}")?;
    Ok(())
}

fn client(
    authority: &str,
    path: &str,
    first: Instant,
    interval: Duration,
    end: Instant,
) -> std::io::Result<Vec<u64>> {
    let mut stream = TcpStream::connect(authority)?;
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(Duration::from_mins(1)))?;
    let request = format!("GET /{path} HTTP/1.1\r\nHost: {authority}\r\n\r\n");
    let mut buffer = vec![0; 1 << 20];
    let mut latencies = Vec::new();
    let mut due = first;
    while due < end {
        if let Some(wait) = due.checked_duration_since(Instant::now()) {
            std::thread::sleep(wait);
        }
        stream.write_all(request.as_bytes())?;
        read_answer(&mut stream, &mut buffer)?;
        latencies.push(due.elapsed().as_micros() as u64);
        due += interval;
    }
    Ok(latencies)
}

/// Reads one answer with a `Content-Length` to its end.
fn read_answer(stream: &mut TcpStream, buffer: &mut [u8]) -> std::io::Result<()> {
    let broken = |what| std::io::Error::new(std::io::ErrorKind::InvalidData, what);
    let mut have = 0;
    let mut whole = None;
    while whole.is_none_or(|end| have < end) {
        let free =
            buffer.get_mut(have..).filter(|b| !b.is_empty()).ok_or_else(|| broken("answer too large"))?;
        match stream.read(free)? {
            0 => return Err(broken("closed")),
            read => have += read,
        }
        if whole.is_none()
            && let Some(head) = buffer[..have].windows(4).position(|w| w == b"\r\n\r\n")
        {
            let text = String::from_utf8_lossy(&buffer[..head]).to_ascii_lowercase();
            let length =
                text.lines().find_map(|l| l.strip_prefix("content-length:")?.trim().parse::<usize>().ok());
            whole = Some(head + 4 + length.ok_or_else(|| broken("no content-length"))?);
        }
    }
    Ok(())
}
