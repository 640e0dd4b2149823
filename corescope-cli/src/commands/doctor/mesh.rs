//! What comes in: the newest packet, the observers and their clocks, what was refused.

use corescope_core::time::{parse_rfc3339, rfc3339};
use rusqlite::Connection;

use super::{Findings, ago};
use crate::owner::now;

/// A mesh that is silent for longer than this is probably not silent.
const SILENT_S: i64 = 15 * 60;
/// Observers whose clocks are named, at most.
const NAMED: usize = 10;

/// Returns the newest observation, unix seconds.
pub(super) fn look(found: &mut Findings, db: &Connection) -> Option<i64> {
    let newest: Option<i64> =
        db.query_row("SELECT max(timestamp) FROM observations", [], |r| r.get(0)).ok().flatten();
    match newest {
        None => found.warn(
            "packets",
            "there are none yet",
            "is a source connected, and do observers publish to it?",
        ),
        Some(at) if now() - at > SILENT_S => found.warn(
            "packets",
            format_args!("the newest is {} old ({})", ago(now() - at), rfc3339(at)),
            "is a source connected, and do observers publish to it?",
        ),
        Some(at) => found.ok("packets", format_args!("the newest is {} old", ago(now() - at))),
    }
    observers(found, db);
    clocks(found, db);
    ledger(found, db);
    newest
}

fn observers(found: &mut Findings, db: &Connection) {
    let Ok(mut select) = db.prepare(
        "SELECT COALESCE(NULLIF(name, ''), substr(id, 1, 8)), last_seen, last_packet_at FROM observers
          WHERE inactive IS NULL OR inactive = 0",
    ) else {
        return;
    };
    let rows = select.query_map([], |r| {
        let time = |column| r.get::<_, Option<String>>(column).map(|t| t.as_deref().and_then(parse_rfc3339));
        Ok((r.get::<_, Option<String>>(0)?.unwrap_or_default(), time(1)?, time(2)?))
    });
    let Ok(rows) = rows else { return };
    let (mut heard, mut all, mut mute) = (0, 0, Vec::new());
    for (name, last_seen, last_packet) in rows.flatten() {
        all += 1;
        let is_heard = last_seen.is_some_and(|at| now() - at < 3_600);
        heard += u32::from(is_heard);
        if is_heard && last_packet.is_none_or(|at| now() - at > 3_600) {
            mute.push(name);
        }
    }
    found.ok("observers", format_args!("{heard} of {all} heard within the hour"));
    if !mute.is_empty() {
        let names = mute.iter().take(NAMED).map(|n| printable(n)).collect::<Vec<_>>().join(", ");
        found.warn(
            "observers",
            format_args!("{} report that they live and send no packets: {names}", mute.len()),
            "restart the uplink software there: it has probably lost its radio",
        );
    }
}

fn clocks(found: &mut Findings, db: &Connection) {
    let since = rfc3339(now() - 86_400);
    let Ok(mut select) = db.prepare(
        "SELECT COALESCE(NULLIF(name, ''), substr(id, 1, 8)), clock_skew_seconds, COALESCE(client_version, '')
           FROM observers WHERE clock_last_naive_at >= ?1 AND clock_skew_seconds IS NOT NULL
          ORDER BY abs(clock_skew_seconds) DESC",
    ) else {
        return;
    };
    let rows = select.query_map([since], |r| {
        Ok((r.get::<_, Option<String>>(0)?.unwrap_or_default(), r.get::<_, i64>(1)?, r.get::<_, String>(2)?))
    });
    let Ok(rows) = rows else { return };
    let all: Vec<_> = rows.flatten().collect();
    for (name, skew, version) in all.iter().take(NAMED) {
        found.warn(
            "clock",
            format_args!("{} is off by {} ({})", printable(name), ago(*skew), printable(version)),
            "it publishes local time without a zone: update the uplink software, or set its zone to UTC",
        );
    }
    if all.len() > NAMED {
        found.warn("clock", format_args!("and {} more", all.len() - NAMED), "see /api/observers/clock-skew");
    }
}

fn ledger(found: &mut Findings, db: &Connection) {
    let counted = db.query_row(
        "SELECT COALESCE(sum(received), 0), COALESCE(sum(rejected), 0), COALESCE(sum(filtered), 0),
                COALESCE(sum(received - stored - duplicate - filtered - rejected), 0)
           FROM cs_ledger WHERE start >= ?1",
        [now() - 3_600],
        |r| Ok((r.get::<_, i64>(0)?, r.get::<_, i64>(1)?, r.get::<_, i64>(2)?, r.get::<_, i64>(3)?)),
    );
    let Ok((received, rejected, filtered, open)) = counted else { return };
    let text = format!("{received} messages in the last hour, {filtered} filtered, {rejected} rejected");
    if open != 0 {
        found.bad("ledger", format_args!("{text}; {open} are unaccounted for"), "please report it");
    } else if rejected * 10 > received && received > 20 {
        found.warn("ledger", text, "see the reasons in GET /api/v2/ledger");
    } else {
        found.ok("ledger", text);
    }
}

/// Names come from the air and go to a terminal.
fn printable(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).collect()
}
