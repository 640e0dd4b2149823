//! `corescope-cli replay`: a capture or a database, published again with its timing.

use std::borrow::Cow;
use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::Context;
use corescope_core::capture::{self, Line, Recorded};
use corescope_core::filter::{self, Filter};
use corescope_core::report::{Heard, HeardFields, Hearing};
use corescope_core::time::{is_plausible, rfc3339};
use corescope_core::uplink::{self, Uplink};
use corescope_decode::crypto::KeyRing;
use corescope_decode::{Packet, PayloadType};
use serde_json::json;

use super::analyze::{SQLITE, Wanted, database, next_line, parse_filter};
use crate::publish::{ApiSink, FileSink, MqttSink, Sink};
use crate::{Exit, Failure, Global};

/// Publish a capture or a database again.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// A capture (MQTT messages as lines of JSON) or a database of any age; - is a capture on
    /// standard input
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Publish to this broker at QoS 1: mqtt://[user:password@]host[:port]
    #[arg(long, value_name = "URL", group = "to")]
    mqtt: Option<String>,
    /// Post the packets to this server: http://host:port
    #[arg(long, value_name = "URL", group = "to")]
    api: Option<String>,
    /// Key of the server for --api
    #[arg(long, value_name = "KEY", env = "CORESCOPE_API_KEY", hide_env_values = true)]
    api_key: Option<String>,
    /// Write a capture, without waiting; - is standard output. Turns a database into a capture
    #[arg(long, value_name = "FILE", group = "to")]
    out: Option<PathBuf>,
    /// How many times faster than it was; 0 does not wait at all
    #[arg(long, default_value_t = 1.0, value_name = "TIMES")]
    speed: f64,
    /// Only the receptions that match this expression of the filter language, and no statuses
    #[arg(long, value_name = "EXPRESSION")]
    filter: Option<String>,
    /// Stop after so many messages
    #[arg(long, value_name = "COUNT")]
    count: Option<u64>,
}

const EXAMPLES: &str = "Examples:
  corescope-cli replay capture.jsonl --mqtt mqtt://localhost:1883
  corescope-cli replay data/meshcore.db --mqtt mqtt://localhost:1883 --speed 60
  corescope-cli replay meshcore.db --speed 0 --filter 'iata == SJC' --out sjc.jsonl
  corescope-cli replay capture.jsonl --api http://localhost:3000 --api-key \"$KEY\" --speed 0

The input is read as it is needed, so its size does not matter. A database is not changed.";

/// Runs it.
pub fn run(args: Args, _global: &Global) -> Result<(), Failure> {
    if !(0.0..=1e6).contains(&args.speed) {
        return Err(Failure::msg(
            Exit::Usage,
            format_args!("--speed {} is not between 0 and 1000000", args.speed),
        ));
    }
    let filter = args.filter.as_deref().map(parse_filter).transpose()?;
    let sink: Box<dyn Sink> = match (&args.mqtt, &args.api, &args.out) {
        (Some(url), _, _) => Box::new(MqttSink::connect(url)?),
        (_, Some(url), _) => Box::new(ApiSink::connect(url, args.api_key.as_deref())?),
        (_, _, Some(path)) => Box::new(FileSink::create(path)?),
        _ => return Err(Failure::msg(Exit::Usage, "where to? name one of --mqtt, --api and --out")),
    };
    let speed = if args.out.is_some() { 0.0 } else { args.speed };
    let now_ms = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as i64);
    let judge = Judge { filter, ring: KeyRing::with_public(), now_ms };
    let left = args.count.unwrap_or(u64::MAX);
    let mut player = Player { sink, speed, began: None, left, unusable: 0 };
    play(&args.file, &judge, &mut player)?;
    let unusable = player.unusable;
    let delivered = player.sink.finish()?;
    eprintln!(
        "{} messages sent, {} confirmed, {} refused, {unusable} lines unusable",
        delivered.sent, delivered.confirmed, delivered.refused
    );
    Ok(())
}

fn play(path: &Path, judge: &Judge, player: &mut Player) -> Result<(), Failure> {
    let name = path.display().to_string();
    if path.as_os_str() == "-" {
        return lines("standard input", &mut std::io::stdin().lock(), judge, player);
    }
    let mut file = File::open(path).with_context(|| format!("cannot read {name}"))?;
    let mut head = Vec::new();
    (&mut file)
        .take(SQLITE.len() as u64)
        .read_to_end(&mut head)
        .with_context(|| format!("cannot read {name}"))?;
    if head == SQLITE {
        drop(file);
        let wanted = Wanted::by(judge.filter.as_ref());
        return database::in_order(path, wanted, &mut |heard| {
            if player.left > 0 && judge.lets_through(heard) { observation(heard, player) } else { Ok(()) }
        });
    }
    lines(&name, &mut BufReader::new(head.as_slice().chain(file)), judge, player)
}

/// Decides what is published.
struct Judge {
    filter: Option<Filter>,
    ring: KeyRing,
    now_ms: i64,
}

impl Judge {
    fn lets_through(&self, heard: &Heard<'_>) -> bool {
        let context = filter::Context::at(self.now_ms);
        self.filter
            .as_ref()
            .is_none_or(|filter| filter.matches(&HeardFields::new(heard, &self.ring), &context))
    }

    /// A recorded message: without a filter all, with one the packets that match.
    fn lets_message_through(&self, recorded: &Recorded<'_>) -> bool {
        if self.filter.is_none() {
            return true;
        }
        let Ok(Uplink::Packet(packet)) = uplink::parse(&recorded.topic, recorded.payload.as_bytes()) else {
            return false;
        };
        let mut heard = Heard::frame(&packet.frame);
        let mut hearing = Hearing::default();
        hearing.observer = packet.observer.as_deref();
        hearing.observer_name = packet.name.as_deref();
        hearing.iata = packet.region.as_deref();
        hearing.time_ms = recorded.time_ms.or_else(|| packet.stamp.zoned_millis());
        hearing.snr_db = packet.snr_db;
        hearing.rssi_dbm = packet.rssi_dbm;
        heard.hearing = Some(hearing);
        self.lets_through(&heard)
    }
}

/// Sends messages when they are due.
struct Player {
    sink: Box<dyn Sink>,
    speed: f64,
    /// When the first message was sent, and its own time.
    began: Option<(Instant, i64)>,
    left: u64,
    unusable: u64,
}

impl Player {
    fn send(&mut self, time_ms: Option<i64>, topic: &str, payload: &str) -> Result<(), Failure> {
        // A time that cannot be one is not waited for.
        let waited = time_ms.filter(|ms| self.speed > 0.0 && is_plausible(*ms));
        if let Some(ms) = waited {
            let (began, first_ms) = *self.began.get_or_insert_with(|| (Instant::now(), ms));
            let due = Duration::from_secs_f64((ms - first_ms).max(0) as f64 / 1000.0 / self.speed);
            std::thread::sleep(due.saturating_sub(began.elapsed()));
        }
        let retain = topic.ends_with("/status");
        self.sink.send(time_ms.unwrap_or_default(), topic, payload, retain)?;
        self.left -= 1;
        Ok(())
    }
}

fn lines(name: &str, input: &mut dyn BufRead, judge: &Judge, player: &mut Player) -> Result<(), Failure> {
    let mut buffer = Vec::new();
    while player.left > 0 && next_line(input, &mut buffer).with_context(|| format!("cannot read {name}"))? {
        let text = String::from_utf8_lossy(&buffer);
        match capture::line(&text) {
            Ok(Line::Blank) => {}
            Ok(Line::Message(recorded)) if recorded.topic.is_empty() => player.unusable += 1,
            Ok(Line::Message(recorded)) if judge.lets_message_through(&recorded) => {
                player.send(recorded.time_ms, &recorded.topic, &recorded.payload)?;
            }
            Ok(Line::Message(_)) => {}
            // A bare frame says neither who heard it nor when.
            Ok(Line::Frame(_)) | Err(_) => player.unusable += 1,
        }
    }
    Ok(())
}

/// An observation, as the observer's message about it was.
fn observation(heard: &Heard<'_>, player: &mut Player) -> Result<(), Failure> {
    let Some(hearing) = &heard.hearing else { return Ok(()) };
    if heard.frame.is_empty() {
        player.unusable += 1;
        return Ok(());
    }
    let frame = as_heard(heard.frame, hearing);
    let mut payload = json!({
        "origin": hearing.observer_name.or(hearing.observer).unwrap_or(""),
        "type": "PACKET", "direction": "rx", "len": frame.len().to_string(),
        "raw": hex::encode_upper(&frame),
    });
    let mut set = |name: &str, value: Option<String>| {
        if let (Some(value), Some(fields)) = (value, payload.as_object_mut()) {
            fields.insert(name.to_owned(), value.into());
        }
    };
    set("origin_id", hearing.observer.map(str::to_owned));
    set("timestamp", hearing.time_ms.map(|ms| rfc3339(ms.div_euclid(1000))));
    set("SNR", hearing.snr_db.map(|db| db.to_string()));
    set("RSSI", hearing.rssi_dbm.map(|dbm| dbm.to_string()));
    let region = hearing.iata.filter(|iata| !iata.is_empty()).unwrap_or("XXX");
    let topic = match hearing.observer {
        // What the topic gives its own meaning to cannot be a part of it.
        Some(id) if !id.contains(['/', '+', '#', '\0']) => format!("meshcore/{region}/{id}/packets"),
        _ => "meshcore/packets".to_owned(),
    };
    player.send(hearing.time_ms, &topic, &payload.to_string())
}

/// The frame with the path this observer heard. Databases that keep one copy of a frame for all its
/// observers have only the hops of the others.
fn as_heard<'a>(frame: &'a [u8], hearing: &Hearing<'_>) -> Cow<'a, [u8]> {
    let rebuilt = || {
        let packet = Packet::parse(frame).ok()?;
        let hops = hearing.hops.as_ref().filter(|_| packet.payload_type() != PayloadType::Trace)?;
        let hops: Vec<Vec<u8>> = hops.iter().map(|hop| hex::decode(hop).ok()).collect::<Option<_>>()?;
        let size = hops.first().map_or(packet.path().hash_size(), Vec::len);
        let sound =
            (1..=3).contains(&size) && hops.iter().all(|hop| hop.len() == size) && hops.len() * size <= 64;
        if !sound || hops.iter().map(Vec::as_slice).eq(packet.path().hops()) {
            return None;
        }
        let codes = if packet.transport_codes().is_some() { 4 } else { 0 };
        let mut out = frame.get(..=codes)?.to_vec();
        out.push(((size - 1) << 6 | hops.len()) as u8);
        out.extend(hops.into_iter().flatten());
        out.extend_from_slice(packet.payload());
        Some(out)
    };
    rebuilt().map_or(Cow::Borrowed(frame), Cow::Owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_gets_the_path_its_observer_heard() {
        let frame = hex::decode("0D01AA01020304").unwrap();
        let with = |hops: &[&str]| {
            let mut hearing = Hearing::default();
            hearing.hops = Some(hops.iter().map(|hop| (*hop).to_owned()).collect());
            hex::encode_upper(as_heard(&frame, &hearing))
        };
        assert_eq!(with(&["AA"]), "0D01AA01020304");
        assert_eq!(with(&["AA", "BB"]), "0D02AABB01020304");
        assert_eq!(with(&["AABB"]), "0D41AABB01020304");
        assert_eq!(with(&[]), "0D0001020304");
        // Nonsense leaves it as it is.
        assert_eq!(with(&["AA", "BBCC"]), "0D01AA01020304");
        assert_eq!(with(&["zz"]), "0D01AA01020304");
        assert_eq!(hex::encode_upper(as_heard(&frame, &Hearing::default())), "0D01AA01020304");
    }
}
