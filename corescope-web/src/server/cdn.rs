//! A content delivery network in front of us: told once, because its rules may keep answers that say `no-store`.

use std::sync::atomic::{AtomicBool, Ordering};

use http::HeaderMap;

/// Headers that only such a network adds.
const MARKS: [&str; 4] = ["cf-connecting-ip", "cf-ray", "fastly-client-ip", "true-client-ip"];

/// Whether it was told.
#[derive(Debug, Default)]
pub(super) struct CdnNotice {
    told: AtomicBool,
}

impl CdnNotice {
    /// Looks at the headers of a request; warns at the first that came through such a network.
    pub(super) fn look(&self, headers: &HeaderMap) {
        if let Some(header) = self.first_mark(headers) {
            tracing::warn!(
                header,
                "requests come through a content delivery network: every answer of /api says no-store, and a rule that overrides it shows visitors old packets; two answers of /api/stats a minute apart must differ in asOf"
            );
        }
    }

    /// The header that tells of a network, the first time there is one.
    fn first_mark(&self, headers: &HeaderMap) -> Option<&'static str> {
        if self.told.load(Ordering::Relaxed) {
            return None;
        }
        let mark = MARKS.into_iter().find(|mark| headers.contains_key(*mark))?;
        (!self.told.swap(true, Ordering::Relaxed)).then_some(mark)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_network_is_told_of_once() {
        let notice = CdnNotice::default();
        let mut headers = HeaderMap::new();
        headers.insert("x-forwarded-for", "192.0.2.1".parse().unwrap());
        assert_eq!(notice.first_mark(&headers), None);
        headers.insert("cf-ray", "8a1".parse().unwrap());
        assert_eq!(notice.first_mark(&headers), Some("cf-ray"));
        assert_eq!(notice.first_mark(&headers), None);
    }
}
