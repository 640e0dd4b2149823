//! A filter expression over the columns of one segment.

use corescope_core::filter::{Comparison, Context, Expr, Field, Fields, Leaf, Test};

use super::bits::Bits;
use super::fields::PacketFields;
use super::observers::Observer;
use super::segment::Segment;
use super::snapshot::Snapshot;
use super::view::Transmission;

/// Judges the rows of a segment: questions that a column answers by the column, others row by row.
pub(crate) struct Columns<'a> {
    segment: &'a Segment,
    snapshot: &'a Snapshot,
    context: Context<'a>,
}

impl<'a> Columns<'a> {
    pub(crate) fn new(segment: &'a Segment, snapshot: &'a Snapshot, context: Context<'a>) -> Self {
        Self { segment, snapshot, context }
    }

    /// Those of `among` for which the expression holds.
    pub(crate) fn select(&self, expr: &Expr, among: &Bits) -> Bits {
        match expr {
            Expr::All(parts) => {
                let mut rows = among.clone();
                let (by_columns, by_rows) = split(parts);
                for part in by_columns {
                    if rows.is_empty() {
                        break;
                    }
                    rows = self.select(part, &rows);
                }
                if by_rows.is_empty() {
                    return rows;
                }
                self.decoded(&rows, &by_rows, |holds| by_rows.iter().all(|part| holds(part)))
            }
            Expr::Any(parts) => {
                let mut found = Bits::none(self.segment.len());
                let mut rest = among.clone();
                let (by_columns, by_rows) = split(parts);
                for part in by_columns {
                    let some = self.select(part, &rest);
                    rest.and_not(&some);
                    found.or(&some);
                    if rest.is_empty() {
                        break;
                    }
                }
                if by_rows.is_empty() {
                    return found;
                }
                found.or(&self.decoded(&rest, &by_rows, |holds| by_rows.iter().any(|part| holds(part))));
                found
            }
            Expr::Not(part) => {
                let mut rows = among.clone();
                rows.and_not(&self.select(part, among));
                rows
            }
            Expr::Leaf(leaf) => self.leaf(leaf, among),
            // A form of expression that this version does not know is judged row by row as a whole.
            other => self.each(among, |row| other.decide(&mut |leaf| self.judge(leaf, row))),
        }
    }

    /// Rows that are decided by parts that look into them: each is decoded once for all parts.
    fn decoded(
        &self,
        among: &Bits,
        parts: &[&Expr],
        decide: impl Fn(&dyn Fn(&Expr) -> bool) -> bool,
    ) -> Bits {
        if let [part] = parts {
            return self.select(part, among);
        }
        self.each(among, |row| {
            let fields = PacketFields::new(Transmission::packed(self.segment, row), self.snapshot);
            decide(&|part| part.decide(&mut |leaf| leaf.matches(&fields as &dyn Fields, &self.context)))
        })
    }

    fn leaf(&self, leaf: &Leaf, among: &Bits) -> Bits {
        let Leaf::Comparison(comparison) = leaf else { return self.each(among, |row| self.judge(leaf, row)) };
        let test = &comparison.test;
        let segment = self.segment;
        let number = |n: f64| test.on_number(n);
        match &comparison.field {
            Field::Type | Field::Route | Field::Transport => self.by_kind(comparison, among),
            Field::Snr => self.by_table(&self.real_verdicts(test), among, |row| segment.display_snr(row)),
            Field::Rssi => self.by_table(&self.real_verdicts(test), among, |row| segment.display_rssi(row)),
            Field::Hops => self.each(among, |row| number(segment.display_hops(row) as f64)),
            Field::Observations => self.each(among, |row| number(segment.observations(row).len() as f64)),
            Field::Size => self.each(among, |row| number(segment.raw(row).len() as f64)),
            Field::PayloadBytes => {
                self.each(among, |row| number(segment.raw(row).len().saturating_sub(2) as f64))
            }
            Field::Time if segment.has_plain_times() => {
                self.each(among, |row| number(segment.first_seen_unix(row).saturating_mul(1000) as f64))
            }
            Field::Age if segment.has_plain_times() => self.each(among, |row| {
                let ms = segment.first_seen_unix(row).saturating_mul(1000);
                number(self.context.now_ms.saturating_sub(ms) as f64 / 1000.0)
            }),
            Field::Observer => self.by_observer(test, among, |o| o.name.as_deref()),
            Field::ObserverId => self.by_observer(test, among, |o| Some(&o.id)),
            Field::Iata => self.by_observer(test, among, |o| o.iata.as_deref()),
            Field::Scope => {
                let mut rows = Bits::none(segment.len());
                segment.rows_of_scope(|scope| test.on_text(scope.unwrap_or("")), &mut rows);
                rows.and(among);
                rows
            }
            Field::RoutedThrough if one_key(test) => {
                let mut rows = Bits::none(segment.len());
                segment.rows_routed_through(|key| test.on_text(key), among, &mut rows);
                rows
            }
            Field::Unknown(_) => Bits::none(segment.len()),
            _ => self.each(among, |row| self.judge(leaf, row)),
        }
    }

    fn by_kind(&self, comparison: &Comparison, among: &Bits) -> Bits {
        let mut rows = Bits::none(self.segment.len());
        let bit = |mask: u32, none: u32, value: Option<i64>| {
            let bit = match value.and_then(|v| u8::try_from(v).ok()) {
                Some(value) => u32::from(value).min(none),
                None => none,
            };
            mask >> bit & 1 == 1
        };
        if let Some(mask) = comparison.type_mask() {
            self.segment.rows_of_payload_type(|v| bit(mask, 16, v), &mut rows);
        } else if let Some(mask) = comparison.route_mask() {
            self.segment.rows_of_route_type(|v| bit(mask, 4, v), &mut rows);
        }
        rows.and(among);
        rows
    }

    /// The verdict for "absent", then for each value of the segment's table.
    fn real_verdicts(&self, test: &Test) -> Vec<bool> {
        std::iter::once(false).chain(self.segment.reals().iter().map(|real| test.on_number(*real))).collect()
    }

    fn by_observer(&self, test: &Test, among: &Bits, text: impl Fn(&Observer) -> Option<&str>) -> Bits {
        let verdict = |rowid: &i64| {
            test.on_text(self.snapshot.observers().by_rowid(*rowid).and_then(|o| text(o)).unwrap_or(""))
        };
        let verdicts: Vec<bool> =
            std::iter::once(test.on_text("")).chain(self.segment.observers().iter().map(verdict)).collect();
        self.by_table(&verdicts, among, |row| self.segment.display_observer(row))
    }

    fn by_table(&self, verdicts: &[bool], among: &Bits, number: impl Fn(usize) -> usize) -> Bits {
        self.each(among, |row| verdicts.get(number(row)).copied().unwrap_or(false))
    }

    fn each(&self, among: &Bits, mut holds: impl FnMut(usize) -> bool) -> Bits {
        let mut rows = Bits::none(self.segment.len());
        for row in among.iter() {
            if holds(row) {
                rows.set(row);
            }
        }
        rows
    }

    fn judge(&self, leaf: &Leaf, row: usize) -> bool {
        let fields = PacketFields::new(Transmission::packed(self.segment, row), self.snapshot);
        leaf.matches(&fields as &dyn Fields, &self.context)
    }
}

/// A text that can only be found within one key: keys are joined by blanks.
fn one_key(test: &Test) -> bool {
    matches!(test, Test::Contains(needle) if !needle.as_lower().is_empty() && !needle.as_lower().contains(' '))
}

/// The parts that columns answer and those that must look into rows, each cheapest first. Order does not change a verdict.
fn split(parts: &[Expr]) -> (Vec<&Expr>, Vec<&Expr>) {
    let mut sorted: Vec<&Expr> = parts.iter().collect();
    sorted.sort_by_key(|part| cost(part));
    sorted.into_iter().partition(|part| !looks_into_rows(part))
}

/// Whether rows must be decoded one by one for it.
pub(crate) fn looks_into_rows(expr: &Expr) -> bool {
    cost(expr) >= 3
}

fn cost(expr: &Expr) -> u8 {
    match expr {
        Expr::All(parts) | Expr::Any(parts) => parts.iter().map(cost).max().unwrap_or(0),
        Expr::Not(part) => cost(part),
        Expr::Leaf(Leaf::Comparison(comparison)) => match comparison.field {
            Field::Type | Field::Route | Field::Transport | Field::Unknown(_) | Field::Scope => 0,
            Field::Snr | Field::Rssi | Field::Observations | Field::Size | Field::PayloadBytes => 1,
            Field::Hops | Field::Observer | Field::ObserverId | Field::Iata | Field::Time | Field::Age => 1,
            Field::Hash | Field::Code1 | Field::Code2 | Field::Channel => 2,
            Field::RoutedThrough if one_key(&comparison.test) => 2,
            Field::Payload(_) => 4,
            Field::RoutedThrough => 5,
            _ => 3,
        },
        _ => 5,
    }
}
