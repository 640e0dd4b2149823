//! Regions: the IATA code an observer files under, and the scope a packet is confined to.
//!
//! The two are unrelated. An *IATA region* is a segment of the observer's topic
//! (`meshcore/SJC/…`). A *scope* is a name whose key made the packet's transport code
//! (protocol: "Transport codes").

use std::borrow::Cow;

/// Trims and upper-cases a region code as it is stored in `observers.iata`. `None` when nothing is
/// left, when it is over 16 bytes, or when it holds control characters or blanks.
pub fn iata(text: &str) -> Option<String> {
    let text = text.trim();
    let sound = !text.is_empty() && text.len() <= 16 && !text.chars().any(|c| c.is_control() || c == ' ');
    sound.then(|| text.to_uppercase())
}

/// The stored spelling of a scope name: with its `#`. `None` for blank names, for `*` (unscoped)
/// and for private names (`$…`), none of which has a key that can be derived.
///
/// Case is kept: the key is a hash of these bytes.
pub fn scope_name(text: &str) -> Option<Cow<'_, str>> {
    let text = text.trim();
    match text.as_bytes() {
        [] | b"#" | b"*" | [b'$', ..] => None,
        [b'#', ..] => Some(Cow::Borrowed(text)),
        _ => Some(Cow::Owned(format!("#{text}"))),
    }
}

/// What the column `scope_name` says about a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope<'a> {
    /// SQL NULL: the packet has no scope.
    Unscoped,
    /// The empty text: it has one, and no configured name fits.
    Unknown,
    /// The name that fits, with its `#`.
    Named(&'a str),
}

impl<'a> Scope<'a> {
    /// Reads the column.
    pub fn from_column(value: Option<&'a str>) -> Self {
        match value {
            None => Self::Unscoped,
            Some("") => Self::Unknown,
            Some(name) => Self::Named(name),
        }
    }

    /// What to write into the column.
    pub fn column(self) -> Option<&'a str> {
        match self {
            Self::Unscoped => None,
            Self::Unknown => Some(""),
            Self::Named(name) => Some(name),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn region_codes_are_trimmed_and_upper_case() {
        assert_eq!(iata(" sjc "), Some("SJC".to_owned()));
        assert_eq!(iata(""), None);
        assert_eq!(iata("a b"), None);
        assert_eq!(iata("x\u{7}"), None);
        assert_eq!(iata(&"A".repeat(17)), None);
    }

    #[test]
    fn scope_names_get_their_hash_and_keep_their_case() {
        assert_eq!(scope_name("Bay").as_deref(), Some("#Bay"));
        assert_eq!(scope_name("#bay").as_deref(), Some("#bay"));
        for none in ["", " ", "#", "*", "$secret"] {
            assert_eq!(scope_name(none), None, "{none}");
        }
    }

    #[test]
    fn the_scope_column_has_three_states() {
        for value in [None, Some(""), Some("#bay")] {
            assert_eq!(Scope::from_column(value).column(), value);
        }
        assert_eq!(Scope::from_column(Some("#bay")), Scope::Named("#bay"));
    }
}
