//! Lines of JSON in, lines of JSON out: the vector form, so that decoders can be compared.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::path::Path;

use anyhow::Context as _;
use corescope_core::airtime::LoraPreset;
use corescope_decode::compat::vector::{Context, packet_json};
use corescope_decode::crypto::{KeyPair, public_key_of, shared_secret};
use corescope_decode::hex::{self, Hex};
use corescope_decode::payload::{NodeType, ReplyTo};
use corescope_decode::transport::companion::Message;
use corescope_decode::transport::kiss;
use corescope_decode::transport::uri::Uri;
use corescope_decode::{ChannelKey, RegionKey, SharedSecret};
use serde_json::{Map, Value, json};

use crate::Failure;

/// The longest line that is read; longer ones are answered with an error.
const MAX_LINE: u64 = 1 << 20;

/// Answers each line of a file; `-` is standard input.
pub(super) fn run(path: &Path) -> Result<(), Failure> {
    let input: Box<dyn Read> = if path.as_os_str() == "-" {
        Box::new(io::stdin().lock())
    } else {
        Box::new(File::open(path).with_context(|| format!("{}", path.display()))?)
    };
    let mut input = BufReader::new(input);
    let mut out = io::stdout().lock();
    let mut line = Vec::new();
    loop {
        line.clear();
        let read = (&mut input).take(MAX_LINE).read_until(b'\n', &mut line).context("input")?;
        if read == 0 {
            break;
        }
        let whole = line.ends_with(b"\n") || (read as u64) < MAX_LINE;
        if !whole {
            skip_line(&mut input).context("input")?;
        }
        if whole && line.trim_ascii().is_empty() {
            continue;
        }
        let answer = if whole { answer(&line) } else { error("the line is longer than 1 MiB") };
        writeln!(out, "{answer}").context("standard output")?;
    }
    Ok(())
}

/// Reads to the end of a line without keeping it.
fn skip_line(input: &mut impl BufRead) -> io::Result<()> {
    loop {
        let buffer = input.fill_buf()?;
        let (used, done) = match buffer.iter().position(|&b| b == b'\n') {
            Some(at) => (at + 1, true),
            None => (buffer.len(), buffer.is_empty()),
        };
        input.consume(used);
        if done {
            return Ok(());
        }
    }
}

/// The vector form of one line; `{"error": …}` if the line is no object we understand.
pub fn answer(line: &[u8]) -> String {
    let object: Map<String, Value> = match serde_json::from_slice(line) {
        Ok(object) => object,
        Err(why) => return error(&format!("not a JSON object: {why}")),
    };
    understood(&object).unwrap_or_else(|why| error(&why))
}

fn error(why: &str) -> String {
    json!({ "error": why }).to_string()
}

fn understood(object: &Map<String, Value>) -> Result<String, String> {
    let input = object.get("in").unwrap_or(&Value::Null);
    match object.get("kind").map_or(Ok("packet"), |kind| kind.as_str().ok_or("kind should be a string"))? {
        "packet" => packet(object),
        "hex_text" => Ok(match hex::parse(text(input, "text")?) {
            Ok(bytes) => json!({ "bytes": Hex(&bytes).to_string() }),
            Err(_) => json!({ "error": "bad_hex" }),
        }
        .to_string()),
        "channel_key" => {
            let key = ChannelKey::from_hashtag(text(input, "name")?);
            let (bytes, hash) = (Hex(key.as_bytes()).to_string(), Hex(&[key.hash()]).to_string());
            Ok(json!({ "key": bytes, "hash": hash }).to_string())
        }
        "channel_hash" => {
            let key = ChannelKey::from_hex(text(input, "key")?).map_err(|why| why.to_string())?;
            Ok(json!({ "hash": Hex(&[key.hash()]).to_string() }).to_string())
        }
        "region_key" => {
            let key =
                RegionKey::from_name(text(input, "name")?).ok_or("this region has no key of its name")?;
            Ok(json!({ "key": Hex(key.as_bytes()).to_string() }).to_string())
        }
        "public_key" => {
            Ok(json!({ "pub": Hex(&public_key_of(&array(input, "prv")?)).to_string() }).to_string())
        }
        "shared_secret" => {
            let secret = shared_secret(&array(input, "prv")?, &array(input, "other_pub")?)
                .map_err(|why| why.to_string())?;
            Ok(json!({ "secret": Hex(secret.as_bytes()).to_string() }).to_string())
        }
        "signature" => {
            let message = hex::parse(text(input, "message")?).map_err(|why| why.to_string())?;
            let signature = KeyPair::from_private(array(input, "prv")?).sign(&message);
            Ok(json!({ "signature": Hex(&signature).to_string() }).to_string())
        }
        "time_on_air" => time_on_air(input),
        "companion_frame" => Ok(companion(&raw(object)?).to_string()),
        "kiss_frames" => Ok(kiss_frames(&raw(object)?).to_string()),
        "uri" => Ok(uri(text(input, "uri")?).to_string()),
        other => Err(format!("kind {other:?} is not one we know")),
    }
}

fn packet(object: &Map<String, Value>) -> Result<String, String> {
    let text = object.get("raw_hex").and_then(Value::as_str).ok_or("raw_hex is missing, or no string")?;
    let Ok(frame) = hex::parse(text) else {
        return Ok(json!({ "error": "bad_hex" }).to_string());
    };
    let context = context(object.get("keys").unwrap_or(&Value::Null))?;
    Ok(packet_json(&frame, &context))
}

fn raw(object: &Map<String, Value>) -> Result<Vec<u8>, String> {
    let text = object.get("raw_hex").and_then(Value::as_str).ok_or("raw_hex is missing, or no string")?;
    hex::parse(text).map_err(|why| format!("raw_hex: {why}"))
}

fn text<'v>(value: &'v Value, name: &str) -> Result<&'v str, String> {
    value.get(name).and_then(Value::as_str).ok_or_else(|| format!("in.{name} is missing, or no string"))
}

fn array<const N: usize>(value: &Value, name: &str) -> Result<[u8; N], String> {
    hex::parse_array(text(value, name)?).map_err(|_| format!("in.{name} should be {N} bytes of hex"))
}

/// What the field `keys` says is known.
fn context(keys: &Value) -> Result<Context, String> {
    let mut context = Context::default();
    if let Some(channels) = keys.get("channels").and_then(Value::as_object) {
        for (name, key) in channels {
            let text = key.as_str().ok_or_else(|| format!("the key of channel {name} should be a string"))?;
            let key = ChannelKey::from_hex(text).map_err(|why| format!("channel {name}: {why}"))?;
            context.ring.insert(name, key);
        }
    }
    if let Some(regions) = keys.get("regions").and_then(Value::as_array) {
        context.regions = Some(regions.iter().filter_map(Value::as_str).map(str::to_owned).collect());
    }
    let key = |name: &str| -> Result<Option<[u8; 32]>, String> {
        let text = keys.get(name).and_then(Value::as_str);
        text.map(|text| hex::parse_array(text).map_err(|why| format!("keys.{name}: {why}"))).transpose()
    };
    context.secret = key("shared_secret")?.map(SharedSecret::new);
    context.sender = key("sender_pub")?;
    context.receiver = key("receiver_pub")?;
    context.target = match keys.get("role").and_then(Value::as_str) {
        Some("repeater") => Some(NodeType::Repeater),
        Some("room") => Some(NodeType::Room),
        Some("sensor") => Some(NodeType::Sensor),
        Some("companion" | "chat") => Some(NodeType::Chat),
        _ => None,
    };
    let prefix = keys.get("pubkey_prefix_length").and_then(Value::as_u64).unwrap_or(6).min(32);
    context.request = reply_to(keys.get("req_type"), context.target, prefix as u8);
    Ok(context)
}

fn reply_to(asked: Option<&Value>, target: Option<NodeType>, prefix_len: u8) -> ReplyTo {
    let server = target.unwrap_or_default();
    match asked {
        Some(Value::Number(number)) => match number.as_u64() {
            Some(1) => ReplyTo::Status(server),
            Some(3) => ReplyTo::Telemetry,
            Some(4) => ReplyTo::AvgMinMax,
            Some(5) => ReplyTo::AccessList,
            Some(6) => ReplyTo::Neighbours { prefix_len },
            Some(7) => ReplyTo::OwnerInfo,
            _ => ReplyTo::Unknown,
        },
        Some(Value::String(name)) => match name.as_str() {
            "login" => ReplyTo::Login,
            "anon_regions" => ReplyTo::AnonRegions,
            "anon_owner" => ReplyTo::AnonOwner,
            "anon_basic" => ReplyTo::AnonBasic,
            _ => ReplyTo::Unknown,
        },
        _ => ReplyTo::Unknown,
    }
}

fn time_on_air(input: &Value) -> Result<String, String> {
    let number = |name: &str| {
        input.get(name).and_then(Value::as_u64).ok_or_else(|| format!("in.{name} should be a number"))
    };
    let small = |name: &str| number(name).map(|n| u8::try_from(n).unwrap_or(u8::MAX));
    let bw_hz = u32::try_from(number("bw_hz")?).unwrap_or(u32::MAX);
    let preset = LoraPreset::new(LoraPreset::DEFAULT.freq_hz, bw_hz, small("sf")?, small("cr")?)
        .map_err(|why| why.to_string())?;
    let len = usize::try_from(number("len")?).unwrap_or(usize::MAX);
    if len > 255 {
        return Err("in.len should be at most 255".into());
    }
    Ok(json!({ "us": preset.airtime_us(len) as f64 }).to_string())
}

fn companion(body: &[u8]) -> Value {
    let Ok(message) = Message::parse(body) else {
        return json!({ "error": "truncated_companion_frame" });
    };
    let code = message.code();
    let hex = |bytes: &[u8]| Hex(bytes).to_string();
    match message {
        Message::LogRx { snr_q, rssi, raw } => {
            json!({ "code": code, "snr_q": snr_q, "rssi": rssi, "raw": hex(raw) })
        }
        Message::RawData { snr_q, rssi, reserved, data } => {
            json!({ "code": code, "snr_q": snr_q, "rssi": rssi, "reserved": reserved, "data": hex(data) })
        }
        Message::ControlData { snr_q, rssi, path_len, payload } => {
            json!({ "code": code, "snr_q": snr_q, "rssi": rssi, "path_len": path_len, "payload": hex(payload) })
        }
        Message::TraceData { flags, tag, auth_code, hashes, snr, final_snr_q } => json!({
            "code": code,
            "flags": flags,
            "tag": tag,
            "auth_code": auth_code,
            "hashes": hashes.chunks_exact(1 << (flags & 3)).map(hex).collect::<Vec<_>>(),
            "snr_q": snr.iter().map(|&b| b as i8).collect::<Vec<_>>(),
            "final_snr_q": final_snr_q,
        }),
        Message::SendRawPacket { priority, raw } => {
            json!({ "code": code, "priority": priority, "raw": hex(raw) })
        }
        Message::Other { data, .. } => json!({ "code": code, "data": hex(data) }),
        _ => json!({ "code": code }),
    }
}

fn kiss_frames(stream: &[u8]) -> Value {
    let mut decoder = kiss::Decoder::new();
    let mut frames = Vec::new();
    for &byte in stream {
        if let Some(frame) = decoder.push(byte) {
            let mut value = json!({
                "command": frame.command,
                "port": frame.port,
                "data": Hex(frame.data).to_string(),
            });
            if let Some(meta) = frame.rx_meta() {
                value["rx_meta"] = json!({ "snr_q": meta.snr_q, "rssi": meta.rssi });
            }
            frames.push(value);
        }
    }
    json!({ "frames": frames })
}

fn uri(text: &str) -> Value {
    match Uri::parse(text) {
        Ok(Uri::Channel { name, secret, region_scope }) => {
            let mut value = json!({ "kind": "channel", "name": name, "secret": Hex(&secret).to_string() });
            if let Some(scope) = region_scope {
                value["region_scope"] = scope.into();
            }
            value
        }
        Ok(Uri::Contact { name, public_key, node_type }) => json!({
            "kind": "contact",
            "name": name,
            "public_key": Hex(&public_key).to_string(),
            "node_type": node_type.number(),
        }),
        Ok(Uri::Card { raw, public_key }) => json!({
            "kind": "card",
            "raw": Hex(&raw).to_string(),
            "public_key": Hex(&public_key).to_string(),
        }),
        _ => json!({ "error": "bad_uri" }),
    }
}
