//! Text from outside, made fit to be kept.

use std::borrow::Cow;

/// Longest name or observer id that is kept, characters.
pub const MAX_NAME: usize = 128;

/// A name without control characters and outer blanks, at most [`MAX_NAME`] characters; empty is none.
pub fn clean_name(text: Cow<'_, str>) -> Option<Cow<'_, str>> {
    let good = |text: &str| {
        !text.chars().any(char::is_control)
            && text.trim().len() == text.len()
            && text.chars().count() <= MAX_NAME
    };
    let text = if good(&text) {
        text
    } else {
        let kept: String = text.chars().filter(|c| !c.is_control()).collect();
        Cow::Owned(kept.trim().chars().take(MAX_NAME).collect::<String>().trim_end().to_owned())
    };
    (!text.is_empty()).then_some(text)
}

/// The JSON text with each `\uD800`…`\uDFFF` that has no partner replaced by `\uFFFD`; none if there is none.
pub(super) fn without_lone_surrogates(text: &str) -> Option<String> {
    let unit = |at: usize| -> Option<u16> {
        let digits = text.get(at..at + 6)?.strip_prefix("\\u")?;
        u16::from_str_radix(digits, 16).ok()
    };
    let mut out = String::new();
    let (mut at, mut kept) = (0, 0);
    while let Some(found) = text.get(at..)?.find('\\') {
        at += found;
        match unit(at) {
            Some(0xD800..=0xDBFF) if matches!(unit(at + 6), Some(0xDC00..=0xDFFF)) => at += 12,
            Some(0xD800..=0xDFFF) => {
                out.push_str(text.get(kept..at)?);
                out.push_str("\\uFFFD");
                at += 6;
                kept = at;
            }
            // `\\`, `\"` and the like: two characters, the second is not the start of an escape.
            _ => at += 1 + text.get(at + 1..)?.chars().next().map_or(0, char::len_utf8),
        }
    }
    if kept == 0 {
        return None;
    }
    out.push_str(text.get(kept..)?);
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_cleaned() {
        for (from, to) in [
            ("Hill RPT", Some("Hill RPT")),
            ("  Hill\u{7}\n ", Some("Hill")),
            ("\u{0}", None),
            ("", None),
            ("   ", None),
        ] {
            assert_eq!(clean_name(Cow::Borrowed(from)).as_deref(), to);
        }
        assert_eq!(clean_name("é".repeat(10_000).into()).unwrap().chars().count(), MAX_NAME);
        assert!(matches!(clean_name(Cow::Borrowed("plain")), Some(Cow::Borrowed(_))));
    }

    #[test]
    fn halves_of_characters_are_replaced() {
        for (from, to) in [
            (r#"{"a":"\ud83d"}"#, Some(r#"{"a":"\uFFFD"}"#)),
            (r#"{"a":"\ud83d\ude00"}"#, None),
            (r#"{"a":"\\ud83d"}"#, None),
            (r#"{"a":"\ude00\ud83d\ude00x"}"#, Some(r#"{"a":"\uFFFD\ud83d\ude00x"}"#)),
            (r#"{"a":"\"#, None),
            ("plain", None),
        ] {
            assert_eq!(without_lone_surrogates(from).as_deref(), to, "{from}");
        }
    }
}
