//! From the evidence to one figure.

use serde::Serialize;

use super::counters::Counted;
use super::peers::Shared;

/// What is known of one observer's hour.
#[derive(Debug, Clone, Default)]
pub(crate) struct Facts {
    /// Packets that arrived, stored or not.
    pub received: u64,
    /// What its counters say.
    pub counters: Option<Counted>,
    /// What its peers say.
    pub shared: Option<Shared>,
    /// Packets that it usually hears in an hour; `None` while that is not known.
    pub rate: Option<f64>,
    /// Seconds in which none of its sources was connected.
    pub away_s: i64,
    /// Messages more than usual that came in the minutes after: the broker had kept them.
    pub kept: f64,
    /// Seconds of unusual silence while a source was connected; `None` where silence would mean nothing.
    pub silent_s: Option<i64>,
}

/// The figure, and all of what it rests on.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Estimate {
    /// Packets that the observer heard, as far as can be told.
    pub expected: Option<u64>,
    /// The kinds of evidence behind `expected`, joined by `+`; `none`.
    pub basis: String,
    /// Each kind with its own figures, also those that were not decisive.
    pub evidence: Evidence,
}

/// What each kind of evidence says by itself.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub(crate) struct Evidence {
    #[serde(skip_serializing_if = "Option::is_none")]
    counters: Option<ByCounters>,
    #[serde(skip_serializing_if = "Option::is_none")]
    neighbours: Option<ByNeighbours>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reconnects: Option<ByTime>,
    #[serde(skip_serializing_if = "Option::is_none")]
    gaps: Option<ByTime>,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
struct ByCounters {
    heard: u64,
    damaged: u64,
    missing: u64,
    seconds: i64,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
struct ByNeighbours {
    peers: usize,
    usual: f64,
    now: f64,
    missing: u64,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
struct ByTime {
    seconds: i64,
    missing: u64,
}

impl Evidence {
    /// Whether there is any.
    pub(crate) fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// Weighs the evidence: counters decide alone. Otherwise what was missed while no source was connected adds to what
/// the neighbours say (who mostly come over the same source, and were missed too), or else to unusual silence.
pub(crate) fn estimate(facts: &Facts) -> Estimate {
    let whole = |packets: f64| packets.max(0.0).round() as u64;
    let usual_in = |seconds: i64| facts.rate.map(|rate| rate * seconds as f64 / super::HOUR as f64);
    let counters = facts.counters.map(|c| ByCounters {
        heard: c.heard,
        damaged: c.damaged,
        missing: c.missing,
        seconds: c.seconds,
    });
    let neighbours = facts.shared.and_then(|shared| {
        let missing = if shared.short >= 1.0 {
            // Nothing that arrived could be scaled up.
            facts.rate? - facts.received as f64
        } else {
            facts.received as f64 * shared.short / (1.0 - shared.short)
        };
        Some(ByNeighbours {
            peers: shared.peers,
            usual: thousandths(shared.usual),
            now: thousandths(shared.now),
            missing: whole(missing),
        })
    });
    let reconnects = (facts.away_s > 0)
        .then(|| usual_in(facts.away_s))
        .flatten()
        .map(|usual| ByTime { seconds: facts.away_s, missing: whole(usual - facts.kept) });
    let gaps =
        facts.silent_s.and_then(|seconds| Some(ByTime { seconds, missing: whole(usual_in(seconds)?) }));
    let (mut missing, mut basis) = (None, Vec::new());
    let mut add = |word: &'static str, more: Option<u64>| {
        if let Some(more) = more {
            missing = Some(missing.unwrap_or(0) + more);
            basis.push(word);
        }
    };
    if let Some(counters) = &counters {
        add("counters", Some(counters.missing));
    } else {
        match &neighbours {
            Some(neighbours) => add("neighbours", Some(neighbours.missing)),
            None => add("gaps", gaps.as_ref().map(|g| g.missing)),
        }
        add("reconnects", reconnects.as_ref().map(|r| r.missing));
    }
    Estimate {
        expected: missing.map(|missing| facts.received + missing),
        basis: if basis.is_empty() { "none".to_owned() } else { basis.join("+") },
        evidence: Evidence { counters, neighbours, reconnects, gaps },
    }
}

fn thousandths(share: f64) -> f64 {
    (share * 1000.0).round() / 1000.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn evidence_is_weighed() {
        let counters = |missing| Some(Counted { heard: 100, damaged: 2, missing, seconds: 3_600 });
        let shared = |short| Some(Shared { peers: 3, usual: 0.8, now: 0.8 * (1.0 - short), short });
        let base = Facts { received: 60, rate: Some(120.0), ..Facts::default() };
        for (name, facts, expected, basis) in [
            ("nothing is known", Facts { rate: None, ..base.clone() }, None, "none"),
            ("only a rate", base.clone(), None, "none"),
            ("counters alone", Facts { counters: counters(40), ..base.clone() }, Some(100), "counters"),
            (
                "counters decide",
                Facts {
                    counters: counters(0),
                    shared: shared(0.5),
                    away_s: 600,
                    silent_s: Some(900),
                    ..base.clone()
                },
                Some(60),
                "counters",
            ),
            ("neighbours", Facts { shared: shared(0.5), ..base.clone() }, Some(120), "neighbours"),
            (
                "neighbours see nothing missing",
                Facts { shared: shared(0.0), ..base.clone() },
                Some(60),
                "neighbours",
            ),
            (
                "neighbours that hear while it is dead",
                Facts { received: 0, shared: shared(1.0), ..base.clone() },
                Some(120),
                "neighbours",
            ),
            ("silence", Facts { silent_s: Some(1_800), ..base.clone() }, Some(120), "gaps"),
            (
                "no silence where it would mean something",
                Facts { silent_s: Some(0), ..base.clone() },
                Some(60),
                "gaps",
            ),
            (
                "silence without a rate",
                Facts { silent_s: Some(900), rate: None, ..base.clone() },
                None,
                "none",
            ),
            ("away", Facts { away_s: 900, ..base.clone() }, Some(90), "reconnects"),
            (
                "away, and the broker kept half",
                Facts { away_s: 900, kept: 15.0, ..base.clone() },
                Some(75),
                "reconnects",
            ),
            (
                "away, and the broker kept all",
                Facts { away_s: 900, kept: 99.0, ..base.clone() },
                Some(60),
                "reconnects",
            ),
            (
                "away and silent",
                Facts { away_s: 900, silent_s: Some(900), ..base.clone() },
                Some(120),
                "gaps+reconnects",
            ),
            (
                "away, with neighbours",
                Facts { away_s: 900, shared: shared(0.0), silent_s: Some(900), ..base },
                Some(90),
                "neighbours+reconnects",
            ),
        ] {
            let found = estimate(&facts);
            assert_eq!((found.expected, found.basis.as_str()), (expected, basis), "{name}");
        }
    }

    #[test]
    fn evidence_is_spelled_as_an_object() {
        let facts =
            Facts { received: 60, rate: Some(120.0), away_s: 900, silent_s: Some(0), ..Facts::default() };
        let text = serde_json::to_string(&estimate(&facts).evidence).unwrap();
        assert_eq!(text, r#"{"reconnects":{"seconds":900,"missing":30},"gaps":{"seconds":0,"missing":0}}"#);
        assert!(estimate(&Facts::default()).evidence.is_empty());
    }
}
