//! The figures for a person.

use serde_json::{Map, Value};

/// Prints a table: what, figure, aim.
pub(super) fn print(figures: &Map<String, Value>) {
    let number = |key: &str| figures.get(key).and_then(Value::as_f64);
    let shown = |key: &str, unit: &str| {
        number(key).map_or_else(|| "not measured".to_owned(), |n| format!("{n} {unit}"))
    };
    let line = |what: &str, value: String, aim: &str| println!("{what:<34} {value:>24}   {aim}");
    line("transmissions", shown("transmissions", ""), "");
    line("observations", shown("observations", ""), "");
    line("bytes per observation", shown("bytes_per_observation", "B"), "at most 48");
    line("bytes per transmission", shown("bytes_per_transmission", "B"), "at most 400");
    line("resident, loaded minus empty", shown("resident_bytes_loaded", "B"), "");
    line("load", shown("load_observations_per_s", "obs/s"), "at least 1 000 000");
    line("bare SQLite scan, one thread", shown("sqlite_scan_rows_per_s", "rows/s"), "");
    line("load : scan", shown("load_share_of_scan", ""), "");
    line("snapshot: write", shown("snapshot_write_s", "s"), "");
    line("snapshot: start", shown("snapshot_start_s", "s"), "");
    line("append", shown("append_observations_per_s", "obs/s"), "at least 500 000");
    line("resident, bound", shown("resident_bytes_bound", "B"), "48 B and 400 B a row");
    line("commit to visible, p50", shown("follow_ms_p50", "ms"), "at most 100");
    line("commit to visible, p99", shown("follow_ms_p99", "ms"), "");
    for (what, key, aim) in [
        ("serve: commit to socket", "serve_commit_to_socket", "at most 100"),
        ("up: acknowledged to socket", "up_acknowledged_to_socket", "at most 10"),
    ] {
        for share in ["p50", "p99"] {
            line(&format!("{what}, {share}"), shown(&format!("{key}_ms_{share}"), "ms"), aim);
        }
    }
    println!(
        "\n{:<22} {:>12} {:>12} {:>14} {:>14}   aim",
        "query", "p50 us", "p99 us", "quiet p50 us", "quiet p99 us"
    );
    for (name, aim) in super::measure::QUERIES {
        let figure =
            |suffix: &str| number(&format!("{name}_{suffix}")).map_or_else(|| "-".into(), |n| n.to_string());
        println!(
            "{name:<22} {:>12} {:>12} {:>14} {:>14}   {aim}",
            figure("p50_us"),
            figure("p99_us"),
            figure("quiet_p50_us"),
            figure("quiet_p99_us")
        );
    }
}
