//! A packet as a filter sees it where something is hidden: exactly what a client sees, so that
//! nobody can ask for what is not shown.

use corescope_core::filter::{Context, Filter, JsonFields};
use corescope_store::memory::Transmission;
use serde_json::Value;

use super::rows::View;

/// A packet made ready to be judged by any number of filters.
#[derive(Debug)]
pub(crate) struct Judged(Value);

impl Judged {
    /// Takes what is shown of a packet; `routed_through` sees what is shown of every observation's resolved path.
    pub(crate) fn new(row: Transmission<'_>, view: View<'_>) -> Self {
        let mut shown = serde_json::to_value(view.packet(row, false)).unwrap_or(Value::Null);
        let mut keys: Vec<String> = Vec::new();
        for path in row.display().into_iter().chain(row.observations()).filter_map(|o| o.resolved_path()) {
            let shown = view.veil.resolved(path, view.snapshot);
            let hops: Vec<Option<String>> = serde_json::from_str(&shown).unwrap_or_default();
            for key in hops.into_iter().flatten().map(|key| key.to_lowercase()) {
                if !keys.contains(&key) {
                    keys.push(key);
                }
            }
        }
        if let Value::Object(packet) = &mut shown {
            if let Some(channel) = row.channel_hash() {
                packet.insert("channel_hash".to_owned(), Value::from(channel));
            }
            packet.insert("resolved_path".to_owned(), Value::from(keys));
        }
        Self(shown)
    }

    /// The verdict.
    pub(crate) fn passes(&self, filter: &Filter, now_ms: i64) -> bool {
        filter.matches(&JsonFields::new(&self.0), &Context::at(now_ms))
    }
}
