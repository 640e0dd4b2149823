//! `corescope-cli decrypt`: a channel's messages from a database.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::PathBuf;

use corescope_decode::compat::go;
use corescope_decode::crypto::{PUBLIC_CHANNEL_KEY, PUBLIC_CHANNEL_NAME};
use corescope_decode::{ChannelKey, KeyRing, Packet};
use corescope_store::db::{has_pending_log, open_immutable, open_read};
use rusqlite::Connection;
use serde::{Deserialize, Serialize};

use crate::place::PlaceArgs;
use crate::{Exit, Failure, Global};

/// Decrypt a channel's messages from a database.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "A name that begins with # has a key that follows from it; # is added where it is missing, except
for Public and for names that have a key in the configuration.

Examples:
  corescope-cli decrypt --channel '#test' --db meshcore.db
  corescope-cli decrypt --channel test --format irc --data /srv/corescope
  corescope-cli decrypt --channel family --key 00112233445566778899aabbccddeeff --format html --output family.html"
)]
pub struct Args {
    /// Name of the channel
    #[arg(long, value_name = "NAME")]
    channel: String,
    /// Key of the channel, 32 hex digits, if it does not follow from the name
    #[arg(long, value_name = "HEX")]
    key: Option<String>,
    #[command(flatten)]
    place: PlaceArgs,
    /// How messages are written
    #[arg(long, value_enum, default_value_t = Format::Json)]
    format: Format,
    /// File to write [default: standard output]
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
}

/// How messages are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    /// One JSON array.
    Json,
    /// A page that needs nothing else.
    Html,
    /// As in a chat.
    Irc,
    /// One line a message, with who heard it.
    Log,
}

/// One message; the names are those of the Go program's tool.
#[derive(Debug, Serialize)]
struct MessageRow {
    hash: String,
    timestamp: String,
    sender: String,
    message: String,
    channel: String,
    raw_hex: String,
    path: Vec<String>,
    observers: Vec<HeardBy>,
}

#[derive(Debug, Serialize)]
struct HeardBy {
    name: String,
    snr: Option<f64>,
    rssi: Option<f64>,
    timestamp: String,
}

/// Runs it.
pub fn run(args: Args, _global: &Global) -> Result<(), Failure> {
    let place = args.place.load(&[])?;
    let configured = place.config.channel_keys.iter().find(|(name, _)| *name == args.channel);
    let (name, key) = channel(&args, configured.map(|(_, key)| key.expose()))?;
    let mut ring = KeyRing::new();
    ring.insert(&name, key);
    let path = &place.paths.db;
    let db = open_read(path)
        .or_else(|error| if has_pending_log(path) { Err(error) } else { open_immutable(path) });
    let db = db.map_err(|error| Failure::new(Exit::Io, error))?;
    let found = messages(&db, &ring)?;
    match &args.output {
        Some(file) => {
            let mut out = BufWriter::new(File::create(file)?);
            write(&mut out, args.format, &name, &found)?;
            out.flush()?;
        }
        None => {
            let mut out = BufWriter::new(io::stdout().lock());
            write(&mut out, args.format, &name, &found)?;
            out.flush()?;
        }
    }
    eprintln!("{} messages in {name}", found.len());
    Ok(())
}

fn channel(args: &Args, configured: Option<&str>) -> Result<(String, ChannelKey), Failure> {
    if let Some(hex) = args.key.as_deref().or(configured) {
        let key = ChannelKey::from_hex(hex).map_err(|error| {
            Failure::msg(Exit::Usage, format_args!("the key of {}: {error}", args.channel))
        })?;
        return Ok((args.channel.clone(), key));
    }
    if args.channel.eq_ignore_ascii_case(PUBLIC_CHANNEL_NAME) {
        return Ok((PUBLIC_CHANNEL_NAME.to_owned(), ChannelKey::from_128(PUBLIC_CHANNEL_KEY)));
    }
    let name =
        if args.channel.starts_with('#') { args.channel.clone() } else { format!("#{}", args.channel) };
    let key = ChannelKey::from_hashtag(&name);
    Ok((name, key))
}

/// What the decoder says of an open message.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Spelled {
    r#type: String,
    channel: String,
    sender: String,
    text: String,
}

fn messages(db: &Connection, ring: &KeyRing) -> Result<Vec<MessageRow>, Failure> {
    let mut select = db.prepare(
        "SELECT id, hash, first_seen, raw_hex FROM transmissions WHERE payload_type = 5 AND raw_hex <> ''
          ORDER BY first_seen, id",
    )?;
    let mut rows = select.query([])?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        let raw_hex: String = row.get(3)?;
        let Ok(bytes) = hex::decode(&raw_hex) else { continue };
        let Ok(packet) = Packet::parse(&bytes) else { continue };
        let decoded = go::decoded_json(&packet, Some(ring), false);
        let spelled: Spelled = serde_json::from_str(&decoded.json).unwrap_or_default();
        if spelled.r#type != "CHAN" {
            continue;
        }
        let before = format!("{}: ", spelled.sender);
        let message = spelled.text.strip_prefix(&before).unwrap_or(&spelled.text).to_owned();
        found.push(MessageRow {
            hash: row.get(1)?,
            timestamp: row.get(2)?,
            sender: spelled.sender,
            message,
            channel: spelled.channel,
            path: go::hops(&packet),
            raw_hex,
            observers: heard_by(db, row.get(0)?)?,
        });
    }
    Ok(found)
}

fn heard_by(db: &Connection, transmission: i64) -> Result<Vec<HeardBy>, Failure> {
    let mut select = db.prepare_cached(
        "SELECT COALESCE(NULLIF(b.name, ''), b.id, ''), o.snr, o.rssi, o.timestamp
           FROM observations o LEFT JOIN observers b ON b.rowid = o.observer_idx
          WHERE o.transmission_id = ?1 ORDER BY o.timestamp, o.id",
    )?;
    let rows = select.query_map([transmission], |r| {
        Ok(HeardBy {
            name: r.get(0)?,
            snr: r.get(1)?,
            rssi: r.get(2)?,
            timestamp: corescope_core::time::rfc3339(r.get(3)?),
        })
    })?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

fn write(out: &mut impl Write, format: Format, channel: &str, found: &[MessageRow]) -> io::Result<()> {
    match format {
        Format::Json => {
            serde_json::to_writer_pretty(&mut *out, found)?;
            writeln!(out)
        }
        Format::Irc => {
            for m in found {
                let time = m.timestamp.get(11..16).unwrap_or_default();
                writeln!(out, "[{time}] <{}> {}", plain(&m.sender), plain(&m.message))?;
            }
            Ok(())
        }
        Format::Log => {
            for m in found {
                let heard: Vec<_> = m.observers.iter().map(|o| plain(&o.name)).collect();
                let (sender, message) = (plain(&m.sender), plain(&m.message));
                writeln!(
                    out,
                    "{} {} {sender}: {message} [{}]",
                    m.timestamp,
                    plain(&m.channel),
                    heard.join(", ")
                )?;
            }
            Ok(())
        }
        Format::Html => html(out, channel, found),
    }
}

fn html(out: &mut impl Write, channel: &str, found: &[MessageRow]) -> io::Result<()> {
    let channel = escaped(channel);
    writeln!(
        out,
        "<!doctype html>\n<html lang=\"en\"><meta charset=\"utf-8\"><meta name=\"viewport\" \
         content=\"width=device-width\">\n<title>{channel}</title>\n<style>body{{font:16px/1.4 system-ui;margin:2rem \
         auto;max-width:70rem;padding:0 1rem}}table{{border-collapse:collapse;width:100%}}td,th{{text-align:left;\
         padding:.3rem .6rem;border-bottom:1px solid #ddd;vertical-align:top;overflow-wrap:anywhere}}\
         td:first-child{{white-space:nowrap}}</style>\n<h1>{channel}</h1>\n<p>{} messages</p>\n<table>\
         <tr><th>Time (UTC)<th>From<th>Message<th>Hops<th>Heard by",
        found.len()
    )?;
    for m in found {
        let heard: Vec<_> = m.observers.iter().map(|o| escaped(&o.name)).collect();
        writeln!(
            out,
            "<tr><td>{}<td>{}<td>{}<td>{}<td>{}",
            escaped(&m.timestamp),
            escaped(&m.sender),
            escaped(&m.message),
            m.path.len(),
            heard.join(", ")
        )?;
    }
    writeln!(out, "</table></html>")
}

/// One line without control characters: the text comes from the air and goes to a terminal.
fn plain(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

fn escaped(text: &str) -> String {
    plain(text).replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_from_the_air_does_no_harm() {
        let row = MessageRow {
            hash: "00".into(),
            timestamp: "2026-06-01T12:34:56Z".into(),
            sender: "<b>".into(),
            message: "a\x1b[31m&\n".into(),
            channel: "#t".into(),
            raw_hex: String::new(),
            path: vec!["AA".into()],
            observers: vec![],
        };
        let text = |format| {
            let mut out = Vec::new();
            write(&mut out, format, "#t", std::slice::from_ref(&row)).expect("written");
            String::from_utf8(out).expect("text")
        };
        assert_eq!(text(Format::Irc), "[12:34] <<b>> a [31m& \n");
        assert_eq!(text(Format::Log), "2026-06-01T12:34:56Z #t <b>: a [31m&  []\n");
        assert!(text(Format::Html).contains("<td>&lt;b&gt;<td>a [31m&amp; <td>1<td>"));
    }
}
