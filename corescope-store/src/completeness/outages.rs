//! Stretches of time: when a source was not connected, when an observer was silent.

/// From, until; unix seconds.
pub(crate) type Span = (i64, i64);

/// The times in which every one of the lists is in one of its spans; each list is in order and without overlap. No
/// list at all has nothing in common.
pub(crate) fn common(lists: &[&[Span]]) -> Vec<Span> {
    let Some((first, rest)) = lists.split_first() else { return Vec::new() };
    let mut out = first.to_vec();
    for list in rest {
        out = out.iter().flat_map(|span| within(list, *span)).collect();
    }
    out
}

/// The parts of the spans that lie in this one.
pub(crate) fn within(spans: &[Span], (from, until): Span) -> Vec<Span> {
    let cut = spans.iter().map(|(f, u)| ((*f).max(from), (*u).min(until)));
    cut.filter(|(f, u)| f < u).collect()
}

/// Seconds that the spans and this one share.
pub(crate) fn overlap(spans: &[Span], span: Span) -> i64 {
    within(spans, span).iter().map(|(from, until)| until - from).sum()
}

/// What is left of a span without those; they are in order.
pub(crate) fn without((from, until): Span, gone: &[Span]) -> Vec<Span> {
    let mut left = Vec::new();
    let mut at = from;
    for (f, u) in within(gone, (from, until)) {
        if f > at {
            left.push((at, f));
        }
        at = at.max(u);
    }
    if at < until {
        left.push((at, until));
    }
    left
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_observer_is_cut_off_while_all_its_sources_are() {
        let (a, b): (&[Span], &[Span]) = (&[(0, 10), (20, 30)], &[(5, 25)]);
        assert_eq!(common(&[a, b]), [(5, 10), (20, 25)]);
        assert_eq!(common(&[a]), a);
        assert_eq!(common(&[a, &[]]), []);
        assert_eq!(common(&[]), []);
    }

    #[test]
    fn spans_are_cut_and_subtracted() {
        assert_eq!(overlap(&[(0, 10), (20, 30)], (5, 22)), 7);
        assert_eq!(without((0, 100), &[(10, 20), (20, 30), (90, 200)]), [(0, 10), (30, 90)]);
        assert_eq!(without((0, 10), &[(0, 10)]), []);
        assert_eq!(without((0, 10), &[]), [(0, 10)]);
    }
}
