//! A capture of messages as a source: JSON lines from a file or standard input.
//!
//! Each line is an object with `topic`, `payload` (an object, or its text) and perhaps `retain`: the form that
//! `mosquitto_sub -F %J` prints. Times in it are not used: packets are dated by their arrival, as from a broker.

use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, Result};
use bytes::Bytes;
use serde::Deserialize;
use serde_json::value::RawValue;
use tokio::io::{AsyncBufRead, AsyncBufReadExt, AsyncReadExt, BufReader};
use tokio_util::sync::CancellationToken;

use super::clock::now_ms;
use super::message::{Origin, Raw, read};
use super::queue::Intake;
use super::receipt::Receipt;
use super::shared::Shared;

/// Longest line that is read, bytes.
const MAX_LINE: u64 = 256 << 10;

/// What became of a capture.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct FileReport {
    /// Lines that were messages.
    pub messages: u64,
    /// Lines that were not.
    pub bad_lines: u64,
}

#[derive(Deserialize)]
struct Line<'a> {
    topic: std::borrow::Cow<'a, str>,
    #[serde(borrow)]
    payload: &'a RawValue,
    /// `true`, or 1 as `mosquitto_sub -F %J` writes it.
    #[serde(borrow, default)]
    retain: Option<&'a RawValue>,
}

/// Feeds a capture to the writer; `-` is standard input. Returns when it is read, not when it is stored.
///
/// # Errors
///
/// The file cannot be opened or read.
pub async fn feed(
    path: &Path,
    intake: &Intake,
    shared: &Arc<Shared>,
    stop: &CancellationToken,
) -> Result<FileReport> {
    let path = if path == Path::new("-") { Path::new("/dev/stdin") } else { path };
    let file =
        tokio::fs::File::open(path).await.with_context(|| format!("cannot open {}", path.display()))?;
    lines(BufReader::with_capacity(1 << 16, file), &path.display().to_string(), intake, shared, stop).await
}

async fn lines(
    mut input: impl AsyncBufRead + Unpin,
    name: &str,
    intake: &Intake,
    shared: &Arc<Shared>,
    stop: &CancellationToken,
) -> Result<FileReport> {
    let origin = Origin::named("file");
    let mut report = FileReport::default();
    let mut line = Vec::new();
    let mut number: u64 = 0;
    loop {
        line.clear();
        let mut bounded = (&mut input).take(MAX_LINE);
        let size = tokio::select! {
            () = stop.cancelled() => return Ok(report),
            size = bounded.read_until(b'\n', &mut line) => size.with_context(|| format!("cannot read {name}"))?,
        };
        if size == 0 {
            return Ok(report);
        }
        number += 1;
        let text = line.trim_ascii();
        if text.is_empty() {
            continue;
        }
        match serde_json::from_slice::<Line<'_>>(text) {
            Ok(message) => {
                report.messages += 1;
                if put(&origin, &message, intake, shared).await.is_err() {
                    return Ok(report);
                }
            }
            Err(error) => {
                report.bad_lines += 1;
                shared.counters.bad("line");
                if report.bad_lines <= 5 {
                    tracing::warn!("{name}, line {number}: expected {{\"topic\":…,\"payload\":…}}: {error}");
                }
            }
        }
    }
}

async fn put(
    origin: &Origin,
    line: &Line<'_>,
    intake: &Intake,
    shared: &Arc<Shared>,
) -> Result<(), super::queue::Closed> {
    // A payload that is text holds the message's own text.
    let text: std::borrow::Cow<'_, str> = match line.payload.get().as_bytes().first() {
        Some(b'"') => serde_json::from_str::<String>(line.payload.get()).unwrap_or_default().into(),
        _ => line.payload.get().into(),
    };
    let payload = Bytes::copy_from_slice(text.as_bytes());
    shared.heard(&line.topic, &payload);
    let retained = line.retain.is_some_and(|value| matches!(value.get(), "true" | "1"));
    let raw = Raw { topic: &line.topic, payload: &payload, retained, received_at_ms: now_ms() };
    let work = read(origin, &shared.admission(), &shared.counters, raw);
    intake.put(work, Receipt::None, payload.len() + 256).await
}

#[cfg(test)]
mod tests {
    use corescope_core::uplink::Admission;

    use super::super::queue::queue;
    use super::*;

    #[tokio::test]
    async fn lines_become_messages() {
        let capture = br#"{"topic":"meshcore/SJC/A1/packets","payload":{"raw":"1100AA"}}
not json

{"time":1,"topic":"meshcore/SJC/A1/status","payload":"{\"status\":\"online\"}","retain":1}"#;
        let (intake, mut outlet) = queue(16, 1 << 20);
        let shared = Arc::new(Shared::new(Admission::default()));
        let stop = CancellationToken::new();
        let report = lines(&capture[..], "test", &intake, &shared, &stop).await.unwrap();
        assert_eq!(report, FileReport { messages: 2, bad_lines: 1 });
        let mut items = Vec::new();
        outlet.take_ready(&mut items, 10);
        assert_eq!(items.len(), 2);
        assert!(items.iter().all(|item| matches!(item.work, super::super::queue::Work::Store(_))));
    }
}
