//! From rows to a segment: everything a segment needs is collected here and packed once.

use super::Segment;
use super::dictionary::{Arena, BytesInterner, Interner};
use super::hops::HopRows;
use super::keys::KeysBuilder;
use super::numbers::{Distances, Ids};
use super::odd::Odd;
use super::packed::Packed;
use super::postings::{HashIndex, Postings};
use super::text::Shortener;
use super::way::{self, Of, Way};
use crate::memory::checks::{Defect, check_sizes, check_transmission};
use crate::memory::matcher::{looks_whole, payload_keys, resolved_keys};
use crate::memory::owned::HexCase;
use crate::memory::record::{ObservationRow, Score, TransmissionRow};

/// Most transmissions a segment may have: row numbers are 16 bits.
const MOST_ROWS: usize = 65_535;
/// Most bytes of one of its arenas, so that offsets stay below 2³² with one more row.
const MOST_BYTES: usize = 1 << 31;

/// Number of a small whole number column: the value, or one of these.
pub(super) const KIND_NULL: u32 = 255;
pub(super) const KIND_ODD: u32 = 254;

/// Short forms of `decoded_json` begin with one of these.
pub(super) const JSON_NULL: u8 = 0;
pub(super) const JSON_SHORT: u8 = 1;
pub(super) const JSON_PLAIN: u8 = 2;

/// Collects rows: transmissions in ascending order of id, then observations in any order.
#[derive(Debug, Default)]
pub(crate) struct Builder {
    ids: Ids,
    hashes: Vec<u64>,
    odd_hashes: Odd<Box<str>>,
    first_seen: Vec<i64>,
    odd_times: Odd<Box<str>>,
    last_seen: Vec<i64>,
    route: Vec<u32>,
    payload: Vec<u32>,
    version: Vec<u32>,
    odd_kinds: [Odd<i64>; 3],
    damaged: Vec<u16>,
    from: Vec<u32>,
    channel: Vec<u32>,
    scope: Vec<u32>,
    raw: Vec<u8>,
    raw_ends: Vec<u32>,
    raw_case: Vec<u32>,
    odd_raw: Odd<Box<str>>,
    json: Vec<u8>,
    json_ends: Vec<u32>,
    node_pairs: Vec<(u16, u32)>,

    texts: Interner<Box<str>>,
    keys: KeysBuilder,
    observers: Interner<i64>,
    reals: Interner<u64>,
    scores: Interner<(bool, u64)>,
    ways: BytesInterner,
    observations: Vec<Row>,
    seen: ObservationIds,

    shortener: Shortener,
    scratch: Vec<u8>,
    /// Row and text of the frame that observations were last compared with.
    frame: (usize, String),
}

/// An observation on its way into the columns.
#[derive(Clone, Copy, Debug)]
struct Row {
    id: i64,
    timestamp: i64,
    way: u32,
    observer: u32,
    snr: u32,
    rssi: u32,
    score: u32,
    direction: u32,
    of: u16,
}

/// Observations come mostly in ascending order; only others need a look for doubles.
#[derive(Debug, Default)]
struct ObservationIds {
    highest: Option<i64>,
    disordered: bool,
}

impl Builder {
    /// Number of transmissions so far.
    pub(crate) fn len(&self) -> usize {
        self.ids.len()
    }

    /// Whether the arenas are as large as a segment's may be.
    pub(crate) fn is_full(&self) -> bool {
        self.len() >= MOST_ROWS || self.raw.len().max(self.json.len()).max(self.ways.len()) >= MOST_BYTES
    }

    /// The row of a transmission.
    pub(crate) fn find(&self, id: i64) -> Option<usize> {
        self.ids.find(id)
    }

    /// Adds a transmission; its id is greater than the last.
    pub(crate) fn transmission(&mut self, row: &TransmissionRow<'_>) -> Result<(), Defect> {
        let (raw, first_seen) = check_transmission(row)?;
        let at = self.len();
        self.ids.push(row.id);
        let hash = hash_key(row.hash);
        self.hashes.push(hash);
        if !is_canonical_hash(row.hash) {
            self.odd_hashes.push(at, row.hash.into());
        }
        self.first_seen.push(first_seen);
        if crate::memory::seconds::format(first_seen) != row.first_seen {
            self.odd_times.push(at, row.first_seen.into());
        }
        self.last_seen.push(row.last_seen);
        let kinds = [row.route_type, row.payload_type, row.payload_version];
        for (kind, (column, odd)) in kinds
            .into_iter()
            .zip([&mut self.route, &mut self.payload, &mut self.version].into_iter().zip(&mut self.odd_kinds))
        {
            column.push(match kind {
                None => KIND_NULL,
                Some(value) => match u32::try_from(value) {
                    Ok(value) if value < KIND_ODD => value,
                    _ => {
                        odd.push(at, value);
                        KIND_ODD
                    }
                },
            });
        }
        let from = row.from_pubkey.map(|key| self.keys.number(key));
        self.from.push(from.map_or(0, |n| n + 1));
        self.channel.push(row.channel_hash.map_or(0, |t| self.texts.text(t) + 1));
        self.scope.push(row.scope_name.map_or(0, |t| self.texts.text(t) + 1));
        self.raw.extend_from_slice(&raw);
        self.raw_ends.push(self.raw.len() as u32);
        self.raw_case.push(match HexCase::of(row.raw_hex) {
            HexCase::Upper => 0,
            HexCase::Lower => 1,
            HexCase::Verbatim(text) => {
                self.odd_raw.push(at, text);
                2
            }
        });
        let mark = self.json.len();
        match row.decoded_json {
            None => self.json.push(JSON_NULL),
            Some(text) => {
                if !looks_whole(text) {
                    self.damaged.push(at as u16);
                }
                self.json.push(JSON_SHORT);
                self.shortener.write(text, &raw, &mut self.json);
                if self.json.len() - mark > text.len() {
                    self.json.truncate(mark);
                    self.json.push(JSON_PLAIN);
                    self.json.extend_from_slice(text.as_bytes());
                }
                for key in payload_keys(text) {
                    let number = self.keys.number(key);
                    self.node_pairs.push((at as u16, number));
                }
            }
        }
        self.json_ends.push(self.json.len() as u32);
        if let Some(number) = from
            && row.from_pubkey != Some("")
        {
            self.node_pairs.push((at as u16, number));
        }
        Ok(())
    }

    /// Adds an observation of the transmission at a row. [`Defect::Size`] also where the arena of ways has no room left:
    /// [`is_full`](Self::is_full) tells long before.
    pub(crate) fn observation(&mut self, at: usize, row: &ObservationRow<'_>) -> Result<(), Defect> {
        check_sizes(row)?;
        let begin = at.checked_sub(1).and_then(|at| self.raw_ends.get(at)).map_or(0, |e| *e as usize);
        let end = self.raw_ends.get(at).map_or(begin, |e| *e as usize);
        let of = Of {
            raw: self.raw.get(begin..end).unwrap_or_default(),
            upper: match self.raw_case.get(at) {
                Some(0) => Some(true),
                Some(1) => Some(false),
                _ => None,
            },
            verbatim: self.odd_raw.get(at).map(|t| &**t),
        };
        // Observations of one transmission mostly come together.
        let (of_row, frame) = &mut self.frame;
        if *of_row != at || frame.is_empty() {
            *of_row = at;
            frame.clear();
            of.write_text(frame);
        }
        let texts = (row.path_json, row.resolved_path, row.raw_hex);
        way::encode(texts, (of, frame), &mut self.keys, &mut self.scratch)?;
        let way = self.ways.number(&self.scratch).ok_or(Defect::Size)?;
        let number =
            |real: Option<f64>, reals: &mut Interner<u64>| real.map_or(0, |r| reals.bits(r.to_bits()) + 1);
        self.seen.disordered |= self.seen.highest.is_some_and(|highest| highest >= row.id);
        self.seen.highest = self.seen.highest.max(Some(row.id));
        self.observations.push(Row {
            id: row.id,
            timestamp: row.timestamp,
            way,
            observer: row.observer.map_or(0, |o| self.observers.integer(o) + 1),
            snr: number(row.snr, &mut self.reals),
            rssi: number(row.rssi, &mut self.reals),
            score: row.score.map_or(0, |score| {
                let key = match score {
                    Score::Integer(value) => (false, value as u64),
                    Score::Real(value) => (true, value.to_bits()),
                };
                self.scores.number(&key, |k| *k, |k| k) + 1
            }),
            direction: row.direction.map_or(0, |t| self.texts.text(t) + 1),
            of: at as u16,
        });
        Ok(())
    }

    /// Packs everything.
    pub(crate) fn finish(mut self) -> Segment {
        let rows = self.len();
        self.ids.shrink();
        self.observations.sort_unstable_by_key(|o| (o.of, o.id));
        if self.seen.disordered {
            // Of two rows with one id the later one would have replaced the earlier; SQLite has no such rows.
            self.observations.dedup_by_key(|o| (o.of, o.id));
        }
        let observations = &self.observations;
        let mut starts = vec![0_u32; rows + 1];
        for o in observations {
            starts[usize::from(o.of) + 1] += 1;
        }
        for at in 1..starts.len() {
            starts[at] += starts[at - 1];
        }
        let of_row = |row: usize| &observations[starts[row] as usize..starts[row + 1] as usize];
        let lowest = observations.iter().map(|o| o.id).min().unwrap_or(0);
        let first_ids: Vec<i64> =
            (0..rows).map(|row| of_row(row).first().map_or(0, |o| o.id.wrapping_sub(lowest))).collect();
        let latest: Vec<i64> = (0..rows)
            .map(|row| of_row(row).iter().map(|o| o.timestamp).fold(self.first_seen[row], i64::max))
            .collect();
        let column =
            |value: fn(&Row) -> u32| Packed::new(&observations.iter().map(value).collect::<Vec<_>>());
        let ids: Vec<i64> = observations
            .iter()
            .map(|o| o.id.wrapping_sub(lowest).wrapping_sub(first_ids[usize::from(o.of)]))
            .collect();
        let times: Vec<i64> = observations
            .iter()
            .map(|o| o.timestamp.wrapping_sub(self.first_seen[usize::from(o.of)]))
            .collect();

        let ways = self.ways.into_arena();
        let mut payload_pairs = std::mem::take(&mut self.node_pairs).into_iter().peekable();
        let mut node_pairs: Vec<(u16, u32)> = Vec::new();
        let mut observer_pairs: Vec<(u16, u32)> = Vec::new();
        let mut relays: Vec<u32> = Vec::new();
        let mut hop_pairs: Vec<(u16, u32)> = Vec::new();
        let mut hops: Vec<u32> = Vec::new();
        let mut hearers: Vec<u32> = Vec::new();
        for row in 0..rows {
            hearers.clear();
            hearers.extend(of_row(row).iter().filter_map(|o| o.observer.checked_sub(1)));
            hearers.sort_unstable();
            hearers.dedup();
            observer_pairs.extend(hearers.iter().map(|n| (row as u16, *n)));
            relays.clear();
            hops.clear();
            for o in of_row(row) {
                let way = Way::read(ways.get(o.way as usize));
                hops.extend(way.unresolved_hops());
                relays.extend(way.keys().flatten());
                if let Some(text) = way.resolved_text() {
                    relays.extend(resolved_keys(text).map(|key| self.keys.number(key)));
                }
            }
            relays.sort_unstable();
            relays.dedup();
            node_pairs
                .extend(std::iter::from_fn(|| payload_pairs.next_if(|(of, _)| usize::from(*of) == row)));
            node_pairs.extend(relays.iter().map(|n| (row as u16, *n)));
            hops.sort_unstable();
            hops.dedup();
            hop_pairs.extend(hops.iter().map(|code| (row as u16, *code)));
        }
        let keys = self.keys.finish();
        let observers = self.observers.into_values();
        let base_time = self.first_seen.iter().copied().min().unwrap_or(i64::MAX);
        let relative = |times: &[i64]| times.iter().map(|t| t.wrapping_sub(base_time)).collect::<Vec<_>>();
        let mut segment =
            Segment {
                by_hash: HashIndex::new(&self.hashes),
                ids: self.ids,
                hashes: self.hashes.into(),
                odd_hashes: self.odd_hashes,
                base_time,
                first_seen: Distances::new(&relative(&self.first_seen)),
                odd_times: self.odd_times,
                last_seen: Distances::new(
                    &self.last_seen.iter().zip(&latest).map(|(l, t)| l.wrapping_sub(*t)).collect::<Vec<_>>(),
                ),
                latest: Distances::new(&relative(&latest)),
                newest: latest.iter().copied().max().unwrap_or(i64::MIN),
                route: Packed::new(&self.route),
                payload: Packed::new(&self.payload),
                version: Packed::new(&self.version),
                odd_kinds: self.odd_kinds,
                from: Packed::new(&self.from),
                channel: Packed::new(&self.channel),
                scope: Packed::new(&self.scope),
                raw: Arena::new(self.raw, self.raw_ends),
                raw_case: Packed::new(&self.raw_case),
                odd_raw: self.odd_raw,
                json: Arena::new(self.json, self.json_ends),
                nodes: Postings::new(node_pairs, keys.len()),
                keys,
                texts: self.texts.into_values(),
                observer_rows: Postings::new(observer_pairs, observers.len()),
                hops: HopRows::new(hop_pairs),
                damaged: self.damaged.into(),
                observers,
                reals: self.reals.into_values().iter().map(|bits| f64::from_bits(*bits)).collect(),
                scores: self
                    .scores
                    .into_values()
                    .iter()
                    .map(|(real, bits)| {
                        if *real { Score::Real(f64::from_bits(*bits)) } else { Score::Integer(*bits as i64) }
                    })
                    .collect(),
                ways,
                lowest_observation: lowest,
                first_observation: Distances::new(&first_ids),
                observation_id: Distances::new(&ids),
                time: Distances::new(&times),
                observer: column(|o| o.observer),
                snr: column(|o| o.snr),
                rssi: column(|o| o.rssi),
                score: column(|o| o.score),
                direction: column(|o| o.direction),
                way: column(|o| o.way),
                starts: starts.into(),
                display: Packed::Constant { value: 0, len: rows as u32 },
                observation_blocks: Box::default(),
            };
        segment.derive();
        segment
    }
}

/// The 64 bits a hash is looked up with: its value when it is 16 hex digits, else a mixture of its bytes.
pub(super) fn hash_key(text: &str) -> u64 {
    if text.len() == 16
        && let Ok(value) = u64::from_str_radix(text, 16)
    {
        return value;
    }
    // FNV-1a, without regard to case.
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte.to_ascii_lowercase())).wrapping_mul(0x0100_0000_01b3)
    })
}

/// Whether the text is written again from its 64 bits.
fn is_canonical_hash(text: &str) -> bool {
    text.len() == 16 && text.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
}
