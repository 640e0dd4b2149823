//! Subscription filters: sockets with the same expression share one verdict per event.

use std::sync::{Arc, Mutex, PoisonError, Weak};

use corescope_core::filter::{Filter, FilterError};
use hashbrown::HashMap;
use tokio::sync::broadcast;

use super::feed::Told;

/// Different expressions in use at once; each costs one judgement per event.
const MAX_GROUPS: usize = 512;
/// Events that a socket with a filter may be behind before it is caught up from the store.
const RING: usize = 256;
/// Transmissions remembered per expression as already sent.
const REMEMBERED: usize = 8192;

/// The expressions in use.
#[derive(Debug, Default)]
pub(super) struct Filters {
    groups: Mutex<HashMap<String, Weak<Group>>>,
}

/// All sockets with one expression. They wake only for events that pass it.
#[derive(Debug)]
pub(super) struct Group {
    pub(super) filter: Filter,
    /// The events that pass.
    pub(super) events: broadcast::Sender<Told>,
    sent: Mutex<Sent>,
}

/// The newest transmissions that matched, so that further observations go out as increments.
#[derive(Debug, Default)]
struct Sent {
    ids: hashbrown::HashSet<i64>,
    order: std::collections::VecDeque<i64>,
}

/// Why there is no subscription with this expression.
#[derive(Debug)]
pub(super) enum Refused {
    /// It does not parse.
    Syntax(FilterError),
    /// Too many different expressions are in use.
    Full,
}

impl Filters {
    /// The group of an expression; `None` for one that lets everything through.
    pub(super) fn join(&self, expression: &str) -> Result<Option<Arc<Group>>, Refused> {
        let expression = expression.trim();
        let filter = corescope_core::filter::parse(expression).map_err(Refused::Syntax)?;
        if filter.is_everything() {
            return Ok(None);
        }
        let mut groups = self.groups.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(group) = groups.get(expression).and_then(Weak::upgrade) {
            return Ok(Some(group));
        }
        groups.retain(|_, group| group.strong_count() > 0);
        if groups.len() >= MAX_GROUPS {
            return Err(Refused::Full);
        }
        let group = Arc::new(Group::new(filter));
        groups.insert(expression.to_owned(), Arc::downgrade(&group));
        Ok(Some(group))
    }

    /// The groups that somebody is in.
    pub(super) fn in_use(&self) -> Vec<Arc<Group>> {
        let groups = self.groups.lock().unwrap_or_else(PoisonError::into_inner);
        groups.values().filter_map(Weak::upgrade).collect()
    }
}

impl Group {
    fn new(filter: Filter) -> Self {
        Self { filter, events: broadcast::channel(RING).0, sent: Mutex::default() }
    }

    /// The rows are those of another file now: what was sent is of no meaning any more.
    pub(super) fn begin_anew(&self) {
        *self.sent.lock().unwrap_or_else(PoisonError::into_inner) = Sent::default();
        // No receiver is no mistake: the last one may just have left.
        let _ = self.events.send(Told::Replaced);
    }

    /// Whether a transmission was sent to this group already.
    pub(super) fn was_sent(&self, id: i64) -> bool {
        self.sent.lock().unwrap_or_else(PoisonError::into_inner).ids.contains(&id)
    }

    /// Remembers that it was.
    pub(super) fn remember(&self, id: i64) {
        let mut sent = self.sent.lock().unwrap_or_else(PoisonError::into_inner);
        let Sent { ids, order } = &mut *sent;
        if ids.insert(id) {
            order.push_back(id);
            if order.len() > REMEMBERED
                && let Some(oldest) = order.pop_front()
            {
                ids.remove(&oldest);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_expressions_share_a_group_and_groups_end_with_their_last_socket() {
        let filters = Filters::default();
        let one = filters.join("type == ADVERT").unwrap().unwrap();
        let two = filters.join(" type == ADVERT ").unwrap().unwrap();
        assert!(Arc::ptr_eq(&one, &two));
        assert_eq!(filters.in_use().len(), 1);
        drop((one, two));
        assert_eq!(filters.in_use().len(), 0);
        assert!(filters.join("  ").unwrap().is_none());
        assert!(matches!(filters.join("type =="), Err(Refused::Syntax(_))));
    }

    #[test]
    fn the_number_of_expressions_is_bounded() {
        let filters = Filters::default();
        let held: Vec<_> = (0..MAX_GROUPS).map(|n| filters.join(&format!("size > {n}")).unwrap()).collect();
        assert!(matches!(filters.join("size > 99999"), Err(Refused::Full)));
        drop(held);
        assert!(filters.join("size > 99999").is_ok());
    }

    #[test]
    fn a_group_remembers_the_newest() {
        let group = Group::new(corescope_core::filter::parse("snr").unwrap());
        for id in 0..(REMEMBERED as i64 + 10) {
            group.remember(id);
        }
        assert!(!group.was_sent(0) && group.was_sent(10));
    }

    #[test]
    fn a_group_that_begins_anew_has_sent_nothing() {
        let group = Group::new(corescope_core::filter::parse("snr").unwrap());
        group.remember(7);
        let mut ring = group.events.subscribe();
        group.begin_anew();
        assert!(!group.was_sent(7));
        assert!(matches!(ring.try_recv(), Ok(Told::Replaced)));
    }
}
