//! `/metrics`, `/livez` and `/readyz` on an address of their own.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use anyhow::Context;
use bytes::Bytes;
use corescope_core::config::printable;
use http::{Method, Request, Response, StatusCode};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;

use super::{Observed, readiness};
use crate::ingest::MOST_TOLD;
use crate::ingest::clock::now_ms;
use crate::{Exit, Failure};

/// The recorder that every counter of the process goes to; installed once.
pub fn recorder() -> PrometheusHandle {
    static HANDLE: OnceLock<PrometheusHandle> = OnceLock::new();
    HANDLE
        .get_or_init(|| {
            let builder = [
                (
                    "corescope_batch_seconds",
                    &[0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0][..],
                ),
                (
                    "corescope_batch_messages",
                    &[1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 200.0, 500.0, 1000.0, 4096.0][..],
                ),
            ]
            .into_iter()
            .try_fold(PrometheusBuilder::new(), |builder, (name, buckets)| {
                builder.set_buckets_for_metric(Matcher::Full(name.to_owned()), buckets)
            })
            .unwrap_or_default();
            let recorder = builder.build_recorder();
            let handle = recorder.handle();
            if metrics::set_global_recorder(recorder).is_err() {
                tracing::warn!("counters are recorded elsewhere already; /metrics stays empty");
            }
            super::figures::describe();
            handle
        })
        .clone()
}

/// What the listener asks the process.
pub trait Probe: Send + Sync + 'static {
    /// Sets the figures that are levels, not events, to what they are now.
    fn refresh(&self);

    /// Figures whose labels come from outside, as text: the recorder would keep each series for ever.
    fn more(&self) -> String;

    /// Why the process does not do its work; empty when it does.
    fn reasons(&self) -> Vec<String>;
}

impl Probe for Observed {
    fn refresh(&self) {
        refresh(self);
    }

    fn more(&self) -> String {
        completeness_text(&self.desk.least_complete())
    }

    fn reasons(&self) -> Vec<String> {
        readiness(self).reasons
    }
}

/// A listener that ends when this is dropped.
#[derive(Debug)]
pub struct Listening {
    /// Where it listens.
    pub address: SocketAddr,
    task: JoinHandle<()>,
}

impl Drop for Listening {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Connections at a time.
const CONNECTIONS: usize = 32;

/// Listens.
///
/// # Errors
///
/// [`Exit::Io`] when the address cannot be had.
pub async fn listen(
    address: &str,
    recorder: PrometheusHandle,
    probe: impl Probe,
) -> Result<Listening, Failure> {
    let listener = TcpListener::bind(address)
        .await
        .with_context(|| format!("cannot listen on {address} for metrics"))
        .map_err(|error| Failure::new(Exit::Io, error))?;
    let address = listener.local_addr()?;
    tracing::info!(%address, "metrics");
    let task = tokio::spawn(accept(listener, recorder, Arc::new(probe)));
    Ok(Listening { address, task })
}

async fn accept(listener: TcpListener, recorder: PrometheusHandle, probe: Arc<dyn Probe>) {
    let places = Arc::new(Semaphore::new(CONNECTIONS));
    loop {
        let Ok(place) = Arc::clone(&places).acquire_owned().await else { return };
        let Ok((stream, _)) = listener.accept().await else {
            // Out of file descriptors, mostly: others may be closed soon.
            tokio::time::sleep(Duration::from_millis(100)).await;
            continue;
        };
        let (recorder, probe) = (recorder.clone(), Arc::clone(&probe));
        tokio::spawn(async move {
            let service = service_fn(move |request| {
                let response = answer(&request, &recorder, &*probe);
                async move { Ok::<_, Infallible>(response) }
            });
            let connection = http1::Builder::new()
                .timer(TokioTimer::new())
                .header_read_timeout(Duration::from_secs(10))
                .serve_connection(TokioIo::new(stream), service);
            let _ = tokio::time::timeout(Duration::from_mins(5), connection).await;
            drop(place);
        });
    }
}

fn answer(
    request: &Request<Incoming>,
    recorder: &PrometheusHandle,
    probe: &dyn Probe,
) -> Response<Full<Bytes>> {
    if request.method() != Method::GET && request.method() != Method::HEAD {
        return text(
            StatusCode::METHOD_NOT_ALLOWED,
            "text/plain; charset=utf-8",
            "expected GET\n".to_owned(),
        );
    }
    match request.uri().path() {
        "/metrics" => {
            probe.refresh();
            let body = recorder.render() + &probe.more();
            text(StatusCode::OK, "text/plain; version=0.0.4; charset=utf-8", body)
        }
        "/livez" => text(StatusCode::OK, "text/plain; charset=utf-8", "ok\n".to_owned()),
        "/readyz" => {
            let reasons = probe.reasons();
            let status = if reasons.is_empty() { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
            text(
                status,
                "application/json",
                json!({"ready": reasons.is_empty(), "reasons": reasons}).to_string(),
            )
        }
        _ => text(
            StatusCode::NOT_FOUND,
            "text/plain; charset=utf-8",
            "here are /metrics, /livez and /readyz\n".to_owned(),
        ),
    }
}

fn text(status: StatusCode, kind: &'static str, body: String) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from(body)));
    *response.status_mut() = status;
    response.headers_mut().insert(http::header::CONTENT_TYPE, http::HeaderValue::from_static(kind));
    response.headers_mut().insert(http::header::CACHE_CONTROL, http::HeaderValue::from_static("no-store"));
    response
}

fn completeness_text(observers: &[(String, f64)]) -> String {
    let name = "corescope_observer_completeness_ratio";
    let mut out = String::new();
    if !observers.is_empty() {
        out = format!(
            "# HELP {name} Share of what an observer heard in the newest full hour that arrived; the {MOST_TOLD} least complete\n\
             # TYPE {name} gauge\n"
        );
    }
    for (observer, ratio) in observers {
        let label = printable(observer).replace('\\', "\\\\").replace('"', "\\\"");
        out.push_str(&format!("{name}{{observer=\"{label}\"}} {ratio}\n"));
    }
    out
}

/// Figures that are levels, not events, taken when somebody asks.
fn refresh(observed: &Observed) {
    let now = now_ms();
    metrics::gauge!("corescope_queue_messages").set(observed.level.messages() as f64);
    metrics::gauge!("corescope_queue_bytes").set(observed.level.bytes() as f64);
    metrics::counter!("corescope_queue_waits_total").absolute(observed.level.waits());
    let lag = if observed.level.messages() == 0 { Duration::ZERO } else { observed.desk.lag() };
    metrics::gauge!("corescope_commit_lag_seconds").set(lag);
    let stuck = observed.desk.trouble().map_or(Duration::ZERO, |(stuck, _)| stuck);
    metrics::gauge!("corescope_writer_stuck_seconds").set(stuck);
    for view in observed.desk.jobs() {
        let job = view.job.name();
        metrics::counter!("corescope_job_runs_total", "job" => job).absolute(view.status.runs);
        metrics::gauge!("corescope_job_running", "job" => job).set(if view.is_running { 1.0 } else { 0.0 });
        let failed = view.status.error.is_some();
        metrics::gauge!("corescope_job_failed", "job" => job).set(if failed { 1.0 } else { 0.0 });
        metrics::gauge!("corescope_job_longest_hold_seconds", "job" => job)
            .set(view.status.longest_hold_ms as f64 / 1000.0);
    }
    let written = observed.desk.written();
    metrics::counter!("corescope_lock_wait_milliseconds_total").absolute(written.lock_wait_us / 1000);
    metrics::counter!("corescope_transmissions_total").absolute(written.transmissions);
    metrics::counter!("corescope_observations_total").absolute(written.observations);
    metrics::counter!("corescope_commits_total").absolute(written.commits);
    metrics::counter!("corescope_node_writes_total").absolute(written.node_writes);
    metrics::counter!("corescope_observer_writes_total").absolute(written.observer_writes);
    metrics::counter!("corescope_bad_signatures_total").absolute(written.bad_signatures);
    for status in observed.roster.statuses() {
        let figures = status.figures(now);
        let source = status.name.clone();
        metrics::counter!("corescope_source_messages_total", "source" => source.clone())
            .absolute(figures.messages);
        metrics::counter!("corescope_source_bytes_total", "source" => source.clone()).absolute(figures.bytes);
        metrics::gauge!("corescope_source_last_message_timestamp_seconds", "source" => source)
            .set(figures.last_message_ms.unwrap_or_default() as f64 / 1000.0);
    }
    if let Value::Object(sources) = observed.desk.completeness() {
        for (source, known) in sources {
            let figure = |name: &str| known.get(name).and_then(Value::as_f64);
            for (name, what) in [
                ("ratio", "corescope_completeness_ratio"),
                ("expected", "corescope_completeness_expected_packets"),
                ("received", "corescope_completeness_received_packets"),
                ("observers", "corescope_completeness_observers"),
                ("estimated", "corescope_completeness_estimated_observers"),
            ] {
                if let Some(value) = figure(name) {
                    metrics::gauge!(what, "source" => source.clone()).set(value);
                }
            }
        }
    }
    for (reason, count) in observed.shared.counters.bad_counts() {
        metrics::counter!("corescope_bad_total", "reason" => reason).absolute(count);
    }
    if let Some(mb) = super::readiness::free_disk_mb(&observed.database) {
        metrics::gauge!("corescope_disk_free_bytes").set((mb << 20) as f64);
    }
    for (suffix, name) in [("", "database"), ("-wal", "wal")] {
        let mut path = observed.database.as_os_str().to_owned();
        path.push(suffix);
        let size = std::fs::metadata(path).map_or(0, |about| about.len());
        metrics::gauge!("corescope_file_bytes", "file" => name).set(size as f64);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn observers_are_labels_whatever_they_are_called() {
        assert_eq!(completeness_text(&[]), "");
        let text = completeness_text(&[("A1".into(), 0.5), ("a \"b\\\n".into(), 1.0)]);
        let lines: Vec<_> = text.lines().collect();
        assert_eq!(lines.len(), 4, "{text}");
        assert_eq!(lines[2], r#"corescope_observer_completeness_ratio{observer="A1"} 0.5"#);
        assert!(lines[3].starts_with(r#"corescope_observer_completeness_ratio{observer="a \"b\\"#), "{text}");
    }
}
