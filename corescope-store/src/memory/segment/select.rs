//! Which rows of a segment: by posting lists and by columns; and sums over whole segments.

use super::Segment;
use super::builder::{KIND_NULL, KIND_ODD};
use super::odd::Odd;
use super::packed::Packed;
use crate::memory::bits::Bits;
use crate::memory::matcher::{payload_keys, resolved_keys};

impl Segment {
    /// Rows heard by an observer.
    pub(crate) fn rows_of_observer(&self, rowid: i64) -> &[u16] {
        let number = self.observers.iter().position(|o| *o == rowid);
        number.map_or(&[], |n| self.observer_rows.get(n as u32))
    }

    /// Rows a node takes part in.
    pub(crate) fn rows_of_node(&self, key: &str) -> &[u16] {
        self.keys.find(key).map_or(&[], |n| self.nodes.get(n))
    }

    /// Rows whose `decoded_json` is no object.
    pub(crate) fn damaged(&self) -> &[u16] {
        &self.damaged
    }

    /// Rows with an observation whose path was not resolved and has this hop.
    pub(crate) fn rows_of_hop(&self, code: u32) -> &[u16] {
        self.hops.get(code)
    }

    /// Adds the rows of this payload type.
    pub(crate) fn rows_of_payload_type(&self, wanted: impl Fn(Option<i64>) -> bool, rows: &mut Bits) {
        rows_of_kind(&self.payload, &self.odd_kinds[1], wanted, rows);
    }

    /// Adds the rows of this route type.
    pub(crate) fn rows_of_route_type(&self, wanted: impl Fn(Option<i64>) -> bool, rows: &mut Bits) {
        rows_of_kind(&self.route, &self.odd_kinds[0], wanted, rows);
    }

    /// Adds the rows of this channel.
    pub(crate) fn rows_of_channel(&self, wanted: impl Fn(Option<&str>) -> bool, rows: &mut Bits) {
        self.rows_of_text(&self.channel, wanted, rows);
    }

    /// Adds the rows of this scope.
    pub(crate) fn rows_of_scope(&self, wanted: impl Fn(Option<&str>) -> bool, rows: &mut Bits) {
        self.rows_of_text(&self.scope, wanted, rows);
    }

    fn rows_of_text(&self, column: &Packed, wanted: impl Fn(Option<&str>) -> bool, rows: &mut Bits) {
        let table: Vec<bool> = (0..=self.texts.len()).map(|n| wanted(self.text(n as u32))).collect();
        column.select(|n| table.get(n as usize).copied().unwrap_or(false), rows);
    }

    /// Adds the rows from one of these senders.
    pub(crate) fn rows_from(&self, keys: &[String], rows: &mut Bits) {
        let mut numbers: Vec<u32> =
            keys.iter().filter_map(|key| self.keys.find(key)).map(|n| n + 1).collect();
        numbers.sort_unstable();
        if !numbers.is_empty() {
            self.from.select(|n| numbers.binary_search(&n).is_ok(), rows);
        }
    }

    /// Calls `found` once with each node that takes part in a row.
    pub(crate) fn nodes_of(&self, row: usize, mut found: impl FnMut(&str)) {
        let mut numbers: smallvec::SmallVec<[u32; 64]> = smallvec::SmallVec::new();
        for at in self.observations(row) {
            let way = self.way_of(at);
            numbers.extend(way.keys().flatten());
            if let Some(text) = way.resolved_text() {
                numbers.extend(resolved_keys(text).filter_map(|key| self.keys.find(key)));
            }
        }
        numbers.extend(self.from.get(row).checked_sub(1));
        if let Some(json) = self.decoded_json(row) {
            numbers.extend(payload_keys(&json).filter_map(|key| self.keys.find(key)));
        }
        numbers.sort_unstable();
        numbers.dedup();
        let mut text = String::with_capacity(64);
        for number in numbers {
            text.clear();
            self.keys.write_text(number, &mut text);
            if !text.is_empty() {
                found(&text);
            }
        }
    }

    /// The first row whose id is greater.
    pub(crate) fn rows_after(&self, id: i64) -> usize {
        let (mut from, mut to) = (0, self.len());
        while from < to {
            let middle = usize::midpoint(from, to);
            if self.id(middle) <= id { from = middle + 1 } else { to = middle }
        }
        from
    }

    /// The table that `display_snr` and `display_rssi` point into.
    pub(crate) fn reals(&self) -> &[f64] {
        &self.reals
    }

    /// Number in `reals` plus one of the display observation's SNR, 0 when it has none.
    pub(crate) fn display_snr(&self, row: usize) -> usize {
        self.display(row).map_or(0, |at| self.snr.get(at) as usize)
    }

    /// The same for RSSI.
    pub(crate) fn display_rssi(&self, row: usize) -> usize {
        self.display(row).map_or(0, |at| self.rssi.get(at) as usize)
    }

    /// The table that `display_observer` points into: rowids.
    pub(crate) fn observers(&self) -> &[i64] {
        &self.observers
    }

    /// Number in `observers` plus one of the display observation's observer, 0 when it has none.
    pub(crate) fn display_observer(&self, row: usize) -> usize {
        self.display(row).map_or(0, |at| self.observer.get(at) as usize)
    }

    /// Hops of the display observation.
    pub(crate) fn display_hops(&self, row: usize) -> usize {
        self.display(row).map_or(0, |at| self.hop_count(at))
    }

    /// Whether every `first_seen` is whole seconds.
    pub(crate) fn has_plain_times(&self) -> bool {
        self.odd_times.iter().next().is_none()
    }

    /// Adds those of `among` that have a node whose key satisfies `wanted` on a resolved path. The lists of nodes know
    /// senders and keys of payloads too, so what they give is looked at.
    pub(crate) fn rows_routed_through(&self, wanted: impl Fn(&str) -> bool, among: &Bits, rows: &mut Bits) {
        let mut fitting = Bits::none(self.keys.len());
        let mut candidates = Bits::none(self.len());
        let mut text = String::with_capacity(64);
        for number in 0..self.keys.len() as u32 {
            let list = self.nodes.get(number);
            if list.is_empty() {
                continue;
            }
            text.clear();
            self.keys.write_text(number, &mut text);
            if wanted(&text) {
                fitting.set(number as usize);
                for row in list {
                    candidates.set(usize::from(*row));
                }
            }
        }
        candidates.and(among);
        for row in candidates.iter() {
            if self.observations(row).any(|at| self.leads_through(at, &fitting)) {
                rows.set(row);
            }
        }
    }

    /// Whether one of these keys is on the resolved path of an observation.
    fn leads_through(&self, at: usize, keys: &Bits) -> bool {
        let way = self.way_of(at);
        way.keys().flatten().any(|key| keys.contains(key as usize))
            || way.resolved_text().is_some_and(|text| {
                resolved_keys(text)
                    .any(|key| self.keys.find(key).is_some_and(|key| keys.contains(key as usize)))
            })
    }

    /// Calls `found` for each node: its key, the number of rows it takes part in, their highest `latest`, and how many
    /// have that.
    pub(crate) fn each_node(&self, mut found: impl FnMut(&str, u64, i64, u64)) {
        let mut text = String::with_capacity(64);
        for number in 0..self.keys.len() as u32 {
            let rows = self.nodes.get(number);
            let latest = |row: &u16| self.latest(usize::from(*row));
            let Some(last) = rows.iter().map(latest).max() else { continue };
            text.clear();
            self.keys.write_text(number, &mut text);
            if !text.is_empty() {
                found(
                    &text,
                    rows.len() as u64,
                    last,
                    rows.iter().filter(|r| latest(r) == last).count() as u64,
                );
            }
        }
    }

    /// Calls `found` for each sender: its key and how many rows are from it.
    pub(crate) fn each_sender(&self, mut found: impl FnMut(&str, u64)) {
        let mut counts = vec![0_u64; self.keys.len() + 1];
        for row in 0..self.len() {
            if let Some(count) = counts.get_mut(self.from.get(row) as usize) {
                *count += 1;
            }
        }
        for (number, count) in counts.iter().enumerate().skip(1).filter(|(_, count)| **count > 0) {
            found(&self.keys.get(number as u32 - 1), *count);
        }
    }

    /// Calls `found` for each observer: rowid, observations, highest timestamp, how many have that, transmissions, and
    /// adverts among them.
    pub(crate) fn each_observer(&self, mut found: impl FnMut(i64, u64, i64, u64, u64, u64)) {
        let mut heard = vec![(0_u64, i64::MIN, 0_u64); self.observers.len() + 1];
        for row in 0..self.len() {
            let first = self.first_seen_unix(row);
            for at in self.observations(row) {
                let Some((count, last, at_last)) = heard.get_mut(self.observer.get(at) as usize) else {
                    continue;
                };
                let time = first.wrapping_add(self.time.get(at));
                *count += 1;
                if time > *last {
                    (*last, *at_last) = (time, 1);
                } else if time == *last {
                    *at_last += 1;
                }
            }
        }
        for (number, (count, last, at_last)) in heard.into_iter().enumerate().skip(1) {
            let rows = self.observer_rows.get(number as u32 - 1);
            let adverts = rows.iter().filter(|row| self.payload.get(usize::from(**row)) == 4).count();
            if let Some(rowid) = self.observers.get(number - 1).filter(|_| count > 0) {
                found(*rowid, count, last, at_last, rows.len() as u64, adverts as u64);
            }
        }
    }
}

fn rows_of_kind(column: &Packed, odd: &Odd<i64>, wanted: impl Fn(Option<i64>) -> bool, rows: &mut Bits) {
    let usual = |value: u32| match value {
        KIND_NULL => wanted(None),
        KIND_ODD => false,
        value => wanted(Some(i64::from(value))),
    };
    column.select(usual, rows);
    for (row, value) in odd.iter() {
        if wanted(Some(*value)) {
            rows.set(row);
        }
    }
}
