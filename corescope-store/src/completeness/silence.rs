//! An observer that is silent for longer than chance explains.

use super::outages::Span;

/// Shortest silence that means anything, seconds: two intervals of status messages.
const LEAST: i64 = 600;

/// Longest that is needed to mean something, seconds.
const MOST: i64 = 7_200;

/// So many messages must be usual in a silence before it means something: chance leaves out twenty in a row once in
/// hundreds of millions of times.
const MESSAGES: f64 = 20.0;

/// From which silence on an observer with so many messages an hour is missed, seconds; `None` where it says so little
/// that two hours of silence would mean nothing.
pub(crate) fn limit(messages_per_hour: f64) -> Option<i64> {
    if messages_per_hour * MOST as f64 / 3_600.0 < MESSAGES {
        return None;
    }
    Some(((MESSAGES * 3_600.0 / messages_per_hour) as i64).clamp(LEAST, MOST))
}

/// Notes the silences between messages, minute by minute.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Listener {
    /// Nothing came since then, unix seconds.
    since: i64,
    silences: Vec<Span>,
}

impl Listener {
    /// Nothing is known of what was before.
    pub(crate) fn new(from: i64) -> Self {
        Self { since: from, silences: Vec::new() }
    }

    /// Something came in the minute that begins then; minutes come in their order.
    pub(crate) fn heard(&mut self, minute: i64) {
        if minute - self.since >= LEAST {
            self.silences.push((self.since, minute));
        }
        self.since = self.since.max(minute + 60);
    }

    /// The silences of at least `limit` seconds.
    pub(crate) fn silences(mut self, until: i64, limit: i64) -> Vec<Span> {
        self.silences.push((self.since, until));
        self.silences.retain(|(from, until)| until - from >= limit);
        self.silences
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_silence_depends_on_what_is_usual() {
        assert_eq!(limit(300.0), Some(600), "one every 12 s: ten minutes");
        assert_eq!(limit(60.0), Some(1_200), "one a minute: twenty minutes");
        assert_eq!(limit(12.0), Some(6_000), "nothing but status messages");
        assert_eq!(limit(5.0), None, "two hours of silence would be chance");
    }

    #[test]
    fn silences_lie_between_minutes_with_messages() {
        let mut listener = Listener::new(0);
        for minute in [0, 60, 60, 1_200, 1_260] {
            listener.heard(minute);
        }
        assert_eq!(listener.clone().silences(3_600, 600), [(120, 1_200), (1_320, 3_600)]);
        assert_eq!(listener.clone().silences(3_600, 1_200), [(1_320, 3_600)]);
        assert_eq!(Listener::new(0).silences(3_600, 600), [(0, 3_600)]);
    }
}
