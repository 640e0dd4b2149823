//! Packets that came over HTTP: the folder `packet-requests/` beside the database as a source.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use corescope_core::injection::{PacketAnswer, PacketRequest, answer_file, id_of_request_file};
use corescope_core::time::rfc3339;
use corescope_core::uplink::clean_name;
use corescope_store::write::{Accepted, Message, ObserverMark, Outcome, PacketMessage};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::clock::now_ms;
use super::queue::{Intake, Work};
use super::receipt::Receipt;
use super::shared::Shared;

/// Name of this source in the ledger.
const SOURCE: &str = "http";

/// How often the folder is looked at.
const EVERY: Duration = Duration::from_millis(100);

/// Largest request, bytes.
const MAX_REQUEST: u64 = 16 << 10;

/// Requests taken in one look.
const MAX_AT_ONCE: usize = 256;

/// How long an answer waits for whoever asked.
const KEEP_ANSWERS: Duration = Duration::from_hours(7 * 24);

/// Takes requests from the folder until intake stops.
pub fn watch(
    folder: PathBuf,
    intake: Intake,
    shared: Arc<Shared>,
    stop: CancellationToken,
) -> JoinHandle<()> {
    tokio::spawn(async move {
        let source: Arc<str> = Arc::from(SOURCE);
        let mut looks: u64 = 0;
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(EVERY) => {}
            }
            looks += 1;
            let found = look(&folder, looks % 36_000 == 1);
            let mut waiting = Vec::new();
            for path in found {
                match request(&path) {
                    Ok(request) => {
                        let (sender, answer) = oneshot::channel();
                        let size = request.hex.len() + 512;
                        let work = Work::Store(Box::new(accepted(&source, &request)));
                        if intake.put(work, Receipt::Answer(sender), size).await.is_err() {
                            return;
                        }
                        waiting.push((path, request.id, answer));
                    }
                    Err(why) => {
                        shared.counters.bad("packet_request");
                        tracing::warn!(file = %path.display(), why, "packet request removed");
                        let _ = std::fs::remove_file(&path);
                    }
                }
            }
            for (path, id, answer) in waiting {
                // Without an answer nothing was committed: the request stays for the next look.
                let Ok(Some(outcome)) = answer.await else { continue };
                let answered = write_answer(&folder, &answer_of(id, outcome));
                if let Err(error) = answered.and_then(|()| std::fs::remove_file(&path)) {
                    tracing::warn!(%error, file = %path.display(), "cannot answer a packet request");
                }
            }
        }
    })
}

/// Requests in the folder, oldest name first; also removes answers that nobody fetched.
fn look(folder: &Path, tidy: bool) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    let mut found = Vec::new();
    for entry in entries.filter_map(Result::ok) {
        let name = entry.file_name();
        let Some(name) = name.to_str() else { continue };
        if id_of_request_file(name).is_some() {
            found.push(entry.path());
        } else if tidy && name.starts_with("result-") {
            let age = entry.metadata().and_then(|about| about.modified()).ok();
            if age
                .and_then(|at| SystemTime::now().duration_since(at).ok())
                .is_some_and(|age| age > KEEP_ANSWERS)
            {
                let _ = std::fs::remove_file(entry.path());
            }
        }
    }
    found.sort();
    found.truncate(MAX_AT_ONCE);
    found
}

fn request(path: &Path) -> Result<PacketRequest, &'static str> {
    let size = std::fs::metadata(path).map_err(|_| "cannot be read")?.len();
    if size > MAX_REQUEST {
        return Err("too large");
    }
    let text = std::fs::read(path).map_err(|_| "cannot be read")?;
    let request: PacketRequest = serde_json::from_slice(&text).map_err(|_| "not a request")?;
    let named = path.file_name().and_then(|name| name.to_str()).and_then(id_of_request_file);
    if named != Some(request.id.as_str()) {
        return Err("its id is not that of its file");
    }
    Ok(request)
}

fn accepted(source: &Arc<str>, request: &PacketRequest) -> Accepted {
    let clean = |text: &Option<String>| {
        text.as_deref().and_then(|text| clean_name(text.into())).map(std::borrow::Cow::into_owned)
    };
    let within = |value: Option<f64>, low, high| value.filter(|v| (low..=high).contains(v));
    let observer = clean(&request.observer).map(|id| ObserverMark {
        id,
        region: clean(&request.region),
        ..ObserverMark::default()
    });
    Accepted {
        source: Arc::clone(source),
        received_at_ms: now_ms(),
        observer,
        message: Message::Packet(PacketMessage {
            raw_hex: request.hex.chars().filter(|c| !c.is_ascii_whitespace()).collect(),
            snr: within(request.snr, -64.0, 64.0),
            rssi: within(request.rssi, -200.0, 0.0),
            ..PacketMessage::default()
        }),
    }
}

fn answer_of(id: String, outcome: Outcome) -> PacketAnswer {
    let row = |id: i64| Some(id).filter(|id| *id > 0);
    let (word, transmission, observation, error) = match outcome {
        Outcome::Stored { transmission, observation, .. } => {
            ("stored", row(transmission), row(observation), None)
        }
        Outcome::Duplicate { transmission, observation } => {
            ("duplicate", row(transmission), row(observation), None)
        }
        Outcome::Filtered(rule) => ("filtered", None, None, Some(rule.word().to_owned())),
        Outcome::Rejected(why) => ("rejected", None, None, Some(why.word().to_owned())),
        _ => ("stored", None, None, None),
    };
    PacketAnswer {
        id,
        completed_at: rfc3339(now_ms().div_euclid(1000)),
        outcome: word.to_owned(),
        transmission,
        observation,
        error,
    }
}

fn write_answer(folder: &Path, answer: &PacketAnswer) -> std::io::Result<()> {
    let path = folder.join(answer_file(&answer.id));
    let beside = path.with_extension("tmp");
    std::fs::write(&beside, serde_json::to_vec(answer)?)?;
    std::fs::rename(beside, path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_checked_and_sorted() {
        let dir = tempfile::tempdir().unwrap();
        let put = |name: &str, text: &str| std::fs::write(dir.path().join(name), text).unwrap();
        put("request-0b.json", r#"{"id":"0b","requestedAt":"x","hex":"11 00aa","snr":900}"#);
        put("request-0a.json", "not json");
        put("request-0c.json", r#"{"id":"ff","requestedAt":"x","hex":"11"}"#);
        put("request-0d.json.tmp", "{}");
        put("result-0b.json", "{}");
        let found = look(dir.path(), true);
        assert_eq!(found.len(), 3);
        assert_eq!(request(&found[0]), Err("not a request"));
        assert_eq!(request(&found[2]), Err("its id is not that of its file"));
        let good = request(&found[1]).unwrap();
        let accepted = accepted(&Arc::from("http"), &good);
        let Message::Packet(packet) = accepted.message else { panic!() };
        assert_eq!((packet.raw_hex.as_str(), packet.snr), ("1100aa", None));
        assert!(dir.path().join("result-0b.json").exists(), "young answers stay");
    }
}
