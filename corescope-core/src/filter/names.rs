//! Names of payload and route types, and the aliases that `==` understands.

/// Number, wire name, label: the payload types of the protocol.
const PAYLOAD_TYPES: [(u8, &str, &str); 13] = [
    (0, "REQ", "Request"),
    (1, "RESPONSE", "Response"),
    (2, "TXT_MSG", "Direct Msg"),
    (3, "ACK", "Ack"),
    (4, "ADVERT", "Advert"),
    (5, "GRP_TXT", "Channel Msg"),
    (6, "GRP_DATA", "Channel Data"),
    (7, "ANON_REQ", "Anon Req"),
    (8, "PATH", "Path"),
    (9, "TRACE", "Trace"),
    (10, "MULTIPART", "Multipart"),
    (11, "CONTROL", "Control"),
    (15, "RAW_CUSTOM", "Raw Custom"),
];

/// More words people use, beside the labels.
const PAYLOAD_ALIASES: [(&str, &str); 13] = [
    ("direct message", "TXT_MSG"),
    ("text msg", "TXT_MSG"),
    ("text message", "TXT_MSG"),
    ("channel message", "GRP_TXT"),
    ("group text", "GRP_TXT"),
    ("group msg", "GRP_TXT"),
    ("group data", "GRP_DATA"),
    ("anonymous request", "ANON_REQ"),
    ("anon request", "ANON_REQ"),
    ("traceroute", "TRACE"),
    ("advertisement", "ADVERT"),
    ("custom", "RAW_CUSTOM"),
    ("raw", "RAW_CUSTOM"),
];

const ROUTE_TYPES: [&str; 4] = ["TRANSPORT_FLOOD", "FLOOD", "DIRECT", "TRANSPORT_DIRECT"];

const ROUTE_ALIASES: [(&str, &str); 4] = [
    ("t_flood", "TRANSPORT_FLOOD"),
    ("t_direct", "TRANSPORT_DIRECT"),
    ("transport flood", "TRANSPORT_FLOOD"),
    ("transport direct", "TRANSPORT_DIRECT"),
];

/// The wire name of a payload type (header bits 2–5); `UNKNOWN` for the reserved ones.
pub fn payload_type_name(number: u8) -> &'static str {
    PAYLOAD_TYPES.iter().find(|t| t.0 == number).map_or("UNKNOWN", |t| t.1)
}

/// The label of a payload type as people read it; `Unknown` for the reserved ones.
pub fn payload_type_label(number: u8) -> &'static str {
    PAYLOAD_TYPES.iter().find(|t| t.0 == number).map_or("Unknown", |t| t.2)
}

/// The wire name of a route type (header bits 0–1); the empty text above 3.
pub fn route_type_name(number: u8) -> &'static str {
    ROUTE_TYPES.get(usize::from(number)).copied().unwrap_or("")
}

/// The wire name behind a label or alias of a payload type, case ignored.
pub(super) fn payload_alias(text: &str) -> Option<&'static str> {
    let label = PAYLOAD_TYPES.iter().find(|t| t.2.eq_ignore_ascii_case(text)).map(|t| t.1);
    label.or_else(|| alias(&PAYLOAD_ALIASES, text))
}

/// The wire name behind an alias of a route type, case ignored.
pub(super) fn route_alias(text: &str) -> Option<&'static str> {
    alias(&ROUTE_ALIASES, text)
}

/// All names a value of `type` can have.
pub(super) fn payload_names() -> impl Iterator<Item = &'static str> {
    PAYLOAD_TYPES.iter().map(|t| t.1)
}

/// All names a value of `route` can have.
pub(super) fn route_names() -> impl Iterator<Item = &'static str> {
    ROUTE_TYPES.into_iter()
}

/// The candidate nearest to a misspelt word, when it is near enough to be meant.
pub(super) fn nearest<'a>(word: &str, candidates: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let word = word.to_ascii_lowercase();
    let limit = (word.len() / 3).clamp(1, 3);
    candidates
        .map(|candidate| (distance(&word, &candidate.to_ascii_lowercase()), candidate))
        .filter(|(d, _)| *d <= limit)
        .min_by_key(|(d, _)| *d)
        .map(|(_, candidate)| candidate)
}

/// Edits (insert, delete, replace, swap of neighbours) from one word to the other.
fn distance(a: &str, b: &str) -> usize {
    let (a, b) = (a.as_bytes(), b.as_bytes());
    if a.len() > 40 || b.len() > 40 {
        return usize::MAX;
    }
    let width = b.len() + 1;
    let mut rows = vec![0_usize; (a.len() + 1) * width];
    for i in 0..=a.len() {
        for j in 0..width {
            rows[i * width + j] = if i == 0 || j == 0 {
                i + j
            } else {
                let replace = rows[(i - 1) * width + j - 1] + usize::from(a[i - 1] != b[j - 1]);
                let edit = rows[(i - 1) * width + j].min(rows[i * width + j - 1]) + 1;
                let swapped = i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1];
                let swap = if swapped { rows[(i - 2) * width + j - 2] + 1 } else { usize::MAX };
                replace.min(edit).min(swap)
            };
        }
    }
    rows.last().copied().unwrap_or(usize::MAX)
}

fn alias(table: &[(&str, &'static str)], text: &str) -> Option<&'static str> {
    table.iter().find(|(word, _)| word.eq_ignore_ascii_case(text)).map(|(_, name)| *name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_names_and_labels() {
        assert_eq!(payload_type_name(5), "GRP_TXT");
        assert_eq!(payload_type_label(5), "Channel Msg");
        assert_eq!(payload_type_name(12), "UNKNOWN");
        assert_eq!(route_type_name(3), "TRANSPORT_DIRECT");
        assert_eq!(route_type_name(4), "");
        assert_eq!(payload_alias("channel msg"), Some("GRP_TXT"));
        assert_eq!(route_alias("T_FLOOD"), Some("TRANSPORT_FLOOD"));
    }

    #[test]
    fn a_near_miss_is_recognised_and_a_far_one_is_not() {
        let fields = ["observer", "observations", "snr", "type"];
        assert_eq!(nearest("observr", fields.into_iter()), Some("observer"));
        assert_eq!(nearest("tpye", fields.into_iter()), Some("type"));
        assert_eq!(nearest("nsr", fields.into_iter()), Some("snr"));
        assert_eq!(nearest("banana", fields.into_iter()), None);
        assert_eq!(nearest(&"x".repeat(99), fields.into_iter()), None);
    }
}
