//! `POST /api/packets`: a packet for the ingestor, left in a folder beside the database.
//!
//! The server never writes the database. It leaves the request durably (written beside, synced,
//! renamed), waits up to two seconds for the ingestor's answer, and else says that it is queued.

use std::fs::{self, File, TryLockError};
use std::io::{self, Write};
use std::ops::RangeInclusive;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use corescope_core::injection::{PacketAnswer, PacketRequest, answer_file, id_of_request_file, request_file};
use corescope_core::time::rfc3339;
use corescope_decode::encode::FrameBuilder;
use corescope_decode::{Packet, PayloadType};
use corescope_store::db::beside;
use http::{HeaderMap, StatusCode};
use serde::{Deserialize, Serialize};
use tokio::time::Instant;
use utoipa::ToSchema;

use crate::decode_service::{self, DecodedPacket};
use crate::error::ErrorBody;
use crate::server::body;
use crate::{ApiError, AppState, json, require_key};

/// Largest body.
const MAX_BODY: usize = 8 * 1024;
/// Requests that may wait for the ingestor.
const MAX_WAITING: usize = 1000;
/// How long an answer is waited for.
const PATIENCE: Duration = Duration::from_secs(2);
/// How often it is looked for.
const LOOK: Duration = Duration::from_millis(20);

/// A packet to store.
#[derive(Debug, Deserialize, ToSchema)]
pub(crate) struct SubmitRequest {
    /// The frame in hex, any case.
    #[serde(default)]
    hex: Option<String>,
    /// Who heard it.
    #[serde(default)]
    observer: Option<String>,
    /// Signal-to-noise ratio, dB, -64 to 64.
    #[serde(default)]
    snr: Option<f64>,
    /// Signal strength, dBm, -256 to 64.
    #[serde(default)]
    rssi: Option<f64>,
    /// The way it came, in place of the one in `hex`: path hashes in hex, all of 1, 2 or 3 bytes.
    #[serde(default)]
    path: Option<Vec<String>>,
}

/// The packet is stored.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Submitted {
    /// Transmission id.
    id: i64,
    /// Observation id, if an observation was stored or known.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    observation_id: Option<i64>,
    /// `stored` or `duplicate`.
    outcome: String,
    /// What was understood.
    decoded: DecodedPacket,
}

/// The packet waits for the ingestor; it is not lost.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Queued {
    /// Always true.
    queued: bool,
    /// What was understood.
    decoded: DecodedPacket,
}

/// Hands a packet to the ingestor.
#[utoipa::path(post, path = "/api/packets", tag = "packets", security(("ApiKeyAuth" = [])), request_body = SubmitRequest,
    responses((status = 200, body = Submitted), (status = 202, body = Queued), (status = 400, body = ErrorBody),
        (status = 401, body = ErrorBody), (status = 403, body = ErrorBody), (status = 413, body = ErrorBody),
        (status = 422, body = ErrorBody), (status = 503, body = ErrorBody)))]
pub(crate) async fn submit(
    State(app): State<AppState>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, ApiError> {
    require_key(&app, &headers)?;
    let request: SubmitRequest = body::json(&app, body, MAX_BODY).await?;
    within("snr", request.snr, -64.0..=64.0)?;
    within("rssi", request.rssi, -256.0..=64.0)?;
    let mut hex = request.hex.unwrap_or_default();
    let mut decoded = decode_service::decode(&hex, false)?;
    hex.retain(|c| !c.is_whitespace());
    if let Some(path) = &request.path {
        hex = with_path(&hex, path)?;
        decoded = decode_service::decode(&hex, false)?;
    }
    let id = new_id();
    let request = PacketRequest {
        id: id.clone(),
        requested_at: rfc3339(app.clock.now()),
        hex,
        observer: request
            .observer
            .map(|o| o.trim().chars().take(128).collect::<String>())
            .filter(|o| !o.is_empty()),
        region: None,
        snr: request.snr,
        rssi: request.rssi,
    };
    let (folder, database) = (app.paths.packet_requests.clone(), app.paths.db.clone());
    let place = folder.clone();
    tokio::task::spawn_blocking(move || leave(&place, &database, &request))
        .await
        .map_err(|error| ApiError::internal("submit", &error))??;
    let answer = folder.join(answer_file(&id));
    match wait_for(&answer).await {
        Some(PacketAnswer { transmission: Some(id), observation, outcome, .. }) => {
            Ok(json::response(&Submitted { id, observation_id: observation, outcome, decoded }))
        }
        Some(refused) => {
            let text = refused.error.unwrap_or_else(|| format!("the packet was {}", refused.outcome));
            Err(ApiError::new(StatusCode::UNPROCESSABLE_ENTITY, "refused", text)
                .hint("the ingestor's filters decide what is stored"))
        }
        None => {
            let body = json::response(&Queued { queued: true, decoded });
            Ok((StatusCode::ACCEPTED, body).into_response())
        }
    }
}

fn within(name: &str, value: Option<f64>, range: RangeInclusive<f64>) -> Result<(), ApiError> {
    match value {
        Some(value) if !range.contains(&value) => {
            let error = format!("{name} is {value}, it must lie from {} to {}", range.start(), range.end());
            Err(ApiError::bad_request(error).code("out_of_range"))
        }
        _ => Ok(()),
    }
}

/// The frame as if it had come this way. `hex` is a packet.
fn with_path(hex: &str, path: &[String]) -> Result<String, ApiError> {
    let bad = |error: String| {
        let error = ApiError::bad_request(format!("path: {error}")).code("bad_path");
        error.hint("give path hashes in hex, all of 1, 2 or 3 bytes, such as [\"7D\", \"A4\"]")
    };
    let raw = hex::decode(hex).map_err(|error| bad(error.to_string()))?;
    let packet = Packet::parse(&raw).map_err(|error| bad(error.to_string()))?;
    if packet.payload_type() == PayloadType::Trace {
        return Err(bad("that of a TRACE holds signal values".to_owned()));
    }
    let hops = path.iter().map(hex::decode).collect::<Result<Vec<_>, _>>();
    let hops = hops.map_err(|error| bad(error.to_string()))?;
    let size = hops.first().map_or(1, Vec::len);
    if hops.iter().any(|hop| hop.len() != size) {
        return Err(bad("its hashes differ in length".to_owned()));
    }
    let frame = FrameBuilder::like(&packet)
        .path(size, &hops.concat())
        .and_then(|frame| frame.build(packet.payload_type(), packet.payload()));
    frame.map(hex::encode_upper).map_err(|error| bad(error.to_string()))
}

/// Leaves the request, if somebody is there to take it.
fn leave(folder: &Path, database: &Path, request: &PacketRequest) -> Result<(), ApiError> {
    if !writer_is_there(database) {
        let error = ApiError::unavailable("no ingestor is running", 30).code("no_ingestor");
        return Err(error.hint("start corescope-ingestor (or corescope-cli up) on this database"));
    }
    let failed = |error: io::Error| {
        let answer =
            ApiError::unavailable("the packet cannot be left for the ingestor", 30).code("queue_failed");
        tracing::error!(%error, folder = %folder.display(), "cannot leave a packet request");
        answer.hint("the folder packet-requests beside the database must be writable for the server")
    };
    fs::create_dir_all(folder).map_err(failed)?;
    if waiting(folder) >= MAX_WAITING {
        return Err(
            ApiError::unavailable("too many packets are waiting for the ingestor", 10).code("queue_full")
        );
    }
    write_durably(folder, &request_file(&request.id), &json::to_vec(request)).map_err(failed)
}

/// Whether a process holds the right to write the database. The lock is only looked at: a shared
/// one is tried and given back at once.
fn writer_is_there(database: &Path) -> bool {
    let Ok(file) = File::open(beside(database, ".writer.lock")) else { return false };
    matches!(file.try_lock_shared(), Err(TryLockError::WouldBlock))
}

fn waiting(folder: &Path) -> usize {
    let Ok(entries) = fs::read_dir(folder) else { return 0 };
    let names = entries.filter_map(|e| e.ok()?.file_name().into_string().ok());
    names.filter(|name| id_of_request_file(name).is_some()).take(MAX_WAITING).count()
}

/// Written beside, synced, renamed, and the rename synced: it survives a loss of power.
fn write_durably(folder: &Path, name: &str, bytes: &[u8]) -> io::Result<()> {
    let beside = folder.join(format!("{name}.tmp"));
    let mut file = File::create(&beside)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    drop(file);
    fs::rename(&beside, folder.join(name))?;
    File::open(folder)?.sync_all()
}

/// The ingestor's answer, fetched and removed.
async fn wait_for(answer: &Path) -> Option<PacketAnswer> {
    let end = Instant::now() + PATIENCE;
    while Instant::now() < end {
        if let Ok(text) = tokio::fs::read(answer).await {
            let _ = tokio::fs::remove_file(answer).await;
            return serde_json::from_slice(&text).ok();
        }
        tokio::time::sleep(LOOK).await;
    }
    None
}

/// 24 hex digits: time, process and a counter, so that names sort by age and never meet.
fn new_id() -> String {
    static COUNTER: AtomicU64 = AtomicU64::new(0);
    let micros = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| d.as_micros() as u64);
    let count = COUNTER.fetch_add(1, Ordering::Relaxed);
    format!("{micros:014x}{:06x}{:04x}", std::process::id() & 0xff_ffff, count & 0xffff)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_takes_the_place_of_the_one_in_the_frame() {
        let path = |hops: &[&str]| hops.iter().map(|hop| (*hop).to_owned()).collect::<Vec<_>>();
        // flood group text: header, path length, path, payload
        assert_eq!(with_path("1501AABBCC", &path(&["7d", "A4"])).unwrap(), "15027DA4BBCC");
        assert_eq!(with_path("1501AABBCC", &path(&["7d01"])).unwrap(), "15417D01BBCC");
        assert_eq!(with_path("1501AABBCC", &[]).unwrap(), "1500BBCC");
        // with transport codes
        assert_eq!(with_path("141122334400BBCC", &path(&["01"])).unwrap(), "14112233440101BBCC");
        for wrong in [&["7d", "0102"][..], &["zz"], &["7"], &[""], &["01020304"], &["01"; 64]] {
            assert_eq!(
                with_path("1501AABBCC", &path(wrong)).unwrap_err().body().code,
                "bad_path",
                "{wrong:?}"
            );
        }
        assert!(with_path("26010FBA74E45D000000000027", &path(&["01"])).is_err());
    }

    #[test]
    fn figures_of_no_radio_are_refused() {
        assert!(
            within("snr", Some(-12.25), -64.0..=64.0).is_ok() && within("snr", None, -64.0..=64.0).is_ok()
        );
        let error = within("rssi", Some(1e300), -256.0..=64.0).unwrap_err();
        assert_eq!(error.body().code, "out_of_range");
    }

    #[test]
    fn ids_name_requests_and_never_meet() {
        let (one, two) = (new_id(), new_id());
        assert!(corescope_core::injection::is_request_id(&one) && one.len() == 24);
        assert_ne!(one, two);
    }

    #[test]
    fn nobody_there_is_said_at_once_and_nothing_is_left() {
        let dir = tempfile::tempdir().unwrap();
        let request: PacketRequest =
            serde_json::from_str(r#"{"id":"ab","requestedAt":"2026-06-01T12:00:00Z","hex":"0600"}"#).unwrap();
        let folder = dir.path().join("packet-requests");
        let database = dir.path().join("meshcore.db");
        assert_eq!(leave(&folder, &database, &request).unwrap_err().body().code, "no_ingestor");
        assert!(!folder.exists());
        let lock = File::create(beside(&database, ".writer.lock")).unwrap();
        lock.lock().unwrap();
        leave(&folder, &database, &request).unwrap();
        assert_eq!(waiting(&folder), 1);
        assert_eq!(fs::read_dir(&folder).unwrap().count(), 1);
    }
}
