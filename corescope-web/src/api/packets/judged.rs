//! A packet as a filter sees it where something is hidden: exactly what a client sees, so that
//! nobody can ask for what is not shown.

use corescope_core::filter::{Context, Filter, JsonFields};
use corescope_store::memory::Transmission;
use serde_json::{Map, Value};

use super::rows::View;

/// A packet made ready to be judged by any number of filters.
#[derive(Debug)]
pub(crate) struct Judged(Value);

impl Judged {
    /// Takes what is shown of a packet; `routed_through` sees every node that takes part, as
    /// `node=` does.
    pub(crate) fn new(row: Transmission<'_>, view: View<'_>) -> Self {
        let mut shown = serde_json::to_value(view.packet(row, false)).unwrap_or(Value::Null);
        let mut keys: Vec<Value> = row
            .observations()
            .filter_map(|o| o.resolved_path())
            .filter_map(|json| {
                serde_json::from_str::<Vec<Option<String>>>(&view.veil.resolved(json, view.snapshot)).ok()
            })
            .flatten()
            .flatten()
            .map(Value::String)
            .collect();
        if let Some(from) =
            row.from_pubkey().filter(|k| !k.is_empty() && !view.veil.hides_key(k, view.snapshot))
        {
            keys.push(Value::String(from.into_owned()));
        }
        if let Value::Object(packet) = &mut shown {
            let decoded = packet.get("decoded_json").and_then(Value::as_str);
            let payload: Map<String, Value> =
                decoded.and_then(|j| serde_json::from_str(j).ok()).unwrap_or_default();
            for name in ["pubKey", "destPubKey", "srcPubKey"] {
                keys.extend(payload.get(name).filter(|v| v.is_string()).cloned());
            }
            if let Some(channel) = row.channel_hash() {
                packet.insert("channel_hash".to_owned(), Value::from(channel));
            }
            packet.insert("resolved_path".to_owned(), Value::Array(keys));
        }
        Self(shown)
    }

    /// The verdict.
    pub(crate) fn passes(&self, filter: &Filter, now_ms: i64) -> bool {
        filter.matches(&JsonFields::new(&self.0), &Context::at(now_ms))
    }
}
