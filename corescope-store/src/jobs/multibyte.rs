//! `mbcap-snapshot/snapshot.json`: what the server found out about nodes and multi-byte
//! paths. It cannot write the database; it leaves a file, and this takes it over.

use std::path::PathBuf;
use std::time::SystemTime;

use serde::Deserialize;

use super::plan::Plan;
use super::prune_requests::read_limited;
use super::work::{Step, Work};
use crate::write::{Change, Changes, WriteError, Writer};

const CHUNK: usize = 500;
/// Larger than the findings about 100 000 nodes.
const MAX_BYTES: u64 = 32 * 1024 * 1024;

#[derive(Debug, Default)]
pub(super) struct Multibyte {
    entries: Option<std::vec::IntoIter<Entry>>,
}

#[derive(Debug, Deserialize)]
struct Snapshot {
    #[serde(default)]
    entries: Vec<Entry>,
}

#[derive(Debug, Deserialize)]
struct Entry {
    public_key: String,
    status: Status,
    #[serde(default)]
    evidence: Option<String>,
}

/// A word, or the number of the column.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Status {
    Number(i64),
    Word(String),
}

impl Status {
    /// The column `multibyte_sup`; `None` is unknown, which never overwrites.
    fn column(&self) -> Option<i64> {
        match self {
            Self::Number(n @ 1..=2) => Some(*n),
            Self::Word(word) if word.eq_ignore_ascii_case("suspected") => Some(1),
            Self::Word(word) if word.eq_ignore_ascii_case("confirmed") => Some(2),
            _ => None,
        }
    }
}

impl Work for Multibyte {
    fn step(&mut self, writer: &mut Writer, plan: &Plan, _now: i64) -> Result<Step, WriteError> {
        let entries = match &mut self.entries {
            Some(entries) => entries,
            None => {
                let path = plan.mbcap_snapshot.join("snapshot.json");
                let Some(found) = load(writer, &path)? else { return Ok(Step::Done(0)) };
                self.entries.insert(found.into_iter())
            }
        };
        let chunk: Vec<Entry> = entries.by_ref().take(CHUNK).collect();
        let is_last = chunk.len() < CHUNK;
        let changed = writer.write("cannot take over findings about multi-byte paths", |db| {
            let mut changes = Changes::default();
            let mut changed = 0;
            for table in ["nodes", "inactive_nodes"] {
                let mut update = db.prepare_cached(&format!(
                    "UPDATE {table} SET multibyte_sup = ?2, multibyte_evidence = COALESCE(?3, multibyte_evidence)
                      WHERE public_key = ?1
                        AND (multibyte_sup IS NOT ?2 OR multibyte_evidence IS NOT COALESCE(?3, multibyte_evidence))"
                ))?;
                for entry in &chunk {
                    let Some(status) = entry.status.column() else { continue };
                    let key = entry.public_key.to_lowercase();
                    if update.execute(rusqlite::params![key, status, entry.evidence])? > 0 {
                        changes.key(Change::Node, &key);
                        changed += 1;
                    }
                }
            }
            changes.write(db)?;
            Ok(changed)
        })?;
        Ok(if is_last { Step::Done(changed) } else { Step::More(changed) })
    }
}

/// In `cs_state`: modification time of the snapshot that was taken over last.
const TAKEN: &str = "multibyte.taken";

fn load(writer: &mut Writer, path: &PathBuf) -> Result<Option<Vec<Entry>>, WriteError> {
    let Some(modified) = std::fs::metadata(path).and_then(|m| m.modified()).ok() else { return Ok(None) };
    let stamp = modified.duration_since(SystemTime::UNIX_EPOCH).map_or(0, |d| d.as_nanos()).to_string();
    if writer.state(TAKEN)?.as_deref() == Some(stamp.as_str()) {
        return Ok(None);
    }
    let snapshot =
        read_limited(path, MAX_BYTES).and_then(|text| serde_json::from_str::<Snapshot>(&text).ok());
    let Some(snapshot) = snapshot else {
        tracing::warn!(path = %path.display(), "the multi-byte snapshot cannot be read; it is left alone");
        return Ok(None);
    };
    writer.set_state(TAKEN, &stamp)?;
    Ok(Some(snapshot.entries))
}
