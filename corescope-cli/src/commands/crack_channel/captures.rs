//! Where captured packets come from: databases, hex lines, JSON lines.

use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;

use anyhow::Context;
use corescope_decode::crypto::ChannelSearch;
use corescope_decode::hex;
use rusqlite::OpenFlags;
use serde_json::Value;

use crate::Failure;

/// The longest line that is looked at.
const MAX_LINE: usize = 1 << 20;

/// Adds every group message of a file.
pub(super) fn read(path: &Path, search: &mut ChannelSearch) -> Result<(), Failure> {
    let name = || format!("{}", path.display());
    if path.as_os_str() == "-" {
        return lines(BufReader::new(std::io::stdin().lock()), search).with_context(name).map_err(Into::into);
    }
    let mut file = BufReader::new(File::open(path).with_context(name)?);
    let start = file.fill_buf().with_context(name)?;
    if start.starts_with(b"SQLite format 3\0") {
        return database(path, search).with_context(name).map_err(Into::into);
    }
    lines(file, search).with_context(name).map_err(Into::into)
}

fn database(path: &Path, search: &mut ChannelSearch) -> rusqlite::Result<()> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let db = rusqlite::Connection::open_with_flags(path, flags)?;
    let mut rows = db.prepare("SELECT raw_hex FROM transmissions WHERE payload_type = 5")?;
    let mut rows = rows.query([])?;
    while let Some(row) = rows.next()? {
        if let Ok(text) = row.get_ref(0)?.as_str() {
            add_hex(text, search);
        }
    }
    Ok(())
}

fn lines(mut input: impl BufRead, search: &mut ChannelSearch) -> std::io::Result<()> {
    let mut line = Vec::new();
    loop {
        line.clear();
        let read = (&mut input).take(MAX_LINE as u64).read_until(b'\n', &mut line)?;
        if read == 0 {
            return Ok(());
        }
        let Ok(text) = std::str::from_utf8(line.trim_ascii()) else { continue };
        if text.starts_with('{') {
            if let Ok(value) = serde_json::from_str(text) {
                add_json(&value, search);
            }
        } else {
            add_hex(text, search);
        }
    }
}

/// Every field called `raw` or `raw_hex`, however deep; MQTT payloads may be JSON in a string.
fn add_json(value: &Value, search: &mut ChannelSearch) {
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                match value {
                    Value::String(text) if name == "raw" || name == "raw_hex" => add_hex(text, search),
                    Value::String(text) if name == "payload" && text.starts_with('{') => {
                        if let Ok(inner) = serde_json::from_str(text) {
                            add_json(&inner, search);
                        }
                    }
                    other => add_json(other, search),
                }
            }
        }
        Value::Array(items) => items.iter().for_each(|item| add_json(item, search)),
        _ => {}
    }
}

fn add_hex(text: &str, search: &mut ChannelSearch) {
    if let Ok(frame) = hex::parse(text) {
        search.add(&frame);
    }
}
