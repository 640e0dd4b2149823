//! Notices a source that is connected and has fallen silent.

use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::status::{SourceFigures, SourceStatus};
use crate::ingest::clock::{now_ms, steady_ms};

/// Warns once when a source has been silent for long by its own measure, and says when it speaks again.
///
/// Silence alone is no reason to reconnect: a dead connection is found by the missing ping answer.
pub async fn watch(status: Arc<SourceStatus>, stop: CancellationToken) {
    let started = steady_ms();
    let mut warned_at_messages = None;
    loop {
        status.watched(now_ms());
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(Duration::from_secs(10)) => {}
        }
        let figures = status.figures(now_ms());
        match warned_at_messages {
            Some(then) if figures.messages > then => {
                tracing::info!(source = %status.name, "the source delivers again");
                warned_at_messages = None;
            }
            Some(_) => {}
            None => {
                if let Some(silent) = silence(&figures, started, steady_ms()) {
                    let minutes = silent.as_secs() / 60;
                    tracing::warn!(source = %status.name, minutes, messages = figures.messages, "connected, but silent");
                    metrics::counter!("corescope_source_silences_total", "source" => status.name.clone())
                        .increment(1);
                    warned_at_messages = Some(figures.messages);
                }
            }
        }
    }
}

/// How long a connected source has been silent, if that is long: five minutes, and twenty times its mean gap.
/// By the steady clock.
fn silence(figures: &SourceFigures, started_ms: i64, now_ms: i64) -> Option<Duration> {
    if !figures.connected {
        return None;
    }
    let silent = now_ms - figures.spoke_ms.max(figures.came_ms).unwrap_or(started_ms);
    let gap = (now_ms - started_ms) / i64::try_from(figures.messages.max(1)).unwrap_or(i64::MAX);
    let limit = (20 * gap).clamp(5 * 60_000, 6 * 3_600_000);
    if silent <= limit { None } else { u64::try_from(silent).ok().map(Duration::from_millis) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn silence_is_measured_by_the_source_s_own_rate() {
        let status = SourceStatus::new("a", "b");
        status.connected(1, false);
        let minute = 60_000;
        let figures = |messages, last| SourceFigures {
            messages,
            came_ms: None,
            spoke_ms: Some(last),
            ..status.figures(1)
        };
        // Busy: 1000 messages in an hour, silent for six minutes.
        assert!(silence(&figures(1000, 60 * minute), 1, 66 * minute).is_some());
        assert!(silence(&figures(1000, 60 * minute), 1, 64 * minute).is_none());
        // Quiet: one in ten minutes, silent for an hour.
        assert!(silence(&figures(6, 60 * minute), 1, 120 * minute).is_none());
        assert!(silence(&figures(6, 60 * minute), 1, 600 * minute).is_some());
        let down = SourceFigures { connected: false, ..figures(1000, 60 * minute) };
        assert!(silence(&down, 1, 600 * minute).is_none());
    }
}
