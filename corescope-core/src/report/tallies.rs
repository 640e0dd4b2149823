//! Running counts of one thing each.

use std::collections::{BTreeMap, HashMap, HashSet};

use smallvec::SmallVec;

use super::histogram::Histogram;
use super::model::{Activity, Step};
use crate::time::rfc3339;

/// A packet, between its first reception and the end.
#[derive(Debug, Clone, Default)]
pub(super) struct PacketState {
    pub(super) first_ms: Option<i64>,
    pub(super) last_ms: Option<i64>,
    pub(super) type_slot: usize,
    /// Relays seen in its paths; an upper bound of who forwarded it.
    pub(super) relays: SmallVec<[u32; 8]>,
    /// Observers by their index.
    pub(super) observers: SmallVec<[u32; 4]>,
    /// Who heard it over which path, hashed.
    pub(super) seen: SmallVec<[u64; 4]>,
    pub(super) airtime_ms: u32,
}

/// Counts of one payload type. Slot 16 is for packets that have none.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct TypeTally {
    pub(super) transmissions: u64,
    pub(super) observations: u64,
    pub(super) airtime_ms: u64,
}

/// An observer.
#[derive(Debug)]
pub(super) struct ObserverTally {
    pub(super) id: String,
    pub(super) name: Option<String>,
    pub(super) iata: Option<String>,
    pub(super) radio: Option<String>,
    pub(super) firmware: Option<String>,
    pub(super) listed: bool,
    pub(super) last_seen_ms: Option<i64>,
    pub(super) observations: u64,
    pub(super) transmissions: u64,
    pub(super) first_ms: Option<i64>,
    pub(super) last_ms: Option<i64>,
    pub(super) snr: Histogram,
}

impl ObserverTally {
    pub(super) fn new(id: &str) -> Self {
        Self {
            id: id.to_owned(),
            name: None,
            iata: None,
            radio: None,
            firmware: None,
            listed: false,
            last_seen_ms: None,
            observations: 0,
            transmissions: 0,
            first_ms: None,
            last_ms: None,
            snr: snr_histogram(),
        }
    }
}

/// For SNR in dB.
pub(super) fn snr_histogram() -> Histogram {
    Histogram::new(-64, 64, 4)
}

/// A channel.
#[derive(Debug, Default)]
pub(super) struct ChannelTally {
    pub(super) messages: u64,
    pub(super) decrypted: u64,
    pub(super) senders: HashSet<String>,
}

/// A hop, as paths name it.
#[derive(Debug, Default)]
pub(super) struct HopTally {
    pub(super) transmissions: u64,
    pub(super) observations: u64,
}

/// Hops by their hex, numbered in the order they came.
#[derive(Debug, Default)]
pub(super) struct Hops {
    numbers: HashMap<String, u32>,
    pub(super) tallies: Vec<HopTally>,
}

impl Hops {
    pub(super) fn number(&mut self, hop: &str) -> u32 {
        if let Some(number) = self.numbers.get(hop) {
            return *number;
        }
        let number = self.tallies.len() as u32;
        self.numbers.insert(hop.to_owned(), number);
        self.tallies.push(HopTally::default());
        number
    }

    pub(super) fn named(&self) -> impl Iterator<Item = (&str, &HopTally)> {
        self.numbers
            .iter()
            .filter_map(|(hop, number)| Some((hop.as_str(), self.tallies.get(*number as usize)?)))
    }
}

/// Packets and receptions by the minute.
#[derive(Debug, Default)]
pub(super) struct Clock(BTreeMap<i64, (u64, u64)>);

/// Steps an activity is shown in at most.
const STEPS: i64 = 60;
/// Minutes that are told apart; beyond, dates are nonsense.
const MINUTES: usize = 2_000_000;

impl Clock {
    pub(super) fn transmission(&mut self, ms: i64) {
        self.minute(ms).0 += 1;
    }

    pub(super) fn observation(&mut self, ms: i64) {
        self.minute(ms).1 += 1;
    }

    fn minute(&mut self, ms: i64) -> &mut (u64, u64) {
        let minute = ms.div_euclid(60_000);
        let minute = if self.0.len() < MINUTES || self.0.contains_key(&minute) {
            minute
        } else {
            self.0.last_key_value().map_or(minute, |(last, _)| *last)
        };
        self.0.entry(minute).or_default()
    }

    /// The same in at most 60 steps of a round length.
    pub(super) fn activity(&self) -> Activity {
        let (Some((first, _)), Some((last, _))) = (self.0.first_key_value(), self.0.last_key_value()) else {
            return Activity::default();
        };
        let lengths = [1, 2, 5, 10, 15, 30, 60, 120, 180, 360, 720, 1440, 2880, 10_080, 43_200, 525_600];
        let fits = |minutes: &i64| last.div_euclid(*minutes) - first.div_euclid(*minutes) < STEPS;
        let length = lengths.into_iter().find(fits).unwrap_or((last - first) / (STEPS - 1) + 1);
        let from = first.div_euclid(length);
        let count = last.div_euclid(length) - from + 1;
        let mut steps: Vec<Step> = (0..count)
            .map(|step| Step {
                start: rfc3339((from + step) * length * 60),
                transmissions: 0,
                observations: 0,
            })
            .collect();
        for (minute, (transmissions, observations)) in &self.0 {
            if let Some(step) = steps.get_mut((minute.div_euclid(length) - from) as usize) {
                step.transmissions += transmissions;
                step.observations += observations;
            }
        }
        Activity { step_seconds: length * 60, steps }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn activity_has_round_steps_without_gaps() {
        let mut clock = Clock::default();
        assert!(clock.activity().steps.is_empty());
        clock.transmission(0);
        clock.observation(30_000);
        clock.observation(3 * 3_600_000);
        let activity = clock.activity();
        assert_eq!(activity.step_seconds, 300);
        assert_eq!(activity.steps.len(), 37);
        assert_eq!((activity.steps[0].transmissions, activity.steps[0].observations), (1, 1));
        assert_eq!(activity.steps[36].observations, 1);
    }

    #[test]
    fn nonsense_dates_do_not_make_a_million_steps() {
        let mut clock = Clock::default();
        clock.observation(i64::MIN);
        clock.observation(i64::MAX);
        assert!(clock.activity().steps.len() <= 61);
    }
}
