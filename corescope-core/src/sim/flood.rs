//! How packets spread: floods that every relay forwards once, and packets that follow a given path.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::collections::VecDeque;

use super::dice::Dice;
use super::emission::Reception;
use super::radio::{Link, Signal, receive};
use super::world::Mesh;

/// Most hops of a flood; well below what the path field could hold.
const MAX_HOPS: usize = 12;
/// Share of packets lost to others sent at the same time.
const COLLISIONS: f64 = 0.06;
/// Share of later copies of a packet that an observer still reports.
const LATER_COPIES: f64 = 0.1;
/// Most relays on a direct path.
const MAX_ROUTE: usize = 8;

/// Floods a packet from a node. `hash_size` bytes name each hop; `airtime_ms` is how long one
/// transmission takes.
pub(super) fn flood(
    mesh: &Mesh,
    dice: &mut Dice,
    origin: usize,
    hash_size: usize,
    airtime_ms: u32,
) -> Vec<Reception> {
    let mut receptions = Vec::new();
    let mut has_heard = vec![false; mesh.nodes().len()];
    let mut has_reported = vec![false; mesh.observers().len()];
    // Who forwarded, and where in this list the copy came from; paths are read backwards from it.
    let mut steps: Vec<(u32, Option<u32>)> = Vec::new();
    let mut on_air = BinaryHeap::from([Reverse((0_u32, origin, None::<u32>, 0_usize))]);
    if let Some(heard) = has_heard.get_mut(origin) {
        *heard = true;
    }
    while let Some(Reverse((sent_ms, sender, step, hops))) = on_air.pop() {
        for link in mesh.links_of(sender) {
            let to = link.to as usize;
            let Some(signal) = heard(dice, link) else { continue };
            let received_ms = sent_ms + airtime_ms;
            if let Some(observer) = mesh.observer_at(to) {
                let first = !std::mem::replace(&mut has_reported[observer], true);
                if first || dice.chance(LATER_COPIES) {
                    let via = path(&steps, step);
                    let field = hashes_field(mesh, &via, hash_size);
                    receptions.push(Reception::new(observer, received_ms, signal, via, field));
                }
            }
            let forwards =
                !std::mem::replace(&mut has_heard[to], true) && hops < MAX_HOPS.min(64 / hash_size);
            if forwards {
                steps.push((link.to, step));
                let wait = 150 + dice.below(1200) as u32;
                on_air.push(Reverse((received_ms + wait, to, Some(steps.len() as u32 - 1), hops + 1)));
            }
        }
    }
    receptions.sort_by_key(|reception| reception.delay_ms);
    receptions
}

/// Sends a packet over given relays. The path field holds who is still to forward.
pub(super) fn direct(
    mesh: &Mesh,
    dice: &mut Dice,
    origin: usize,
    relays: &[usize],
    hash_size: usize,
    airtime_ms: u32,
) -> Vec<Reception> {
    let mut receptions = Vec::new();
    walk(mesh, dice, origin, relays, airtime_ms, |passed, _, observer, at_ms, signal| {
        let left: Vec<u32> = relays[passed..].iter().map(|relay| *relay as u32).collect();
        let via = relays[..passed].iter().map(|relay| *relay as u32).collect();
        receptions.push(Reception::new(observer, at_ms, signal, via, hashes_field(mesh, &left, hash_size)));
    });
    receptions
}

/// Sends a trace over given relays. The path field holds how well each relay heard the one before.
pub(super) fn trace(
    mesh: &Mesh,
    dice: &mut Dice,
    origin: usize,
    relays: &[usize],
    airtime_ms: u32,
) -> Vec<Reception> {
    let mut receptions = Vec::new();
    walk(mesh, dice, origin, relays, airtime_ms, |passed, snrs, observer, at_ms, signal| {
        let mut field = vec![passed as u8];
        field.extend(snrs.iter().map(|snr| *snr as u8));
        let via = relays[..passed].iter().map(|relay| *relay as u32).collect();
        receptions.push(Reception::new(observer, at_ms, signal, via, field));
    });
    receptions
}

/// Calls `report(relays passed, SNR at each, observer, ms, signal)` for each observer that hears
/// one of the transmissions on the way. Ends where a hop is lost.
fn walk(
    mesh: &Mesh,
    dice: &mut Dice,
    origin: usize,
    relays: &[usize],
    airtime_ms: u32,
    mut report: impl FnMut(usize, &[i8], usize, u32, Signal),
) {
    let mut snrs: Vec<i8> = Vec::new();
    let mut sender = origin;
    let mut at_ms = 0;
    for passed in 0..=relays.len() {
        let next = relays.get(passed).copied();
        let mut reached = None;
        at_ms += airtime_ms;
        for link in mesh.links_of(sender) {
            let to = link.to as usize;
            // A direct packet is repeated until the next hop has it; that one counts as heard.
            let signal = if Some(to) == next {
                heard(dice, link).or_else(|| heard(dice, link))
            } else {
                heard(dice, link)
            };
            let Some(signal) = signal else { continue };
            if Some(to) == next {
                reached = Some(signal.snr_quarters);
            }
            if let Some(observer) = mesh.observer_at(to) {
                report(passed, &snrs, observer, at_ms, signal);
            }
        }
        let (Some(relay), Some(snr)) = (next, reached) else { return };
        snrs.push(snr);
        sender = relay;
        at_ms += 60 + dice.below(300) as u32;
    }
}

/// The relays between two nodes over links that usually deliver, fewest hops first; `None` when
/// there is no such route of at most 8 relays.
pub(super) fn route(mesh: &Mesh, from: usize, to: usize) -> Option<Vec<usize>> {
    let mut came_from: Vec<Option<usize>> = vec![None; mesh.nodes().len()];
    let mut queue = VecDeque::from([(from, 0)]);
    *came_from.get_mut(from)? = Some(from);
    while let Some((node, hops)) = queue.pop_front() {
        // Links lead to relays only; the last one reaches anybody who is heard by it in turn.
        let arrives = node == to
            || mesh.links_of(to).iter().any(|link| link.to as usize == node && link.probability > 0.6);
        if arrives && node != from {
            let mut relays = Vec::new();
            let mut at = node;
            while at != from {
                relays.push(at);
                at = came_from.get(at).copied().flatten()?;
            }
            relays.reverse();
            relays.retain(|relay| *relay != to);
            return Some(relays);
        }
        if hops == MAX_ROUTE {
            continue;
        }
        for link in mesh.links_of(node).iter().filter(|link| link.probability > 0.6) {
            let next = link.to as usize;
            if came_from[next].is_none() {
                came_from[next] = Some(node);
                queue.push_back((next, hops + 1));
            }
        }
    }
    None
}

fn heard(dice: &mut Dice, link: &Link) -> Option<Signal> {
    receive(dice, link).filter(|_| !dice.chance(COLLISIONS))
}

fn path(steps: &[(u32, Option<u32>)], last: Option<u32>) -> Vec<u32> {
    let mut via = Vec::new();
    let mut at = last;
    while let Some((node, before)) = at.and_then(|index| steps.get(index as usize)) {
        via.push(*node);
        at = *before;
    }
    via.reverse();
    via
}

/// A path field of hop hashes, length byte first.
fn hashes_field(mesh: &Mesh, hops: &[u32], hash_size: usize) -> Vec<u8> {
    let mut field = Vec::with_capacity(1 + hops.len() * hash_size);
    field.push(((hash_size - 1) << 6 | hops.len()) as u8);
    for hop in hops {
        if let Some(node) = mesh.nodes().get(*hop as usize) {
            field.extend_from_slice(node.key.path_hash(hash_size));
        }
    }
    field
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sim::Preset;

    #[test]
    fn a_flood_passes_each_relay_once_and_names_its_hops() {
        let mesh = Mesh::new(Preset::Town, 2);
        let mut dice = Dice::new(2, 9);
        let receptions = flood(&mesh, &mut dice, mesh.observers()[0].node, 2, 300);
        assert!(!receptions.is_empty());
        for reception in &receptions {
            assert_eq!(reception.path_field[0], 1 << 6 | reception.via.len() as u8);
            assert_eq!(reception.path_field.len(), 1 + 2 * reception.via.len());
            let mut once = reception.via.clone();
            once.sort_unstable();
            once.dedup();
            assert_eq!(once.len(), reception.via.len());
            let hears = mesh.observers()[reception.observer].node;
            let sender = reception.via.last().map_or(mesh.observers()[0].node, |relay| *relay as usize);
            assert!(mesh.link_probability(sender, hears) > 0.0);
        }
        assert!(receptions.is_sorted_by_key(|reception| reception.delay_ms));
    }

    #[test]
    fn a_direct_packet_uses_its_path_up() {
        let mesh = Mesh::new(Preset::Town, 2);
        let mut dice = Dice::new(2, 9);
        let pairs = (60..130).flat_map(|a| (60..130).map(move |b| (a, b)));
        let found = pairs
            .filter_map(|(a, b)| route(&mesh, a, b).map(|relays| (a, relays)))
            .find(|(_, r)| r.len() >= 2);
        let (from, relays) = found.expect("a town has a route over two relays");
        for reception in direct(&mesh, &mut dice, from, &relays, 1, 300) {
            assert_eq!(usize::from(reception.path_field[0]) + reception.via.len(), relays.len());
        }
        for reception in trace(&mesh, &mut dice, from, &relays, 300) {
            assert_eq!(usize::from(reception.path_field[0]), reception.via.len());
        }
    }
}
