//! A segment in a snapshot file: its fields in the order of their declaration.

use super::Segment;
use crate::memory::saved::codec::{Reader, Stored};

impl Stored for Segment {
    fn write(&self, out: &mut Vec<u8>) {
        self.ids.write(out);
        self.hashes.write(out);
        self.odd_hashes.write(out);
        self.by_hash.write(out);
        self.base_time.write(out);
        self.first_seen.write(out);
        self.odd_times.write(out);
        self.last_seen.write(out);
        self.latest.write(out);
        self.newest.write(out);
        self.route.write(out);
        self.payload.write(out);
        self.version.write(out);
        self.odd_kinds.iter().for_each(|odd| odd.write(out));
        self.from.write(out);
        self.channel.write(out);
        self.scope.write(out);
        self.raw.write(out);
        self.raw_case.write(out);
        self.odd_raw.write(out);
        self.json.write(out);
        self.starts.write(out);
        self.display.write(out);
        self.lowest_observation.write(out);
        self.first_observation.write(out);
        self.observation_id.write(out);
        self.time.write(out);
        self.observer.write(out);
        self.snr.write(out);
        self.rssi.write(out);
        self.score.write(out);
        self.direction.write(out);
        self.way.write(out);
        self.observation_blocks.write(out);
        self.keys.write(out);
        self.texts.write(out);
        self.observers.write(out);
        self.reals.write(out);
        self.scores.write(out);
        self.ways.write(out);
        self.nodes.write(out);
        self.observer_rows.write(out);
        self.hops.write(out);
        self.damaged.write(out);
    }

    fn read(input: &mut Reader<'_>) -> Option<Self> {
        Some(Self {
            ids: Stored::read(input)?,
            hashes: Stored::read(input)?,
            odd_hashes: Stored::read(input)?,
            by_hash: Stored::read(input)?,
            base_time: Stored::read(input)?,
            first_seen: Stored::read(input)?,
            odd_times: Stored::read(input)?,
            last_seen: Stored::read(input)?,
            latest: Stored::read(input)?,
            newest: Stored::read(input)?,
            route: Stored::read(input)?,
            payload: Stored::read(input)?,
            version: Stored::read(input)?,
            odd_kinds: [Stored::read(input)?, Stored::read(input)?, Stored::read(input)?],
            from: Stored::read(input)?,
            channel: Stored::read(input)?,
            scope: Stored::read(input)?,
            raw: Stored::read(input)?,
            raw_case: Stored::read(input)?,
            odd_raw: Stored::read(input)?,
            json: Stored::read(input)?,
            starts: Stored::read(input)?,
            display: Stored::read(input)?,
            lowest_observation: Stored::read(input)?,
            first_observation: Stored::read(input)?,
            observation_id: Stored::read(input)?,
            time: Stored::read(input)?,
            observer: Stored::read(input)?,
            snr: Stored::read(input)?,
            rssi: Stored::read(input)?,
            score: Stored::read(input)?,
            direction: Stored::read(input)?,
            way: Stored::read(input)?,
            observation_blocks: Stored::read(input)?,
            keys: Stored::read(input)?,
            texts: Stored::read(input)?,
            observers: Stored::read(input)?,
            reals: Stored::read(input)?,
            scores: Stored::read(input)?,
            ways: Stored::read(input)?,
            nodes: Stored::read(input)?,
            observer_rows: Stored::read(input)?,
            hops: Stored::read(input)?,
            damaged: Stored::read(input)?,
        })
    }
}

impl Segment {
    /// Whether the columns are as long as one another, for a segment that was read.
    pub(crate) fn is_sound(&self) -> bool {
        let rows = self.ids.len();
        let observations = self.way.len();
        u16::try_from(rows).is_ok()
            && self.hashes.len() == rows
            && [
                &self.route,
                &self.payload,
                &self.version,
                &self.from,
                &self.channel,
                &self.scope,
                &self.raw_case,
            ]
            .iter()
            .all(|column| column.len() == rows)
            && [&self.observer, &self.snr, &self.rssi, &self.score, &self.direction]
                .iter()
                .all(|column| column.len() == observations)
            && self.starts.len() == rows + 1
            && self.starts.is_sorted()
            && self.starts.last().is_some_and(|end| *end as usize == observations)
    }
}
