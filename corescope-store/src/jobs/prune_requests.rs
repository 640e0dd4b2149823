//! `prune-requests/`: nodes that the server was asked to delete. It cannot write the
//! database; it leaves a request, and finds the result beside it.

use std::io::Read;
use std::path::{Path, PathBuf};

use corescope_core::time::{parse_rfc3339, rfc3339};
use serde::{Deserialize, Serialize};

use super::plan::Plan;
use super::work::{Step, Work};
use crate::write::{Change, Changes, WriteError, Writer};

/// Nodes of one step.
const CHUNK: usize = 500;
/// Largest request that is read.
const MAX_BYTES: u64 = 8 * 1024 * 1024;
/// Requests and results looked at in one run.
const MAX_FILES: usize = 1_000;
/// Results are kept so long, seconds.
const RESULTS_KEPT_S: i64 = 7 * 86_400;

#[derive(Debug, Default)]
pub(super) struct PruneRequests {
    waiting: Option<Vec<PathBuf>>,
    running: Option<Running>,
}

#[derive(Debug)]
struct Running {
    file: PathBuf,
    request: Request,
    done: usize,
    deleted: u64,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Request {
    id: String,
    #[serde(default)]
    requested_at: String,
    #[serde(default)]
    pubkeys: Vec<String>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Answer<'a> {
    id: &'a str,
    requested_at: &'a str,
    completed_at: String,
    deleted: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<&'a str>,
}

impl Work for PruneRequests {
    fn step(&mut self, writer: &mut Writer, plan: &Plan, now: i64) -> Result<Step, WriteError> {
        let folder = &plan.prune_requests;
        if self.running.is_none() {
            let waiting = self.waiting.get_or_insert_with(|| look(folder, now));
            let Some(file) = waiting.pop() else { return Ok(Step::Done(0)) };
            self.running = open(&file);
            if self.running.is_none() {
                tracing::warn!(file = %file.display(), "a prune request cannot be read and is removed");
                let _ = std::fs::remove_file(&file);
                return Ok(Step::More(0));
            }
        }
        let Some(running) = &mut self.running else { return Ok(Step::Done(0)) };
        let keys: Vec<String> =
            running.request.pubkeys.iter().skip(running.done).take(CHUNK).map(|k| k.to_lowercase()).collect();
        let deleted = writer.write("cannot delete the nodes of a request", |db| {
            let mut changes = Changes::default();
            let mut delete = db.prepare_cached("DELETE FROM nodes WHERE public_key = ?1")?;
            let mut deleted = 0;
            for key in &keys {
                if delete.execute([key])? > 0 {
                    changes.key(Change::Node, key);
                    deleted += 1;
                }
            }
            changes.write(db)?;
            Ok(deleted)
        })?;
        writer.forget_books();
        running.done += keys.len();
        running.deleted += deleted;
        if keys.len() < CHUNK {
            let answer = Answer {
                id: &running.request.id,
                requested_at: &running.request.requested_at,
                completed_at: rfc3339(now),
                deleted: running.deleted,
                error: None,
            };
            let result = folder.join(format!("result-{}.json", running.request.id));
            if let Err(error) = write_json(&result, &answer) {
                tracing::warn!(%error, file = %result.display(), "cannot write the result of a prune request");
            }
            let _ = std::fs::remove_file(&running.file);
            self.running = None;
        }
        Ok(Step::More(deleted))
    }
}

/// The requests that wait; results that have been there long enough are removed.
fn look(folder: &Path, now: i64) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    let mut waiting = Vec::new();
    for entry in entries.flatten().take(MAX_FILES) {
        let name = entry.file_name();
        let name = name.to_string_lossy();
        if request_id(&name, "request-").is_some() {
            waiting.push(entry.path());
        } else if request_id(&name, "result-").is_some() && is_old(&entry.path(), now) {
            let _ = std::fs::remove_file(entry.path());
        }
    }
    waiting.sort();
    waiting
}

fn is_old(path: &Path, now: i64) -> bool {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Completed {
        completed_at: String,
    }
    read_limited(path, MAX_BYTES)
        .and_then(|text| serde_json::from_str::<Completed>(&text).ok())
        .and_then(|c| parse_rfc3339(&c.completed_at))
        .is_none_or(|at| at < now - RESULTS_KEPT_S)
}

fn open(file: &Path) -> Option<Running> {
    let request: Request = serde_json::from_str(&read_limited(file, MAX_BYTES)?).ok()?;
    // The id becomes part of a file's name.
    is_id(&request.id).then(|| Running { file: file.to_owned(), request, done: 0, deleted: 0 })
}

/// The id in `request-<id>.json`.
pub(super) fn request_id<'n>(name: &'n str, prefix: &str) -> Option<&'n str> {
    name.strip_prefix(prefix)?.strip_suffix(".json").filter(|id| is_id(id))
}

/// Hex, at most 64 characters: nothing that could lead out of the folder.
pub(super) fn is_id(id: &str) -> bool {
    (1..=64).contains(&id.len()) && id.bytes().all(|b| b.is_ascii_hexdigit())
}

/// Reads a file of at most so many bytes.
pub(super) fn read_limited(path: &Path, most: u64) -> Option<String> {
    let mut text = String::new();
    let read = std::fs::File::open(path).ok()?.take(most + 1).read_to_string(&mut text).ok()?;
    (read as u64 <= most).then_some(text)
}

/// Writes a file so that a reader sees all of it or nothing.
pub(super) fn write_json(path: &Path, value: &impl Serialize) -> std::io::Result<()> {
    let temporary = path.with_extension("tmp");
    std::fs::write(&temporary, serde_json::to_vec(value)?)?;
    std::fs::rename(&temporary, path)
}
