//! What an operator should look at.

use std::collections::BTreeMap;

use super::collect::Collector;
use super::model::{Anomaly, Severity};

/// Examples kept of each.
const EXAMPLES: usize = 8;
/// Clocks that are off by more than this are told of, in seconds.
const CLOCK_LIMIT_S: i64 = 600;
/// A packet heard again after this long was sent again or held back, in ms.
const REPEAT_LIMIT_MS: i64 = 600_000;
/// A silence of this long before the end makes an observer silent, in ms.
const SILENCE_MS: i64 = 3_600_000;
/// Adverts a node may send an hour.
const ADVERTS_PER_HOUR: f64 = 12.0;
/// A node that stands still does not move this far, in km.
const JUMP_KM: f64 = 50.0;

pub(super) fn anomalies(collector: &Collector) -> Vec<Anomaly> {
    let mut found: Vec<Anomaly> = [
        clocks(collector),
        shifted(collector),
        repeats(collector),
        silent_observers(collector),
        loud_nodes(collector),
        same_names(collector),
        shared_prefixes(collector),
        jumps(collector),
        unlisted(collector),
        forged(collector),
        old_hashes(collector),
        frameless(collector),
        unheard(collector),
    ]
    .into_iter()
    .flatten()
    .collect();
    found.sort_by(|a, b| a.severity.cmp(&b.severity).then(b.count.cmp(&a.count)));
    found
}

fn anomaly(
    kind: &'static str,
    severity: Severity,
    mut examples: Vec<String>,
    title: impl FnOnce(usize) -> String,
    advice: &'static str,
) -> Option<Anomaly> {
    let count = examples.len();
    examples.truncate(EXAMPLES);
    (count > 0).then(|| Anomaly {
        kind,
        severity,
        count: count as u64,
        title: title(count),
        advice,
        examples,
    })
}

fn plural(count: usize, one: &str, many: &str) -> String {
    if count == 1 { format!("1 {one}") } else { format!("{count} {many}") }
}

fn name(key: &str, node: &super::nodes::NodeTally) -> String {
    match &node.name {
        Some(name) => format!("{name} ({})", key.get(..8).unwrap_or(key)),
        None => key.get(..16).unwrap_or(key).to_owned(),
    }
}

/// Clocks that are off, against what most of them say: they agree with one another when it is the
/// capture that is dated wrongly.
fn clocks(collector: &Collector) -> Option<Anomaly> {
    let shift = common_shift(collector).unwrap_or(0);
    let mut off: Vec<(i64, String)> = collector
        .nodes
        .by_key
        .iter()
        .filter_map(|(key, node)| Some((node.ahead_s? - shift, name(key, node))))
        .filter(|(ahead, _)| ahead.abs() > CLOCK_LIMIT_S)
        .collect();
    off.sort_by_key(|(ahead, name)| (-ahead.abs(), name.clone()));
    let told = |(ahead, name): (i64, String)| {
        format!("{name}: {} {}", duration(ahead.abs()), if ahead > 0 { "ahead" } else { "behind" })
    };
    anomaly(
        "clock_off",
        Severity::Warning,
        off.into_iter().map(told).collect(),
        |n| format!("{} with a clock that is off by more than 10 minutes", plural(n, "node", "nodes")),
        "set the clock of the node (`time` over its serial line, or from the app); its messages sort wrongly",
    )
}

/// What most nodes' clocks are ahead, in seconds, if they agree and it is much.
fn common_shift(collector: &Collector) -> Option<i64> {
    let mut ahead: Vec<i64> = collector.nodes.by_key.values().filter_map(|node| node.ahead_s).collect();
    ahead.sort_unstable();
    let median = *ahead.get(ahead.len() / 2)?;
    let agree = ahead.iter().filter(|other| (*other - median).abs() < 3600).count();
    (ahead.len() >= 10 && agree * 2 > ahead.len() && median.abs() > CLOCK_LIMIT_S).then_some(median)
}

fn shifted(collector: &Collector) -> Option<Anomaly> {
    let shift = common_shift(collector)?;
    let (apart, way) = (duration(shift.abs()), if shift < 0 { "earlier" } else { "later" });
    Some(Anomaly {
        kind: "dates_shifted",
        severity: Severity::Note,
        count: 1,
        title: format!("by the clocks of most nodes all this happened {apart} {way} than it is dated"),
        advice: "the dates of this capture were changed, or its recorder's clock was wrong; clocks are judged against the nodes' own majority",
        examples: Vec::new(),
    })
}

/// `3 d 4 h`, `12 min`.
pub(super) fn duration(seconds: i64) -> String {
    let (days, hours, minutes) = (seconds / 86_400, seconds / 3600 % 24, seconds / 60 % 60);
    match (days, hours, minutes) {
        (730.., ..) => format!("{} years", days / 365),
        (1.., 0, _) => format!("{days} d"),
        (1.., ..) => format!("{days} d {hours} h"),
        (0, 1.., 0) => format!("{hours} h"),
        (0, 1.., _) => format!("{hours} h {minutes} min"),
        (0, 0, 1..) => format!("{minutes} min"),
        _ => format!("{seconds} s"),
    }
}

fn repeats(collector: &Collector) -> Option<Anomaly> {
    let mut late: Vec<(i64, &str)> = collector
        .packets
        .iter()
        .filter_map(|(hash, packet)| Some((packet.last_ms? - packet.first_ms?, &**hash)))
        .filter(|(apart, _)| *apart > REPEAT_LIMIT_MS)
        .collect();
    late.sort_by_key(|(apart, hash)| (-apart, *hash));
    anomaly(
        "heard_again",
        Severity::Warning,
        late.into_iter()
            .map(|(apart, hash)| format!("{hash}: again after {}", duration(apart / 1000)))
            .collect(),
        |n| format!("{} heard again more than 10 minutes later", plural(n, "packet", "packets")),
        "sent again on purpose, replayed, or delivered late by an observer that was offline",
    )
}

fn silent_observers(collector: &Collector) -> Option<Anomaly> {
    let end = collector.packets.values().filter_map(|packet| packet.last_ms).max()?;
    let mut silent: Vec<String> = collector
        .observers
        .iter()
        .filter(|observer| observer.last_ms.is_some_and(|last| end - last > SILENCE_MS))
        .map(|observer| {
            let name = observer.name.clone().unwrap_or_else(|| observer.id.chars().take(16).collect());
            format!("{name}: nothing for {}", duration((end - observer.last_ms.unwrap_or(end)) / 1000))
        })
        .collect();
    silent.sort();
    anomaly(
        "observer_silent",
        Severity::Warning,
        silent,
        |n| format!("{} heard nothing in the last hour", plural(n, "observer", "observers")),
        "check its power, its radio settings and its uplink",
    )
}

fn loud_nodes(collector: &Collector) -> Option<Anomaly> {
    let first = collector.packets.values().filter_map(|packet| packet.first_ms).min()?;
    let last = collector.packets.values().filter_map(|packet| packet.first_ms).max()?;
    let hours = ((last - first) as f64 / 3_600_000.0).max(1.0);
    let mut loud: Vec<(u64, String)> = collector
        .nodes
        .by_key
        .iter()
        .filter(|(_, node)| node.adverts as f64 / hours > ADVERTS_PER_HOUR)
        .map(|(key, node)| (node.adverts, name(key, node)))
        .collect();
    loud.sort_by(|a, b| b.cmp(a));
    anomaly(
        "adverts_too_often",
        Severity::Warning,
        loud.into_iter().map(|(adverts, name)| format!("{name}: {adverts} adverts")).collect(),
        |n| format!("{} over 12 adverts an hour", plural(n, "node sends", "nodes send")),
        "lengthen its advert interval: every flooded advert costs the airtime of the whole mesh",
    )
}

fn same_names(collector: &Collector) -> Option<Anomaly> {
    let mut names: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for (key, node) in collector.nodes.by_key.iter().filter(|(_, node)| node.is_relay()) {
        if let Some(name) = &node.name {
            names.entry(name).or_default().push(key);
        }
    }
    let twice = names.into_iter().filter(|(_, keys)| keys.len() > 1);
    anomaly(
        "same_name",
        Severity::Note,
        twice.map(|(name, keys)| format!("{name}: {} keys", keys.len())).collect(),
        |n| format!("{} used by more than one relay", plural(n, "name is", "names are")),
        "a relay that was set up anew keeps its name and gets a new key; otherwise rename one",
    )
}

fn shared_prefixes(collector: &Collector) -> Option<Anomaly> {
    let mut prefixes: BTreeMap<&str, usize> = BTreeMap::new();
    for key in collector.nodes.by_key.iter().filter(|(_, node)| node.is_relay()).map(|(key, _)| key) {
        *prefixes.entry(key.get(..2).unwrap_or(key)).or_default() += 1;
    }
    let mut shared: Vec<(usize, &str)> = prefixes
        .into_iter()
        .filter(|(_, relays)| *relays > 1)
        .map(|(prefix, relays)| (relays, prefix))
        .collect();
    shared.sort_by(|a, b| b.cmp(a));
    anomaly(
        "prefix_shared",
        Severity::Note,
        shared
            .into_iter()
            .map(|(relays, prefix)| format!("{}: {relays} relays", prefix.to_uppercase()))
            .collect(),
        |n| {
            format!(
                "{} shared by several relays, so that 1-byte paths cannot tell them apart",
                plural(n, "first byte is", "first bytes are")
            )
        },
        "let repeaters and senders use 2-byte path hashes where firmware allows",
    )
}

fn jumps(collector: &Collector) -> Option<Anomaly> {
    let moved = collector.nodes.by_key.iter().filter(|(_, node)| node.moved_km > JUMP_KM && node.is_relay());
    let mut moved: Vec<String> =
        moved.map(|(key, node)| format!("{}: {:.0} km", name(key, node), node.moved_km)).collect();
    moved.sort();
    anomaly(
        "relay_moved",
        Severity::Note,
        moved,
        |n| format!("{} moved more than 50 km", plural(n, "relay", "relays")),
        "a wrong place was typed in, or a key is used twice",
    )
}

fn unlisted(collector: &Collector) -> Option<Anomaly> {
    let missing = collector.nodes.by_key.iter().filter(|(_, n)| collector.nodes.listed > 0 && !n.listed);
    let mut missing: Vec<String> = missing.map(|(key, node)| name(key, node)).collect();
    missing.sort();
    anomaly(
        "node_not_in_table",
        Severity::Note,
        missing,
        |n| {
            format!(
                "{} in packets but not in the table of nodes",
                plural(n, "node advertises", "nodes advertise")
            )
        },
        "retention moved it out, or the copy of the database is partial",
    )
}

fn forged(collector: &Collector) -> Option<Anomaly> {
    let title = |count: u64| {
        format!("{} whose stored type is not that of the frame", plural(count as usize, "row", "rows"))
    };
    (collector.forged_count > 0).then(|| Anomaly {
        kind: "row_contradicts_frame",
        severity: Severity::Alarm,
        count: collector.forged_count,
        title: title(collector.forged_count),
        advice: "the database was edited or damaged; compare with a backup",
        examples: collector.forged.clone(),
    })
}

fn old_hashes(collector: &Collector) -> Option<Anomaly> {
    let (count, example) = &collector.old_hashes;
    (*count > 0).then(|| Anomaly {
        kind: "hash_of_old_rule",
        severity: Severity::Note,
        count: *count,
        title: format!(
            "{} under a hash that today's rule does not give",
            plural(*count as usize, "packet is stored", "packets are stored")
        ),
        advice: "written by an older version; the same packet heard again gets a second row",
        examples: example.iter().cloned().collect(),
    })
}

fn frameless(collector: &Collector) -> Option<Anomaly> {
    (collector.frameless > 0).then(|| Anomaly {
        kind: "no_frame",
        severity: Severity::Note,
        count: collector.frameless,
        title: format!("{} without a frame", plural(collector.frameless as usize, "row", "rows")),
        advice: "messages of a companion bridge, which delivers texts and no frames",
        examples: Vec::new(),
    })
}

fn unheard(collector: &Collector) -> Option<Anomaly> {
    let rows = collector
        .packets
        .values()
        .filter(|p| p.last_ms.is_none() && p.seen.is_empty() && p.observers.is_empty());
    let count = rows.count() as u64;
    (count > 0 && collector.observations > 0).then(|| Anomaly {
        kind: "no_observation",
        severity: Severity::Note,
        count,
        title: format!("{} without any observation", plural(count as usize, "transmission", "transmissions")),
        advice: "their observations were pruned, or the copy of the database is partial",
        examples: Vec::new(),
    })
}
