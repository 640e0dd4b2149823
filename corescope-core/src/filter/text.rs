//! Text comparison without case, without allocating for the usual text.

use std::borrow::Cow;

/// A text to look for, lower-cased once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Needle(Box<str>);

impl Needle {
    /// Lower-cases the text.
    pub fn new(text: &str) -> Self {
        Self(text.to_lowercase().into())
    }

    /// The lower-case text.
    pub fn as_lower(&self) -> &str {
        &self.0
    }

    /// Whether the texts are equal but for case.
    pub fn equals(&self, text: &str) -> bool {
        if text.is_ascii() { text.eq_ignore_ascii_case(&self.0) } else { text.to_lowercase() == *self.0 }
    }

    /// Whether it occurs in the text.
    pub fn is_in(&self, text: &str) -> bool {
        if !text.is_ascii() {
            return text.to_lowercase().contains(&*self.0);
        }
        let (needle, hay) = (self.0.as_bytes(), text.as_bytes());
        let Some((&first, tail)) = needle.split_first() else { return true };
        if hay.len() < needle.len() {
            return false;
        }
        let upper = first.to_ascii_uppercase();
        (0..=hay.len() - needle.len()).any(|i| {
            (hay[i] == first || hay[i] == upper) && hay[i + 1..i + needle.len()].eq_ignore_ascii_case(tail)
        })
    }

    /// Whether the text begins with it.
    pub fn starts(&self, text: &str) -> bool {
        if !text.is_ascii() {
            return text.to_lowercase().starts_with(&*self.0);
        }
        text.as_bytes().get(..self.0.len()).is_some_and(|head| head.eq_ignore_ascii_case(self.0.as_bytes()))
    }

    /// Whether the text ends with it.
    pub fn ends(&self, text: &str) -> bool {
        if !text.is_ascii() {
            return text.to_lowercase().ends_with(&*self.0);
        }
        let from = text.len().checked_sub(self.0.len());
        from.is_some_and(|from| text.as_bytes()[from..].eq_ignore_ascii_case(self.0.as_bytes()))
    }
}

/// A number as the language shows it: whole numbers without a fraction.
pub(super) fn number_text(number: f64) -> Cow<'static, str> {
    if number.is_nan() { Cow::Borrowed("NaN") } else { Cow::Owned(format!("{number}")) }
}

/// The number a text stands for; blanks around it are allowed, an empty text is none.
pub(super) fn number_of(text: &str) -> Option<f64> {
    let text = text.trim();
    let plain = text.bytes().all(|b| b.is_ascii_digit() || matches!(b, b'.' | b'-' | b'+' | b'e' | b'E'));
    if plain { text.parse().ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn case_never_matters() {
        let ridge = Needle::new("RiDge");
        assert!(ridge.equals("ridgE") && !ridge.equals("ridges"));
        assert!(ridge.is_in("East Ridge 2") && !ridge.is_in("rid ge"));
        assert!(ridge.starts("RIDGE two") && !ridge.starts("a ridge") && !ridge.starts("rid"));
        assert!(ridge.ends("the Ridge") && !ridge.ends("ridges") && !ridge.ends("ge"));
    }

    #[test]
    fn letters_outside_ascii_fold_too() {
        let needle = Needle::new("ÉCOLE");
        assert!(needle.equals("école") && needle.is_in("l'École") && needle.starts("écoles"));
        assert!(needle.ends("une ÉCOLE") && !needle.equals("ecole"));
        assert!(Needle::new("hill").is_in("⛰ HILL"));
    }

    #[test]
    fn the_empty_needle_is_everywhere() {
        let empty = Needle::new("");
        assert!(empty.is_in("") && empty.starts("x") && empty.ends("x") && !empty.equals("x"));
    }

    #[test]
    fn only_plain_numbers_are_numbers() {
        assert_eq!(number_of(" -7.5 "), Some(-7.5));
        for none in ["", "inf", "NaN", "0x10", "1_000", "five"] {
            assert_eq!(number_of(none), None, "{none}");
        }
        assert_eq!(number_text(60.0), "60");
        assert_eq!(number_text(-7.25), "-7.25");
    }
}
