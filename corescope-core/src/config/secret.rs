//! Text that must never be shown.

use std::fmt;

/// A password, token or key. `Debug` and `Display` show dots; [`Secret::expose`] is the only way to the text,
/// so that every use can be found.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Secret(String);

impl Secret {
    /// Wraps it.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text itself: for the one who must send or compare it.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("••••")
    }
}

impl fmt::Display for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("••••")
    }
}

/// A broker address without its password: `mqtt://user:secret@host` becomes `mqtt://user:••••@host`.
pub fn mask_url(url: &str) -> String {
    let (scheme, rest) = url.split_once("://").map_or(("", url), |(s, r)| (s, r));
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (authority, tail) = rest.split_at(end);
    // The last @ ends the user info: passwords may contain one.
    let Some((user, host)) = authority.rsplit_once('@') else { return url.to_owned() };
    let user = user.split(':').next().unwrap_or_default();
    let separator = if scheme.is_empty() { "" } else { "://" };
    format!("{scheme}{separator}{user}:••••@{host}{tail}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_do_not_print() {
        let secret = Secret::new("hunter2");
        assert_eq!(format!("{secret} {secret:?}"), "•••• ••••");
        assert_eq!(secret.expose(), "hunter2");
    }

    #[test]
    fn passwords_are_masked_in_addresses() {
        for (url, shown) in [
            ("mqtt://host:1883", "mqtt://host:1883"),
            ("mqtt://u:p@host:1883", "mqtt://u:••••@host:1883"),
            ("wss://u:p@ss@host/mqtt?x=1", "wss://u:••••@host/mqtt?x=1"),
            ("mqtts://u@host", "mqtts://u:••••@host"),
            ("host", "host"),
        ] {
            assert_eq!(mask_url(url), shown);
        }
    }
}
