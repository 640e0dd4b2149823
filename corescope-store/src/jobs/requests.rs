//! `maintain-requests/`: a command line asks the running ingestor for a job.
//!
//! The one who asks writes `request-<16 hex>.json` and waits for `result-<id>.json`; both
//! are written to a temporary name and renamed.

use std::path::{Path, PathBuf};

use corescope_core::time::rfc3339;
use serde::{Deserialize, Serialize};

use super::job::Job;
use super::prune_requests::{read_limited, request_id, write_json};

const MAX_BYTES: u64 = 64 * 1024;
const MAX_FILES: usize = 100;

/// A request for a job.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Request {
    id: String,
    requested_at: String,
    job: String,
}

/// What came of a request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct MaintainAnswer {
    /// The request's id.
    pub id: String,
    /// Name of the job.
    pub job: String,
    /// When it was through, RFC 3339.
    pub completed_at: String,
    /// Rows that it changed.
    pub rows: u64,
    /// Longest time that it held the write lock, milliseconds.
    pub longest_hold_ms: u64,
    /// Why it failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

/// Why a request could not be left.
#[derive(Debug, thiserror::Error)]
#[error("cannot leave a request in {folder}")]
pub struct MaintainError {
    folder: PathBuf,
    source: std::io::Error,
}

/// Leaves a request for a job; the id is needed to read the answer.
///
/// # Errors
///
/// [`MaintainError`] when the folder cannot be written.
pub fn ask(folder: &Path, job: Job, id: &str, now: i64) -> Result<(), MaintainError> {
    let error = |source| MaintainError { folder: folder.to_owned(), source };
    std::fs::create_dir_all(folder).map_err(error)?;
    let request = Request { id: id.to_owned(), requested_at: rfc3339(now), job: job.name().to_owned() };
    write_json(&folder.join(format!("request-{id}.json")), &request).map_err(error)
}

/// The answer, once it is there; it is removed.
pub fn read_answer(folder: &Path, id: &str) -> Option<MaintainAnswer> {
    let path = folder.join(format!("result-{id}.json"));
    let answer = serde_json::from_str(&read_limited(&path, MAX_BYTES)?).ok()?;
    let _ = std::fs::remove_file(path);
    Some(answer)
}

/// Takes the requests that wait: id and job, or why there is none.
pub(super) fn take(folder: &Path) -> Vec<(String, Result<Job, String>)> {
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    let mut taken = Vec::new();
    for entry in entries.flatten().take(MAX_FILES) {
        let name = entry.file_name();
        let Some(id) = name.to_str().and_then(|n| request_id(n, "request-")) else { continue };
        let request = read_limited(&entry.path(), MAX_BYTES)
            .and_then(|text| serde_json::from_str::<Request>(&text).ok());
        let job = match request {
            Some(request) => Job::from_name(&request.job).ok_or_else(|| format!("no job {:?}", request.job)),
            None => Err("the request cannot be read".to_owned()),
        };
        taken.push((id.to_owned(), job));
        let _ = std::fs::remove_file(entry.path());
    }
    taken
}

/// Leaves the answer.
pub(super) fn answer(folder: &Path, answer: &MaintainAnswer) {
    let path = folder.join(format!("result-{}.json", answer.id));
    if let Err(error) = write_json(&path, answer) {
        tracing::warn!(%error, file = %path.display(), "cannot leave the answer to a request");
    }
}
