//! The account of this process, by source: every message received is stored, a duplicate, filtered, rejected, or
//! still under way. The same account, by minute and observer, is in the database.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use corescope_store::write::{Accepted, Outcome, Refused, RefusedKind};
use serde_json::{Value, json};

/// What became of the messages that are committed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Committed {
    /// Stored.
    pub stored: u64,
    /// Here before.
    pub duplicate: u64,
    /// Kept out by a rule.
    pub filtered: u64,
    /// Not storable.
    pub rejected: u64,
}

impl Committed {
    /// All of them.
    pub fn total(self) -> u64 {
        self.stored + self.duplicate + self.filtered + self.rejected
    }

    /// With what is received but not committed.
    pub fn to_json(self, received: u64) -> Value {
        json!({
            "received": received,
            "stored": self.stored,
            "duplicate": self.duplicate,
            "filtered": self.filtered,
            "rejected": self.rejected,
            "inFlight": received.saturating_sub(self.total()),
        })
    }
}

/// The account.
#[derive(Debug, Default)]
pub struct Account {
    sources: Mutex<BTreeMap<Arc<str>, Committed>>,
}

impl Account {
    /// A batch is committed.
    pub fn add(&self, messages: &[Accepted], outcomes: &[Outcome], refused: &[Refused]) {
        let mut sources = self.sources.lock().unwrap_or_else(PoisonError::into_inner);
        for (message, outcome) in messages.iter().zip(outcomes) {
            let line = sources.entry(Arc::clone(&message.source)).or_default();
            match outcome {
                Outcome::Duplicate { .. } => line.duplicate += 1,
                Outcome::Filtered(_) => line.filtered += 1,
                Outcome::Rejected(_) => line.rejected += 1,
                _ => line.stored += 1,
            }
        }
        for account in refused {
            let line = sources.entry(Arc::clone(&account.source)).or_default();
            match account.kind {
                RefusedKind::Duplicate => line.duplicate += account.count,
                RefusedKind::Filtered => line.filtered += account.count,
                RefusedKind::Rejected => line.rejected += account.count,
            }
        }
    }

    /// What is committed, by source.
    pub fn by_source(&self) -> BTreeMap<Arc<str>, Committed> {
        self.sources.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refused_messages_are_in_it() {
        let account = Account::default();
        let refused = |kind, count| Refused {
            source: Arc::from("a"),
            observer: None,
            received_at_ms: 0,
            kind,
            reason: "x".into(),
            count,
        };
        account.add(&[], &[], &[refused(RefusedKind::Filtered, 2), refused(RefusedKind::Rejected, 3)]);
        let line = account.by_source()["a"];
        assert_eq!((line.filtered, line.rejected, line.total()), (2, 3, 5));
        assert_eq!(line.to_json(7)["inFlight"], 2);
    }
}
