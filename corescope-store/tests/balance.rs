//! The account balances at every instant, for every source and observer, whatever comes, in whatever batches, and
//! whichever of them fail.
#![cfg(feature = "write")]
#![allow(clippy::unwrap_used, reason = "a test may stop here")]

mod support;

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};

use corescope_store::write::{
    Accepted, BridgeMessage, Filtered, Message, Outcome, Refused, RefusedKind, Rejected, StatusMessage,
};
use proptest::prelude::*;
use support::*;

/// What comes.
#[derive(Debug, Clone)]
enum Coming {
    /// A packet; few different ones, so that they repeat.
    Packet { source: u8, observer: u8, packet: u64 },
    /// An advert that somebody changed on the way.
    Forged { source: u8, observer: u8 },
    /// Not a frame.
    Garbage { source: u8, observer: u8 },
    /// A report of an observer, or of nobody.
    Status { source: u8, observer: u8 },
    /// A direct message that the operator does not want.
    Direct { source: u8 },
    /// Refused before it came to the writer.
    Refused { source: u8, observer: u8, kind: u8, count: u64 },
}

/// What happens to some of it.
#[derive(Debug, Clone)]
enum Step {
    /// So many become a batch.
    Batch(usize),
    /// The same, on a disk that is full; then again, when there is room.
    FullDisk(usize),
    /// The writer is opened again.
    Reopen,
}

/// Its signature is wrong.
static FORGED: LazyLock<String> = LazyLock::new(|| {
    let mut payload = advert(&node(0xA1, 1), 1, "n", None);
    payload[40] ^= 1;
    frame(FLOOD, ADVERT, &[], &payload)
});

fn coming() -> impl Strategy<Value = Coming> {
    let (source, observer) = (0_u8..2, 0_u8..4);
    prop_oneof![
        4 => (source.clone(), observer.clone(), 0_u64..8)
            .prop_map(|(source, observer, packet)| Coming::Packet { source, observer, packet }),
        1 => (source.clone(), observer.clone()).prop_map(|(source, observer)| Coming::Forged { source, observer }),
        1 => (source.clone(), observer.clone()).prop_map(|(source, observer)| Coming::Garbage { source, observer }),
        1 => (source.clone(), observer.clone()).prop_map(|(source, observer)| Coming::Status { source, observer }),
        1 => source.clone().prop_map(|source| Coming::Direct { source }),
        1 => (source, observer, 0_u8..3, 1_u64..4)
            .prop_map(|(source, observer, kind, count)| Coming::Refused { source, observer, kind, count }),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (1_usize..12).prop_map(Step::Batch),
        1 => (1_usize..12).prop_map(Step::FullDisk),
        1 => Just(Step::Reopen),
    ]
}

fn id(observer: u8) -> String {
    if observer == 0 { String::new() } else { format!("O{observer}") }
}

fn source(number: u8) -> Arc<str> {
    Arc::from(format!("source {number}"))
}

/// What the writer is given.
fn given(coming: &Coming) -> Result<Accepted, Refused> {
    let from = |number: u8, observer: u8, raw: &str| Accepted {
        source: source(number),
        ..heard(&id(observer), raw, T0)
    };
    Ok(match coming {
        Coming::Packet { source, observer, packet } => {
            from(*source, *observer, &frame(FLOOD, GROUP_TEXT, &[], &text(*packet)))
        }
        Coming::Forged { source, observer } => from(*source, *observer, &FORGED),
        Coming::Garbage { source, observer } => from(*source, *observer, "zz"),
        Coming::Status { source, observer } => Accepted {
            message: Message::Status(StatusMessage { battery_mv: Some(4_000), ..StatusMessage::default() }),
            ..from(*source, *observer, "")
        },
        Coming::Direct { source } => Accepted {
            message: Message::Bridge(BridgeMessage::Direct {
                sender_prefix: "a1".to_owned(),
                text: "hi".to_owned(),
                sender_timestamp: None,
                snr: None,
                rssi: None,
            }),
            ..from(*source, 0, "")
        },
        Coming::Refused { source: number, observer, kind, count } => {
            return Err(Refused {
                source: source(*number),
                observer: Some(id(*observer)).filter(|id| !id.is_empty()),
                received_at_ms: T0 * 1000,
                kind: [RefusedKind::Filtered, RefusedKind::Rejected, RefusedKind::Duplicate]
                    [usize::from(*kind)],
                reason: "x".into(),
                count: *count,
            });
        }
    })
}

/// stored, duplicate, filtered, rejected
type Line = [u64; 4];

#[derive(Default)]
struct Book {
    lines: BTreeMap<(String, String), Line>,
    /// What of `stored` is a row in `observations`.
    rows: u64,
}

impl Book {
    fn add(&mut self, source: &str, observer: &str, side: usize, count: u64) {
        self.lines.entry((source.to_owned(), observer.to_owned())).or_default()[side] += count;
    }

    fn committed(&mut self, message: &Accepted, outcome: Outcome) {
        let observer = message.observer.as_ref().map_or("", |o| o.id.as_str());
        let side = match outcome {
            Outcome::Stored { .. } => {
                self.rows += 1;
                0
            }
            Outcome::Noted => 0,
            Outcome::Duplicate { .. } => 1,
            Outcome::Filtered(Filtered::DirectMessage) => 2,
            Outcome::Rejected(Rejected::Signature | Rejected::Hex | Rejected::Observer) => 3,
            other => panic!("{message:?} became {other:?}"),
        };
        self.add(&message.source, observer, side, 1);
    }

    fn batch(&mut self, messages: &[Accepted], outcomes: Vec<Outcome>, refused: &[Refused]) {
        for (message, outcome) in messages.iter().zip(outcomes) {
            self.committed(message, outcome);
        }
        for refused in refused {
            self.refused(refused);
        }
    }

    fn refused(&mut self, refused: &Refused) {
        let side = match refused.kind {
            RefusedKind::Filtered => 2,
            RefusedKind::Rejected => 3,
            RefusedKind::Duplicate => 1,
        };
        self.add(&refused.source, refused.observer.as_deref().unwrap_or(""), side, refused.count);
    }
}

/// Every line balances, its reasons explain what was refused, and what is stored is there.
fn check(place: &Place, book: &Book) -> Result<(), TestCaseError> {
    let expected: Vec<String> = book
        .lines
        .iter()
        .map(|((source, observer), [stored, duplicate, filtered, rejected])| {
            let received = stored + duplicate + filtered + rejected;
            let explained = filtered + rejected;
            format!("{source}|{observer}|{received}|{stored}|{duplicate}|{filtered}|{rejected}|{explained}")
        })
        .collect();
    let found = place.rows(
        "SELECT source, observer, sum(received), sum(stored), sum(duplicate), sum(filtered), sum(rejected),
           sum((SELECT COALESCE(sum(value), 0) FROM json_each(COALESCE(detail, '{}'))))
         FROM cs_ledger GROUP BY 1, 2 ORDER BY 1, 2",
    );
    prop_assert_eq!(found, expected);
    prop_assert_eq!(place.one::<i64>("SELECT count(*) FROM observations"), book.rows as i64);
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 16, ..ProptestConfig::default() })]

    #[test]
    fn the_account_balances_after_every_step(
        coming in proptest::collection::vec(coming(), 1..80),
        steps in proptest::collection::vec(step(), 1..20),
    ) {
        let place = Place::new();
        let mut writer = place.writer();
        let mut book = Book::default();
        let mut rest = coming.as_slice();
        for step in steps.iter().chain(&[Step::Batch(80)]) {
            let (Step::Batch(size) | Step::FullDisk(size)) = step else {
                writer.close().unwrap();
                writer = place.writer();
                check(&place, &book)?;
                continue;
            };
            let (now, later) = rest.split_at((*size).min(rest.len()));
            rest = later;
            let (messages, refused): (Vec<_>, Vec<_>) = now.iter().map(given).partition(Result::is_ok);
            let messages: Vec<Accepted> = messages.into_iter().map(Result::unwrap).collect();
            let refused: Vec<Refused> = refused.into_iter().map(Result::unwrap_err).collect();
            if matches!(step, Step::FullDisk(_)) {
                // What does not fit is not there at all, and in no account; what fits needs no second try.
                writer.limit_pages(1).unwrap();
                let tried = writer.batch_with(&messages, &refused);
                writer.limit_pages(0).unwrap();
                if let Ok(report) = tried {
                    book.batch(&messages, report.outcomes, &refused);
                    check(&place, &book)?;
                    continue;
                }
                check(&place, &book)?;
            }
            let report = writer.batch_with(&messages, &refused).unwrap();
            prop_assert_eq!(report.outcomes.len(), messages.len());
            book.batch(&messages, report.outcomes, &refused);
            check(&place, &book)?;
        }
    }
}
