//! The tree an expression becomes. Everything that does not depend on the packet is worked out
//! here, once: lower-casing, aliases, dates, and the verdict for each payload and route type.

use super::field::Field;
use super::names;
use super::text::Needle;
use crate::geo::LatLon;

/// An expression.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Expr {
    /// All parts hold; with no part at all this is "everything".
    All(Vec<Expr>),
    /// At least one part holds.
    Any(Vec<Expr>),
    /// The part does not hold.
    Not(Box<Expr>),
    /// One question about the packet.
    Leaf(Leaf),
}

impl Expr {
    /// The verdict, given the verdict of each leaf. Stops as soon as it is certain.
    pub fn decide(&self, leaf: &mut impl FnMut(&Leaf) -> bool) -> bool {
        match self {
            Self::All(parts) => parts.iter().all(|part| part.decide(leaf)),
            Self::Any(parts) => parts.iter().any(|part| part.decide(leaf)),
            Self::Not(part) => !part.decide(leaf),
            Self::Leaf(question) => leaf(question),
        }
    }

    /// Whether some leaf fulfils the condition.
    pub fn any_leaf(&self, condition: &mut impl FnMut(&Leaf) -> bool) -> bool {
        match self {
            Self::All(parts) | Self::Any(parts) => parts.iter().any(|part| part.any_leaf(condition)),
            Self::Not(part) => part.any_leaf(condition),
            Self::Leaf(leaf) => condition(leaf),
        }
    }
}

/// One question about the packet.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Leaf {
    /// A field against a test.
    Comparison(Comparison),
    /// `from:name`: the sender's name holds the text, or its key or hash begins with it.
    From(Needle),
    /// `near(lat, lon, km)`: the sender's known position is within the distance.
    Near {
        /// Middle of the circle.
        center: LatLon,
        /// Its radius in km.
        km: f64,
    },
    /// `only my`: one of the reader's own nodes sent it or is on its path.
    Mine,
}

/// A field against a test.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Comparison {
    /// What is looked at.
    pub field: Field,
    /// What is asked of it.
    pub test: Test,
    mask: u32,
}

/// Bit of [`Comparison::type_mask`] for a packet without a payload type.
const NO_TYPE: u32 = 16;
/// Bit of [`Comparison::route_mask`] for a packet without a route type.
const NO_ROUTE: u32 = 4;

impl Comparison {
    /// A question; aliases of `type` and `route` are resolved in `==` and `!=`.
    pub fn new(field: Field, test: Test) -> Self {
        let test = match (&field, test) {
            (Field::Type, Test::Equals(o)) => Test::Equals(o.resolved(names::payload_alias)),
            (Field::Type, Test::Differs(o)) => Test::Differs(o.resolved(names::payload_alias)),
            (Field::Route, Test::Equals(o)) => Test::Equals(o.resolved(names::route_alias)),
            (Field::Route, Test::Differs(o)) => Test::Differs(o.resolved(names::route_alias)),
            (_, test) => test,
        };
        let mask = match field {
            Field::Type => verdicts(NO_TYPE, |n| {
                test.on_text(if n == NO_TYPE { "" } else { names::payload_type_name(n as u8) })
            }),
            Field::Route => verdicts(NO_ROUTE, |n| test.on_text(names::route_type_name(n as u8))),
            Field::Transport => verdicts(NO_ROUTE, |n| test.on_bool(matches!(n, 0 | 3))),
            _ => 0,
        };
        Self { field, test, mask }
    }

    /// For `type`: the verdict for each payload type, one bit per number (0–15), bit 16 for none.
    pub fn type_mask(&self) -> Option<u32> {
        (self.field == Field::Type).then_some(self.mask)
    }

    /// For `route` and `transport`: the verdict for each route type (0–3), bit 4 for none.
    pub fn route_mask(&self) -> Option<u32> {
        matches!(self.field, Field::Route | Field::Transport).then_some(self.mask)
    }

    /// The verdict of a `type` question.
    pub(super) fn on_type(&self, payload_type: Option<u8>) -> bool {
        let bit = payload_type.map_or(NO_TYPE, |n| u32::from(n).min(NO_TYPE));
        self.mask >> bit & 1 == 1
    }

    /// The verdict of a `route` or `transport` question.
    pub(super) fn on_route(&self, route_type: Option<u8>) -> bool {
        let bit = route_type.map_or(NO_ROUTE, |n| u32::from(n).min(NO_ROUTE));
        self.mask >> bit & 1 == 1
    }
}

fn verdicts(last: u32, verdict: impl Fn(u32) -> bool) -> u32 {
    (0..=last).filter(|n| verdict(*n)).fold(0, |mask, n| mask | 1 << n)
}

/// What is asked of a field's value. Every test is false on an absent value.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Test {
    /// A bare field: neither 0, empty nor false.
    Truthy,
    /// `has field`: there, and not the empty text.
    Present,
    /// `==`
    Equals(Operand),
    /// `!=`
    Differs(Operand),
    /// `<`, in the value's own unit; durations are seconds. NaN matches nothing.
    Less(f64),
    /// `<=`
    AtMost(f64),
    /// `>`
    Greater(f64),
    /// `>=`
    AtLeast(f64),
    /// `contains`
    Contains(Needle),
    /// `starts_with`
    StartsWith(Needle),
    /// `ends_with`
    EndsWith(Needle),
    /// `in (…)`: equal to one of them.
    OneOf(Vec<Operand>),
    /// `between`, bounds included, lower first. Moments are milliseconds.
    Between {
        /// Lower bound.
        low: f64,
        /// Upper bound.
        high: f64,
    },
    /// `after`: strictly later than this many milliseconds since 1970.
    After(f64),
    /// `before`: strictly earlier.
    Before(f64),
    /// `matches /…/`
    Matches(Pattern),
}

/// A literal to compare for equality.
#[derive(Debug, Clone, PartialEq)]
pub struct Operand {
    /// As text, lower-cased.
    pub text: Needle,
    /// As a number, if it is one.
    pub number: Option<f64>,
}

impl Operand {
    /// From the literal's text.
    pub fn new(text: &str) -> Self {
        Self { text: Needle::new(text), number: super::text::number_of(text) }
    }

    fn resolved(self, alias: fn(&str) -> Option<&'static str>) -> Self {
        alias(self.text.as_lower()).map_or(self, Self::new)
    }
}

/// A regular expression, compiled once. It searches bytes, folds ASCII case only, and takes time
/// linear in the text.
#[derive(Debug, Clone)]
pub struct Pattern(regex::bytes::Regex);

impl Pattern {
    /// Compiles it.
    ///
    /// # Errors
    ///
    /// The reason in one line, when it is no regular expression or too big (64 KiB compiled).
    pub fn new(source: &str) -> Result<Self, String> {
        regex::bytes::RegexBuilder::new(source)
            .unicode(false)
            .case_insensitive(true)
            .size_limit(64 * 1024)
            .dfa_size_limit(256 * 1024)
            .nest_limit(32)
            .build()
            .map(Self)
            .map_err(|error| match error {
                regex::Error::CompiledTooBig(_) => "it is too big".to_owned(),
                other => other.to_string().lines().last().unwrap_or("syntax").trim().to_owned(),
            })
    }

    /// Whether it occurs in the text.
    pub fn is_in(&self, text: &str) -> bool {
        self.0.is_match(text.as_bytes())
    }
}

impl PartialEq for Pattern {
    fn eq(&self, other: &Self) -> bool {
        self.0.as_str() == other.0.as_str()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn masks_hold_the_verdict_of_each_number() {
        let advert = Comparison::new(Field::Type, Test::Equals(Operand::new("advert")));
        assert_eq!(advert.type_mask(), Some(1 << 4));
        assert_eq!(advert.route_mask(), None);
        let not_advert = Comparison::new(Field::Type, Test::Differs(Operand::new("ADVERT")));
        assert_eq!(not_advert.type_mask(), Some(0x1_FFFF & !(1 << 4)));
        let label = Comparison::new(Field::Type, Test::Equals(Operand::new("Channel Msg")));
        assert!(label.on_type(Some(5)) && !label.on_type(None) && !label.on_type(Some(200)));
        let transport = Comparison::new(Field::Transport, Test::Truthy);
        assert_eq!(transport.route_mask(), Some(0b1001));
        assert!(!transport.on_route(Some(9)));
    }

    #[test]
    fn patterns_are_bounded() {
        assert!(Pattern::new("(").is_err());
        assert_eq!(Pattern::new("(a{1000}){1000}"), Err("it is too big".to_owned()));
        let pattern = Pattern::new(r"^hill\d+").unwrap();
        assert!(pattern.is_in("HILL42 north") && !pattern.is_in("uphill4"));
        // A text that is not ASCII is searched as its bytes.
        assert!(Pattern::new("é").unwrap().is_in("café"));
    }
}
