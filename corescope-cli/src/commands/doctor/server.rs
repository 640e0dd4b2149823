//! The running server: is it loaded, is it behind, and does something in front of it hand
//! out old answers?

use corescope_core::time::parse_rfc3339;
use serde_json::Value;

use super::fetch::{Answer, fetch};
use super::{Findings, ago};
use crate::owner::now;

const AREA: &str = "server";
/// The store follows the database within a second; this allows for a slow way.
const BEHIND_S: i64 = 30;

pub(super) fn look(found: &mut Findings, url: &str, newest: Option<i64>) {
    let base = url.trim_end_matches('/');
    let health = match fetch(&format!("{base}/api/healthz")) {
        Ok(answer) => answer,
        Err(error) => {
            found.bad(AREA, format_args!("{base}: {error:#}"), "does it run, and is the address right?");
            return;
        }
    };
    let state: Value = serde_json::from_slice(&health.body).unwrap_or_default();
    let loaded = (state["loadedTx"].as_u64().unwrap_or(0), state["loadedObs"].as_u64().unwrap_or(0));
    match (health.status, state["ready"].as_bool()) {
        (200, Some(true)) => {
            found.ok(
                AREA,
                format_args!(
                    "{base}: ready, {} transmissions and {} observations in memory",
                    loaded.0, loaded.1
                ),
            );
        }
        (_, Some(_)) => {
            let reason = state["reason"].as_str().unwrap_or("it does not say why");
            found.warn(
                AREA,
                format_args!("{base}: not ready ({reason})"),
                "wait while it loads; otherwise read its log",
            );
        }
        (status, None) => {
            found.bad(
                AREA,
                format_args!("{base}: {status} and no health report"),
                "something else answers there: check the proxy's target",
            );
            return;
        }
    }
    statistics(found, base);
    behind(found, base, newest);
    cached(found, base, &health);
}

fn statistics(found: &mut Findings, base: &str) {
    let Ok(answer) = fetch(&format!("{base}/api/stats")) else { return };
    let stats: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
    let mb = |key: &str| stats[key].as_f64();
    let memory = mb("processRSSMB").or_else(|| mb("trackedMB"));
    let total = stats["totalTransmissions"].as_u64();
    if let (Some(memory), Some(total)) = (memory, total) {
        found.ok(AREA, format_args!("{memory:.0} MB of memory in use, {total} transmissions known"));
    }
    if let Some(status) = answer.header("x-corescope-load-status").filter(|s| !s.starts_with("ready")) {
        found.warn(AREA, format_args!("still loading: {status}"), "older packets come in the background");
    }
}

/// The newest packet of the server against that of the database.
fn behind(found: &mut Findings, base: &str, newest: Option<i64>) {
    let Some(newest) = newest else { return };
    let Ok(answer) = fetch(&format!("{base}/api/packets?limit=1&groupByHash=true")) else { return };
    let page: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
    let row = &page["packets"][0];
    let shown = ["latest", "last_seen", "timestamp", "first_seen"]
        .iter()
        .find_map(|key| row[*key].as_str().and_then(parse_rfc3339));
    let Some(shown) = shown else { return };
    let lag = newest - shown;
    if lag > BEHIND_S {
        found.warn(
            AREA,
            format_args!("it shows packets up to {} before the newest in the database", ago(lag)),
            "is it serving this database? Otherwise restart it and report it",
        );
    } else {
        found.ok(AREA, "it shows the newest packet of the database");
    }
}

/// What a cache in front of the server adds or takes away.
fn cached(found: &mut Findings, base: &str, first: &Answer) {
    let again = fetch(&format!("{base}/api/healthz"));
    let mut signs = Vec::new();
    for answer in std::iter::once(first).chain(again.as_ref().ok()) {
        let control = answer.header("cache-control").unwrap_or_default();
        if !control.contains("no-store") {
            signs.push(format!("cache-control is {control:?}"));
        }
        if let Some(age) = answer.header("age").filter(|a| *a != "0") {
            signs.push(format!("the answer is {age} s old"));
        }
        for name in ["cf-cache-status", "x-cache", "x-cache-status", "x-served-from-cache"] {
            if let Some(value) = answer.header(name)
                && value.to_ascii_uppercase().contains("HIT")
            {
                signs.push(format!("{name}: {value}"));
            }
        }
        if let Some(date) = answer.header("date").and_then(http_date)
            && (now() - date).abs() > 120
        {
            signs.push(format!("the date is {} off", ago((now() - date).abs())));
        }
    }
    signs.sort();
    signs.dedup();
    if signs.is_empty() {
        found.ok("cdn", "answers come from the server itself, not from a cache");
    } else {
        found.bad(
            "cdn",
            format_args!("a cache in front of the server keeps answers of the API ({})", signs.join("; ")),
            "make the proxy or CDN bypass its cache for /api/ and /ws",
        );
    }
}

/// `Sun, 06 Nov 1994 08:49:37 GMT` to unix seconds.
fn http_date(text: &str) -> Option<i64> {
    let words: Vec<&str> = text.split_ascii_whitespace().collect();
    let [_, day, month, year, time, "GMT"] = words.as_slice() else { return None };
    let months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let month = months.iter().position(|m| m == month)? + 1;
    parse_rfc3339(&format!("{year}-{month:02}-{day}T{time}Z"))
}

#[cfg(test)]
mod tests {
    use super::http_date;

    #[test]
    fn dates_of_http_are_read() {
        assert_eq!(http_date("Sun, 06 Nov 1994 08:49:37 GMT"), Some(784_111_777));
        assert_eq!(http_date("yesterday"), None);
    }
}
