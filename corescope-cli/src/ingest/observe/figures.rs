//! The figures of `/metrics`, and what they mean.

use self::Kind::{Counter, Gauge, Histogram};

/// What each figure means: also the list in `INGEST.md`.
const FIGURES: &[(Kind, &str, &str)] = &[
    (Counter, "corescope_messages_total", "messages that came to the writer, by source, result and reason"),
    (Counter, "corescope_refused_total", "messages refused before the writer, by source, result and reason"),
    (Counter, "corescope_bad_total", "messages, packets and connections that broke a rule, by reason"),
    (Counter, "corescope_odd_messages_total", "messages that were used although something was odd"),
    (Counter, "corescope_write_errors_total", "attempts to commit a batch that failed"),
    (Counter, "corescope_source_connects_total", "connections made to a source"),
    (Counter, "corescope_source_failures_total", "connections lost or not made"),
    (Counter, "corescope_source_silences_total", "times a connected source fell silent"),
    (Counter, "corescope_source_panics_total", "sources that ended by a mistake of ours"),
    (Counter, "corescope_source_messages_total", "messages received from a source"),
    (Counter, "corescope_source_bytes_total", "bytes of their payloads"),
    (Gauge, "corescope_source_connected", "1 while the connection to a source stands"),
    (
        Gauge,
        "corescope_source_last_message_timestamp_seconds",
        "when a source last delivered, Unix time; 0: never",
    ),
    (Gauge, "corescope_endpoint_clients", "connections to our own MQTT endpoint"),
    (Counter, "corescope_endpoint_missed_total", "messages that listeners at our endpoint were too slow for"),
    (Gauge, "corescope_queue_messages", "messages that are received and not committed"),
    (Gauge, "corescope_queue_bytes", "their bytes"),
    (Counter, "corescope_queue_waits_total", "times a source had to wait for room"),
    (
        Gauge,
        "corescope_commit_lag_seconds",
        "how long what waits has been waiting for a commit; 0 when nothing waits",
    ),
    (Gauge, "corescope_writer_stuck_seconds", "how long nothing can be committed; 0 when all is well"),
    (Histogram, "corescope_batch_seconds", "time from the start of a transaction to its commit"),
    (Histogram, "corescope_batch_messages", "messages in a batch"),
    (
        Histogram,
        "corescope_writer_hold_seconds",
        "how long each part (messages, a job) holds the writer at a time",
    ),
    (
        Histogram,
        "corescope_writer_wait_seconds",
        "how long the oldest message of a batch waited for the writer",
    ),
    (
        Counter,
        "corescope_lock_wait_milliseconds_total",
        "time spent waiting for other processes to let go of the database",
    ),
    (Counter, "corescope_job_runs_total", "runs of a job since the start"),
    (Gauge, "corescope_job_running", "1 while the job runs"),
    (Gauge, "corescope_job_failed", "1 when its last run failed"),
    (Gauge, "corescope_job_longest_hold_seconds", "longest time that a step of its last run held the writer"),
    (Counter, "corescope_transmissions_total", "transmissions stored"),
    (Counter, "corescope_observations_total", "observations stored"),
    (Counter, "corescope_commits_total", "transactions committed"),
    (Counter, "corescope_node_writes_total", "rows of nodes written"),
    (Counter, "corescope_observer_writes_total", "rows of observers written"),
    (Counter, "corescope_bad_signatures_total", "adverts refused for their signature"),
    (Gauge, "corescope_disk_free_bytes", "room left for the database"),
    (Gauge, "corescope_file_bytes", "size of the database and of its write-ahead log (wal)"),
    (Gauge, "corescope_http_connections", "open HTTP connections (server)"),
    (Gauge, "corescope_http_sockets", "open WebSockets (server)"),
    (Gauge, "corescope_server_ready", "1 once the newest day is loaded (server)"),
    (Gauge, "corescope_server_uptime_seconds", "time since the server started"),
    (
        Gauge,
        "corescope_server_stats_file_age_seconds",
        "age of the ingestor's stats file (server); NaN without one",
    ),
    (
        Gauge,
        "corescope_completeness_ratio",
        "share of what the observers of a source heard in the newest full hour that arrived",
    ),
    (Gauge, "corescope_completeness_expected_packets", "how many packets that were, as far as can be told"),
    (Gauge, "corescope_completeness_received_packets", "how many of them arrived"),
    (Gauge, "corescope_completeness_observers", "observers of a source that were heard in that hour"),
    (Gauge, "corescope_completeness_estimated_observers", "those of them of which something can be told"),
    (Gauge, "corescope_observer_completeness_ratio", "the same share for the 1000 least complete observers"),
    (Gauge, "corescope_store_bytes", "memory of the packet store, by part (server)"),
    (Gauge, "corescope_store_budget_bytes", "its ceiling (server)"),
    (Gauge, "corescope_store_transmissions", "transmissions in memory (server)"),
    (Gauge, "corescope_store_observations", "observations in memory (server)"),
    (
        Gauge,
        "corescope_store_evicted_transmissions",
        "transmissions that left memory for the ceiling's sake (server)",
    ),
    (
        Gauge,
        "corescope_store_defects",
        "rows of the database that could not be taken as they are, by kind (server)",
    ),
];

enum Kind {
    Counter,
    Gauge,
    Histogram,
}

/// Tells the recorder what each figure means.
pub(super) fn describe() {
    for (kind, name, meaning) in FIGURES {
        match kind {
            Counter => metrics::describe_counter!(*name, *meaning),
            Gauge => metrics::describe_gauge!(*name, *meaning),
            Histogram => metrics::describe_histogram!(*name, *meaning),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Names in our sources: whatever is counted anywhere is described here, and the other way round.
    #[test]
    fn what_is_counted_is_described_here_and_in_the_manual() {
        let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
        let manual = std::fs::read_to_string(root.join("INGEST.md")).unwrap();
        let mut counted = std::collections::BTreeSet::new();
        let mut folders = vec![root.join("src")];
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    folders.push(path);
                    continue;
                }
                let text = std::fs::read_to_string(&path).unwrap();
                if path.file_name().is_some_and(|name| name == "figures.rs") {
                    continue;
                }
                for literal in text.split("\"corescope_").skip(1) {
                    let name = literal.split(['"', '{']).next().unwrap_or_default();
                    counted.insert(format!("corescope_{name}"));
                }
            }
        }
        let described: std::collections::BTreeSet<_> =
            FIGURES.iter().map(|(_, name, _)| (*name).to_owned()).collect();
        assert_eq!(counted, described);
        for (_, name, meaning) in FIGURES {
            assert!(manual.contains(&format!("| `{name}` | {meaning} |")), "| `{name}` | {meaning} |");
        }
    }
}
