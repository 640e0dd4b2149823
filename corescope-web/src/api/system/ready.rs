//! `GET /livez` and `GET /readyz`: for whoever restarts this program, and whoever sends it requests.

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use corescope_core::time::{parse_rfc3339, rfc3339};
use http::{HeaderValue, StatusCode, header};
use serde::Serialize;
use utoipa::ToSchema;

use super::ingestor::IngestorStats;
use crate::state::App;
use crate::{AppState, json};

/// The ingestor writes its figures each second; older than this it is not running, seconds.
const STALE_SECONDS: i64 = 60;

/// Whether this program, and the ingestor whose figures it reads, do their work.
#[derive(Debug, Serialize, ToSchema)]
pub struct Readiness {
    /// Whether they do.
    pub ready: bool,
    /// Why not; empty when they do.
    pub reasons: Vec<String>,
}

impl App {
    /// Why this program, or the ingestor whose figures it reads, does not do its work; empty when both do.
    /// A server that has no ingestor beside it is judged by itself.
    pub fn reasons(&self) -> Vec<String> {
        let mut reasons = Vec::new();
        if !self.is_ready() {
            reasons.push("the database is being loaded".to_owned());
        }
        let stats = self.rest.stats_file.get();
        reasons.extend(of_ingestor(stats.as_deref(), self.clock.now(), self.clock.is_frozen()));
        reasons
    }
}

/// What is wrong with the ingestor, as far as its figures tell. A clock that stands still says nothing of their age.
pub(super) fn of_ingestor(stats: Option<&IngestorStats>, now: i64, frozen: bool) -> Vec<String> {
    let Some(stats) = stats.filter(|_| !frozen) else { return Vec::new() };
    match parse_rfc3339(&stats.sampled_at) {
        // What it said of itself then says nothing about now.
        Some(at) if now - at > STALE_SECONDS => {
            vec![format!("the ingestor has written no figures since {}", rfc3339(at))]
        }
        _ => stats.reasons.clone(),
    }
}

/// Whether the process turns: this answer is the proof. A broker that is gone is no reason to restart us.
#[utoipa::path(get, path = "/livez", tag = "system",
    responses((status = 200, body = String, content_type = "text/plain")))]
pub(crate) async fn livez() -> Response {
    never_kept("ok\n".into_response())
}

/// Whether the process does its work: 503 with the reasons when it does not.
#[utoipa::path(get, path = "/readyz", tag = "system",
    responses((status = 200, body = Readiness), (status = 503, body = Readiness)))]
pub(crate) async fn readyz(State(app): State<AppState>) -> Response {
    let reasons = app.reasons();
    let ready = reasons.is_empty();
    let mut response = never_kept(json::response(&Readiness { ready, reasons }));
    if !ready {
        *response.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
    }
    response
}

fn never_kept(mut response: Response) -> Response {
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_ingestor_that_is_silent_or_says_so_is_not_ready() {
        let stats = IngestorStats {
            sampled_at: "2026-01-01T00:00:00Z".to_owned(),
            reasons: vec!["12 MB left on the database's disk".to_owned()],
            ..Default::default()
        };
        let now = parse_rfc3339("2026-01-01T00:02:00Z").unwrap();
        assert_eq!(
            of_ingestor(Some(&stats), now, false),
            ["the ingestor has written no figures since 2026-01-01T00:00:00Z"]
        );
        assert_eq!(of_ingestor(Some(&stats), now - 90, false), stats.reasons);
        assert!(of_ingestor(Some(&stats), now, true).is_empty() && of_ingestor(None, now, false).is_empty());
    }
}
