//! From running counts to the report.

use super::anomalies::anomalies;
use super::collect::{Collector, NO_TYPE};
use super::histogram::Histogram;
use super::model::{
    Airtime, Channel, Count, Hops, ObserverLine, Reach, Region, Repeater, Report, SCHEMA, Span, TypeCount,
};
use crate::filter::{payload_type_label, payload_type_name, route_type_name};
use crate::time::rfc3339;
use std::collections::BTreeMap;

/// Repeaters that are listed.
const REPEATERS: usize = 30;

pub(super) fn report(collector: Collector) -> Report {
    let anomalies = anomalies(&collector);
    let transmissions = collector.packets.len() as u64;
    let filtered = collector.filter.is_some();
    let nodes = match collector.nodes.listed {
        listed if listed > 0 && !filtered => listed,
        _ => collector.nodes.by_key.values().filter(|node| node.adverts > 0).count() as u64,
    };
    let observers =
        collector.observers.iter().filter(|o| (o.listed && !filtered) || o.observations > 0).count() as u64;
    Report {
        schema: SCHEMA,
        filter: collector.filter.clone(),
        transmissions,
        observations: collector.observations,
        nodes,
        observers,
        duplicates: collector.duplicates,
        span: span(&collector),
        types: types(&collector, transmissions),
        routes: routes(&collector, transmissions),
        hash_sizes: hash_sizes(&collector),
        scopes: counts(collector.scopes.iter().map(|(name, count)| (name.clone(), *count)), transmissions),
        hops: hops(&collector),
        sizes: collector.sizes.spread(),
        snr: collector.snr.spread(),
        rssi: collector.rssi.spread(),
        snr_histogram: collector.snr.bins(2.0),
        reach: reach(&collector),
        airtime: airtime(&collector),
        activity: collector.clock.activity(),
        channels: channels(&collector),
        roles: roles(&collector, filtered),
        located_nodes: collector
            .nodes
            .by_key
            .values()
            .filter(|n| n.located && (!filtered || n.adverts > 0))
            .count() as u64,
        repeaters: repeaters(&collector),
        observer_list: observer_list(&collector, filtered),
        regions: regions(&collector, filtered),
        anomalies,
        sources: collector.sources,
        bad: collector.bad.finish(),
    }
}

/// Two decimals more than a percentage needs.
fn share(count: u64, of: u64) -> f64 {
    if of == 0 { 0.0 } else { (count as f64 / of as f64 * 10_000.0).round() / 10_000.0 }
}

fn counts(items: impl Iterator<Item = (String, u64)>, of: u64) -> Vec<Count> {
    let mut counts: Vec<Count> =
        items.map(|(label, count)| Count { label, count, share: share(count, of) }).collect();
    counts.sort_by(|a, b| b.count.cmp(&a.count).then_with(|| a.label.cmp(&b.label)));
    counts
}

fn time(ms: i64) -> String {
    rfc3339(ms.div_euclid(1000))
}

fn span(collector: &Collector) -> Option<Span> {
    let first = collector.packets.values().filter_map(|packet| packet.first_ms).min()?;
    let last = collector.packets.values().filter_map(|packet| packet.last_ms.or(packet.first_ms)).max()?;
    Some(Span { first: time(first), last: time(last), seconds: (last - first) / 1000 })
}

fn types(collector: &Collector, of: u64) -> Vec<TypeCount> {
    let mut types: Vec<TypeCount> = collector
        .types
        .iter()
        .enumerate()
        .filter(|(_, tally)| tally.transmissions > 0)
        .map(|(slot, tally)| {
            let none = slot == NO_TYPE;
            TypeCount {
                number: if none { 255 } else { slot as u8 },
                name: if none { "NONE" } else { payload_type_name(slot as u8) },
                label: if none { "no packet" } else { payload_type_label(slot as u8) },
                transmissions: tally.transmissions,
                observations: tally.observations,
                share: share(tally.transmissions, of),
                airtime_ms: tally.airtime_ms,
            }
        })
        .collect();
    types.sort_by(|a, b| b.transmissions.cmp(&a.transmissions).then(a.number.cmp(&b.number)));
    types
}

fn routes(collector: &Collector, of: u64) -> Vec<Count> {
    let label = |route: usize| match route_type_name(route as u8) {
        "" => "NONE".to_owned(),
        name => name.to_owned(),
    };
    let seen = collector.routes.iter().enumerate().filter(|(_, count)| **count > 0);
    counts(seen.map(|(route, count)| (label(route), *count)), of)
}

fn hash_sizes(collector: &Collector) -> Vec<Count> {
    let sizes = collector.hash_sizes.iter().enumerate().filter(|(_, count)| **count > 0);
    sizes
        .map(|(size, count)| Count {
            label: size.to_string(),
            count: *count,
            share: share(*count, collector.floods),
        })
        .collect()
}

fn hops(collector: &Collector) -> Hops {
    let total: u64 = collector.flood_hops.iter().sum();
    let Some(max) = collector.flood_hops.iter().rposition(|count| *count > 0) else { return Hops::default() };
    let hops: u64 = collector.flood_hops.iter().enumerate().map(|(hops, count)| hops as u64 * count).sum();
    let flood = collector.flood_hops.iter().enumerate().take(max + 1);
    Hops {
        flood: flood
            .map(|(hops, count)| Count {
                label: hops.to_string(),
                count: *count,
                share: share(*count, total),
            })
            .collect(),
        mean: Some((hops as f64 / total as f64 * 100.0).round() / 100.0),
        max: Some(max as u32),
    }
}

fn reach(collector: &Collector) -> Reach {
    let mut observers = Histogram::new(0, 1000, 1);
    let mut seconds = Histogram::new(0, 600, 1);
    let mut reach = Reach::default();
    for packet in collector.packets.values() {
        match packet.observers.len() {
            0 if packet.last_ms.is_none() && packet.seen.is_empty() => reach.unheard += 1,
            0 => {}
            heard_by => {
                observers.add(heard_by as f64);
                reach.single += u64::from(heard_by == 1);
            }
        }
        if let (Some(first), Some(last)) = (packet.first_ms, packet.last_ms)
            && packet.seen.len() > 1
        {
            seconds.add((last - first) as f64 / 1000.0);
        }
    }
    reach.observers = observers.spread();
    reach.seconds = seconds.spread();
    reach
}

fn airtime(collector: &Collector) -> Airtime {
    let radio = collector.radio;
    let sends = |packet: &super::tallies::PacketState| {
        u64::from(packet.airtime_ms) * (1 + packet.relays.len() as u64)
    };
    Airtime {
        radio: format!(
            "{},{},{},{}",
            radio.freq_hz as f64 / 1e6,
            f64::from(radio.bw_hz) / 1e3,
            radio.sf,
            radio.cr
        ),
        once_ms: collector.packets.values().map(|packet| u64::from(packet.airtime_ms)).sum(),
        forwarded_ms: collector.packets.values().map(sends).sum(),
    }
}

fn channels(collector: &Collector) -> Vec<Channel> {
    let mut channels: Vec<Channel> = collector
        .channels
        .iter()
        .map(|(name, tally)| Channel {
            name: name.clone(),
            messages: tally.messages,
            decrypted: tally.decrypted,
            senders: tally.senders.len() as u64,
        })
        .collect();
    channels.sort_by(|a, b| b.messages.cmp(&a.messages).then_with(|| a.name.cmp(&b.name)));
    channels
}

fn roles(collector: &Collector, filtered: bool) -> Vec<Count> {
    let mut roles: BTreeMap<&str, u64> = BTreeMap::new();
    let listed = collector.nodes.listed > 0 && !filtered;
    for node in
        collector.nodes.by_key.values().filter(|node| if listed { node.listed } else { node.adverts > 0 })
    {
        *roles.entry(if node.role.is_empty() { "unknown" } else { &node.role }).or_default() += 1;
    }
    let total = roles.values().sum();
    counts(roles.into_iter().map(|(role, count)| (role.to_owned(), count)), total)
}

fn repeaters(collector: &Collector) -> Vec<Repeater> {
    let mut hops: Vec<(&str, &super::tallies::HopTally)> = collector.hops.named().collect();
    hops.sort_by(|a, b| {
        b.1.transmissions
            .cmp(&a.1.transmissions)
            .then(b.1.observations.cmp(&a.1.observations))
            .then(a.0.cmp(b.0))
    });
    hops.truncate(REPEATERS);
    hops.into_iter()
        .map(|(prefix, tally)| {
            let (candidates, one) = collector.nodes.relays_beginning(&prefix.to_lowercase());
            Repeater {
                prefix: prefix.to_owned(),
                name: one.and_then(|(_, node)| node.name.clone()),
                key: one.map(|(key, _)| key.to_owned()),
                candidates,
                transmissions: tally.transmissions,
                observations: tally.observations,
                share: share(tally.transmissions, collector.floods),
            }
        })
        .collect()
}

fn observer_list(collector: &Collector, filtered: bool) -> Vec<ObserverLine> {
    let mut alone = vec![0_u64; collector.observers.len()];
    for packet in collector.packets.values() {
        if let ([only], Some(count)) =
            (&packet.observers[..], packet.observers.first().and_then(|o| alone.get_mut(*o as usize)))
        {
            let _ = only;
            *count += 1;
        }
    }
    let mut lines: Vec<ObserverLine> = collector
        .observers
        .iter()
        .zip(&alone)
        .filter(|(observer, _)| !filtered || observer.observations > 0)
        .map(|(observer, alone)| ObserverLine {
            id: observer.id.clone(),
            name: observer.name.clone(),
            iata: observer.iata.clone(),
            observations: observer.observations,
            transmissions: observer.transmissions,
            alone: *alone,
            first: observer.first_ms.map(time),
            last: observer.last_ms.map(time),
            snr_p50: observer.snr.quantile(0.5),
        })
        .collect();
    lines.sort_by(|a, b| b.observations.cmp(&a.observations).then_with(|| a.id.cmp(&b.id)));
    lines
}

fn regions(collector: &Collector, filtered: bool) -> Vec<Region> {
    let mut regions: BTreeMap<String, (u64, u64)> = BTreeMap::new();
    for observer in collector.observers.iter().filter(|o| !filtered || o.observations > 0) {
        let code = observer.iata.as_deref().unwrap_or("").to_uppercase();
        let region = regions.entry(code).or_default();
        region.0 += 1;
        region.1 += observer.observations;
    }
    let mut regions: Vec<Region> = regions
        .into_iter()
        .map(|(iata, (observers, observations))| Region { iata, observers, observations })
        .collect();
    regions.sort_by(|a, b| b.observations.cmp(&a.observations).then_with(|| a.iata.cmp(&b.iata)));
    regions
}
