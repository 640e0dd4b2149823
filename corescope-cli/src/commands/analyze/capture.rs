//! Captures and lines of hex, read line by line.

use std::io::{BufRead, Read};

use anyhow::Context;
use corescope_core::capture::{self, Line, MAX_LINE, Recorded};
use corescope_core::report::{Heard, Hearing, ListedObserver};
use corescope_core::uplink::{self, Uplink};
use indicatif::ProgressBar;

use super::Intake;
use crate::{Exit, Failure};

/// Topic of messages whose line does not tell it: the observer is then the message's `origin_id`.
const NO_TOPIC: &str = "meshcore/packets";
/// Characters of a bad line that are shown.
const SAMPLE: usize = 64;

/// What the lines were.
#[derive(Default)]
struct Counts {
    messages: u64,
    statuses: u64,
    others: u64,
    frames: u64,
    bad: u64,
    first_bad: Option<String>,
}

/// Reads all lines of a text.
pub(super) fn read(name: &str, input: &mut dyn BufRead, intake: &mut Intake) -> Result<(), Failure> {
    let progress = ProgressBar::new_spinner();
    let mut counts = Counts::default();
    let mut buffer = Vec::new();
    let mut number = 0_u64;
    while next_line(input, &mut buffer).with_context(|| format!("cannot read {name}"))? {
        number += 1;
        if number.is_multiple_of(4096) {
            progress.set_message(format!("{name}: {number} lines"));
            progress.tick();
        }
        let place = format!("line {number}");
        let text = String::from_utf8_lossy(&buffer);
        match capture::line(&text) {
            Ok(Line::Blank) => {}
            Ok(Line::Frame(frame)) => {
                counts.frames += 1;
                let mut heard = Heard::frame(&frame);
                heard.place = &place;
                intake.hear(&heard);
            }
            Ok(Line::Message(recorded)) => message(&recorded, &place, &mut counts, intake),
            Err(error) => {
                let sample: String = text.chars().take(SAMPLE).collect();
                bad(&mut counts, intake, "line", &place, error.to_string(), &sample);
            }
        }
    }
    progress.finish_and_clear();
    let good = counts.messages + counts.statuses + counts.others + counts.frames;
    if let (0, Some(first)) = (good, &counts.first_bad) {
        let what = format!("{name}: none of its {number} lines is a message or a frame; {first}");
        return Err(Failure::msg(Exit::Data, what));
    }
    let Counts { messages, statuses, others, frames, bad, .. } = counts;
    let mut parts = vec![format!("{number} lines")];
    for (count, what) in [
        (messages, "packets"),
        (statuses, "statuses"),
        (frames, "bare frames"),
        (others, "others"),
        (bad, "unusable"),
    ] {
        if count > 0 {
            parts.push(format!("{count} {what}"));
        }
    }
    let kind = if frames > messages + statuses + others { "text" } else { "capture" };
    intake.collector.source(name, kind, &parts.join(", "));
    Ok(())
}

/// Reads a line without its end into the buffer; what is over the limit is skipped, but for one
/// byte that shows that it was too long. Returns whether there was one.
pub(crate) fn next_line(input: &mut dyn BufRead, buffer: &mut Vec<u8>) -> std::io::Result<bool> {
    buffer.clear();
    let limit = MAX_LINE as u64 + 2;
    if input.take(limit).read_until(b'\n', buffer)? == 0 {
        return Ok(false);
    }
    if buffer.last() == Some(&b'\n') {
        buffer.pop();
        return Ok(true);
    }
    if buffer.len() as u64 == limit {
        loop {
            let chunk = input.fill_buf()?;
            let (used, ended) = match chunk.iter().position(|byte| *byte == b'\n') {
                Some(at) => (at + 1, true),
                None => (chunk.len(), chunk.is_empty()),
            };
            input.consume(used);
            if ended {
                break;
            }
        }
    }
    Ok(true)
}

fn message(recorded: &Recorded<'_>, place: &str, counts: &mut Counts, intake: &mut Intake) {
    let topic = if recorded.topic.is_empty() { NO_TOPIC } else { &recorded.topic };
    match uplink::parse(topic, recorded.payload.as_bytes()) {
        Ok(Uplink::Packet(packet)) => {
            counts.messages += 1;
            let mut heard = Heard::frame(&packet.frame);
            heard.place = place;
            let mut hearing = Hearing::default();
            hearing.observer = packet.observer.as_deref();
            hearing.observer_name = packet.name.as_deref();
            hearing.iata = packet.region.as_deref();
            hearing.time_ms = recorded.time_ms.or_else(|| packet.stamp.zoned_millis());
            hearing.snr_db = packet.snr_db;
            hearing.rssi_dbm = packet.rssi_dbm;
            heard.hearing = Some(hearing);
            intake.hear(&heard);
        }
        Ok(Uplink::Reception(reception)) => {
            counts.messages += 1;
            let mut heard = Heard::frame(&reception.frame);
            heard.place = place;
            let mut hearing = Hearing::default();
            hearing.observer = Some(&reception.key);
            hearing.observer_name = reception.name.as_deref();
            hearing.time_ms = recorded.time_ms.or_else(|| reception.stamp.zoned_millis());
            hearing.snr_db = reception.snr_db;
            hearing.rssi_dbm = reception.rssi_dbm.map(|dbm| dbm as f64);
            heard.hearing = Some(hearing);
            intake.hear(&heard);
        }
        Ok(Uplink::Status(status)) => {
            counts.statuses += 1;
            if let Some(id) = status.observer.as_deref() {
                let mut row = ListedObserver::new(id);
                row.name = status.name.as_deref();
                row.iata = status.region.as_deref();
                row.radio = status.radio.as_deref();
                row.firmware = status.firmware.as_deref();
                row.last_seen_ms = recorded.time_ms.or_else(|| status.stamp.zoned_millis());
                intake.collector.observer(&row);
            }
        }
        Ok(_) => counts.others += 1,
        Err(error) => {
            let sample: String = recorded.payload.chars().take(SAMPLE).collect();
            bad(counts, intake, error.reason.as_str(), place, error.what, &sample);
        }
    }
}

fn bad(counts: &mut Counts, intake: &mut Intake, reason: &str, place: &str, detail: String, sample: &str) {
    counts.bad += 1;
    counts.first_bad.get_or_insert_with(|| format!("{place}: {detail}"));
    intake.collector.bad_input(reason, place, detail, sample);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_bounded_and_what_follows_a_long_one_is_read() {
        let long = "0".repeat(MAX_LINE * 2);
        let text = format!("15\r\n{long}\nlast");
        let mut input = std::io::BufReader::with_capacity(1000, text.as_bytes());
        let mut buffer = Vec::new();
        assert!(next_line(&mut input, &mut buffer).unwrap());
        assert_eq!(buffer, b"15\r");
        assert!(next_line(&mut input, &mut buffer).unwrap());
        assert_eq!(buffer.len(), MAX_LINE + 2);
        assert!(next_line(&mut input, &mut buffer).unwrap());
        assert_eq!(buffer, b"last");
        assert!(!next_line(&mut input, &mut buffer).unwrap());
    }
}
