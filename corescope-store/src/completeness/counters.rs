//! The observer's own counters: `packets_recv` and `recv_errors` of its status messages, both since its last boot.

use std::ops::Range;

/// What a status message said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Sample {
    /// When, unix seconds.
    pub at: i64,
    /// Packets that its radio received since it booted.
    pub packets: i64,
    /// Receptions with a wrong checksum since it booted: heard, but lost on the air.
    pub errors: Option<i64>,
}

/// What the counters say of an hour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Counted {
    /// Packets that the radio received.
    pub heard: u64,
    /// Receptions that were damaged on the air; no part of `heard`.
    pub damaged: u64,
    /// Packets that it received and that did not arrive here.
    pub missing: u64,
    /// Seconds of the hour that lie between samples.
    pub seconds: i64,
}

/// Two samples farther apart say nothing about one hour, seconds.
const FARTHEST: i64 = 7_200;

/// The growth of the counters between samples, beside what arrived in the same time; a stretch that reaches beyond the
/// hour counts in proportion, so that two hours never claim the same packet. `arrived` tells how many packets came in a
/// range of unix seconds. `None` where no two samples cover a third of the hour.
///
/// A counter that falls began again at zero: what it had counted before the boot and never told is not claimed.
/// A sample that falls below its predecessor and is followed by one that does not is an old message that came late (a
/// retained one of a second broker), and is passed over: a boot would have had to make up for all it had counted.
pub(crate) fn counted(
    samples: &[Sample],
    hour: &Range<i64>,
    mut arrived: impl FnMut(Range<i64>) -> u64,
) -> Option<Counted> {
    let samples = in_order(samples);
    let (mut heard, mut damaged, mut missing, mut seconds) = (0.0, 0.0, 0.0, 0);
    for pair in samples.windows(2) {
        let [before, after] = pair else { continue };
        let both = after.at.min(hour.end) - before.at.max(hour.start);
        let length = after.at - before.at;
        if both <= 0 || length > FARTHEST {
            continue;
        }
        let booted = after.packets < before.packets;
        let grown = since(before.packets, after.packets, booted);
        let share = both as f64 / length as f64;
        let gone = grown as f64 - arrived(before.at..after.at) as f64;
        heard += grown as f64 * share;
        missing += if booted { gone.max(0.0) } else { gone } * share;
        if let (Some(before), Some(after)) = (before.errors, after.errors) {
            damaged += since(before, after, booted) as f64 * share;
        }
        seconds += both;
    }
    let whole = |value: f64| value.max(0.0).round() as u64;
    (seconds > 0 && seconds * 3 >= hour.end - hour.start).then(|| Counted {
        heard: whole(heard),
        damaged: whole(damaged),
        missing: whole(missing),
        seconds,
    })
}

fn since(before: i64, after: i64, booted: bool) -> i64 {
    if booted || after < before { after.max(0) } else { after - before }
}

fn in_order(samples: &[Sample]) -> Vec<Sample> {
    let mut kept: Vec<Sample> = Vec::with_capacity(samples.len());
    for (at, sample) in samples.iter().enumerate() {
        let is_late = kept
            .last()
            .zip(samples.get(at + 1))
            .is_some_and(|(before, next)| sample.packets < before.packets && next.packets >= before.packets);
        if !is_late && kept.last().is_none_or(|before| sample.at > before.at) {
            kept.push(*sample);
        }
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    fn samples(list: &[(i64, i64)]) -> Vec<Sample> {
        list.iter().map(|(at, packets)| Sample { at: *at, packets: *packets, errors: None }).collect()
    }

    #[test]
    fn growth_is_set_beside_what_arrived() {
        let hour = 3_600..7_200;
        for (name, list, per_minute, expected) in [
            ("nothing lost", &[(3_600, 100), (5_400, 160), (7_200, 220)][..], 2, Some((120, 0))),
            ("half is lost", &[(3_600, 100), (5_400, 160), (7_200, 220)], 1, Some((120, 60))),
            ("more arrived than counted", &[(3_600, 100), (7_200, 110)], 1, Some((10, 0))),
            (
                "booted: what came before the boot is unknown",
                &[(3_600, 100), (5_400, 60), (7_200, 90)],
                1,
                Some((90, 30)),
            ),
            ("booted, and less than arrived", &[(3_600, 100), (5_400, 10), (7_200, 40)], 1, Some((40, 0))),
            (
                "an old message in between",
                &[(3_600, 100), (4_000, 5), (5_400, 160), (7_200, 220)],
                2,
                Some((120, 0)),
            ),
            ("half of a stretch that begins before", &[(1_800, 0), (5_400, 120)], 1, Some((60, 30))),
            ("beyond the end", &[(5_400, 0), (9_000, 120)], 1, Some((60, 30))),
            ("only a quarter of the hour", &[(3_600, 0), (4_500, 60)], 1, None),
            ("samples too far apart", &[(0, 0), (9_000, 60)], 1, None),
            ("one sample", &[(3_600, 7)], 1, None),
            ("none", &[], 1, None),
        ] {
            let found = counted(&samples(list), &hour, |range| {
                u64::try_from((range.end - range.start) / 60).unwrap() * per_minute
            });
            assert_eq!(found.map(|c| (c.heard, c.missing)), expected, "{name}");
        }
    }

    #[test]
    fn damage_on_the_air_is_told_apart() {
        let sample = |at, packets, errors| Sample { at, packets, errors };
        let list = [
            sample(0, 10, Some(3)),
            sample(1_800, 20, Some(8)),
            sample(2_700, 25, None),
            sample(3_600, 4, Some(2)),
        ];
        let found = counted(&list, &(0..3_600), |_| 0).unwrap();
        assert_eq!((found.heard, found.damaged, found.seconds), (19, 5, 3_600));
    }

    #[test]
    fn two_hours_share_a_stretch_and_claim_each_packet_once() {
        let list = samples(&[(0, 0), (2_000, 1_000), (5_000, 3_000), (7_200, 4_000)]);
        let missing = |hour| counted(&list, &hour, |_| 0).unwrap().missing;
        assert_eq!(missing(0..3_600) + missing(3_600..7_200), 4_000);
    }
}
