//! A segment in a snapshot file: its fields in the order of their declaration.

use super::{BLOCK, Segment};
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
    /// Whether the columns are as long as one another and numbers of rows lead somewhere, for a segment that was read:
    /// nothing that is asked of it then panics or takes more time and room than its bytes are worth.
    pub(crate) fn is_sound(&self) -> bool {
        let rows = self.ids.len();
        let observations = self.way.len();
        u16::try_from(rows).is_ok()
            && self.ids.is_sound()
            // Those of one transmission differ in their ids: no more than one each is all that may be the same.
            && (observations <= rows || !self.observation_id.is_constant())
            && self.starts.len() == rows + 1
            && self.starts.is_sorted()
            && self.starts.last().is_some_and(|end| *end as usize == observations)
            && self.has_sound_columns(rows, observations)
            && self.keys.is_sound()
            && self.by_hash.is_sound(rows)
            && self.nodes.is_sound(self.keys.len(), rows)
            && self.observer_rows.is_sound(self.observers.len(), rows)
            && self.hops.is_sound(rows)
            && self.damaged.is_sorted()
            && self.damaged.last().is_none_or(|row| usize::from(*row) < rows)
    }

    fn has_sound_columns(&self, rows: usize, observations: usize) -> bool {
        let by_row = [
            &self.route,
            &self.payload,
            &self.version,
            &self.from,
            &self.channel,
            &self.scope,
            &self.raw_case,
            &self.display,
        ];
        let by_observation = [&self.observer, &self.snr, &self.rssi, &self.score, &self.direction];
        let distances_by_row = [&self.first_seen, &self.last_seen, &self.latest, &self.first_observation];
        self.hashes.len() == rows
            && by_row.iter().all(|column| column.len() == rows)
            && by_observation.iter().all(|column| column.len() == observations)
            && distances_by_row.iter().all(|column| column.is_sound(rows))
            && [&self.observation_id, &self.time].iter().all(|column| column.is_sound(observations))
            && [&self.odd_hashes, &self.odd_times, &self.odd_raw].iter().all(|odd| odd.is_sound(rows))
            && self.odd_kinds.iter().all(|odd| odd.is_sound(rows))
            && [&self.raw, &self.json].iter().all(|arena| arena.len() == rows && arena.is_sound())
            && self.ways.is_sound()
            && self.observation_blocks.len() == rows.div_ceil(BLOCK)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::memory::segment::{Builder, Packed};
    use crate::memory::{ObservationRow, TransmissionRow};

    fn segment() -> Segment {
        let mut builder = Builder::default();
        for id in 0..40 {
            let (hash, key) = (format!("{id:016x}"), format!("{id:064x}"));
            let row = TransmissionRow { from_pubkey: Some(&key), ..TransmissionRow::bare(id * 2, &hash) };
            builder.transmission(&row).expect("a row");
            for n in 0..3 {
                let path = Some(r#"["AB"]"#);
                let row = ObservationRow {
                    observer: Some(n),
                    path_json: path,
                    ..ObservationRow::bare(id * 3 + n, id * 2, 1_780_315_200 + n)
                };
                builder.observation(id as usize, &row).expect("an observation");
            }
        }
        builder.finish()
    }

    /// Bytes of a column, and the column of another segment they are put in place of.
    fn column<T: Stored>(value: &impl Stored) -> T {
        let mut bytes = Vec::new();
        value.write(&mut bytes);
        T::read(&mut Reader::new(&bytes)).expect("a column")
    }

    #[test]
    fn columns_that_do_not_belong_together_are_refused() {
        assert!(segment().is_sound() && Builder::default().finish().is_sound());
        let far = || Packed::Constant { value: 1, len: 4_000_000_000 };
        let refused = |what: &str, edit: &dyn Fn(&mut Segment)| {
            let mut segment = segment();
            edit(&mut segment);
            assert!(!segment.is_sound(), "{what}");
        };
        // A table of hashes is its beginnings, its rows and the number of bits.
        let hashes = |bits: u32| column(&((vec![0_u16; 17], vec![0_u16; 40]), bits));
        refused("more bits than a hash has", &|s| s.by_hash = hashes(70));
        refused("more bits than beginnings", &|s| s.by_hash = hashes(5));
        refused("a column without end", &|s| s.payload = far());
        refused("observations without end", &|s| {
            (s.way, s.observer, s.snr, s.rssi, s.score, s.direction) =
                (far(), far(), far(), far(), far(), far());
            (s.observation_id, s.time) = (column(&((far(), 9_u32), 0_u64)), column(&((far(), 9_u32), 0_u64)));
            if let Some(end) = s.starts.last_mut() {
                *end = 4_000_000_000;
            }
        });
        refused("times that are too few", &|s| s.time = column(&((Packed::new(&[1, 2]), 255_u32), 0_u64)));
        refused("an exception behind the end", &|s| {
            s.latest = column(&((Packed::new(&[0; 40]), 255_u32), vec![(40_u32, 5_i64)]));
        });
        refused("frames that are too few", &|s| s.raw = column(&(vec![1_u8, 2], vec![1_u32, 2])));
        refused("a payload behind the end", &|s| s.json = column(&(vec![0_u8; 4], vec![5_u32; 40])));
        refused("ways that go backwards", &|s| s.ways = column(&(vec![0_u8; 4], vec![3_u32, 2])));
        refused("shown ones that are too few", &|s| s.display = Packed::new(&[0, 1]));
        refused("ids beyond numbers", &|s| s.ids = column(&(vec![(0_u32, i64::MAX - 5)], 40_u32)));
        refused("ids that come twice", &|s| s.ids = column(&(vec![(0_u32, 5_i64), (20, 7)], 40_u32)));
        refused("a row behind the end", &|s| s.damaged = [40].into());
        refused("lists of nodes that are too few", &|s| s.nodes = column(&(vec![0_u32, 1], vec![3_u16])));
        refused("an observer's row behind the end", &|s| {
            s.observer_rows = column(&(vec![0_u32, 1, 1, 1], vec![40_u16]));
        });
        refused("blocks that are too few", &|s| s.observation_blocks = Box::default());
    }
}
