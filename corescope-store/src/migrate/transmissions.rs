//! Columns of `transmissions` that older programs did not fill: one pass by id.
//!
//! - `last_seen` 0: the newest observation, else `first_seen`.
//! - `from_pubkey` NULL of an advert: `pubKey` of its JSON, '' when there is none.
//! - `channel_hash` NULL of a group text: the channel's name when decrypted, else `enc_XX`.
//! - `channel_hash` `public`: `Public`.

use corescope_core::time::parse_rfc3339;
use rusqlite::{Connection, params};
use serde::Deserialize;

use crate::write::{Change, Changes};

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Spelled {
    r#type: String,
    pub_key: String,
    channel: String,
    channel_hash_hex: String,
}

/// Looks at rows `from < id <= to`; returns how many were filled.
pub(super) fn fill(db: &Connection, from: i64, to: i64) -> rusqlite::Result<u64> {
    let mut select = db.prepare_cached(
        "SELECT id, payload_type, decoded_json, from_pubkey, channel_hash, last_seen, first_seen
           FROM transmissions
          WHERE id > ?1 AND id <= ?2
            AND (last_seen = 0 OR channel_hash = 'public' OR (payload_type = 4 AND from_pubkey IS NULL)
                 OR (payload_type = 5 AND channel_hash IS NULL))",
    )?;
    let mut newest =
        db.prepare_cached("SELECT max(timestamp) FROM observations WHERE transmission_id = ?1")?;
    let mut update = db.prepare_cached(
        "UPDATE transmissions SET from_pubkey = ?2, channel_hash = ?3, last_seen = ?4 WHERE id = ?1",
    )?;
    let mut changes = Changes::default();
    let mut filled = 0;
    let mut rows = select.query([from, to])?;
    while let Some(row) = rows.next()? {
        let id: i64 = row.get(0)?;
        let payload_type: Option<i64> = row.get(1).unwrap_or(None);
        let json: Option<String> = row.get(2).unwrap_or(None);
        let mut from_pubkey: Option<String> = row.get(3).unwrap_or(None);
        let mut channel_hash: Option<String> = row.get(4).unwrap_or(None);
        let mut last_seen: i64 = row.get(5).unwrap_or(0);
        if last_seen == 0 {
            let heard: Option<i64> = newest.query_row([id], |r| r.get(0))?;
            let first: Option<String> = row.get(6).unwrap_or(None);
            last_seen = heard.or_else(|| first.as_deref().and_then(parse_rfc3339)).unwrap_or(1);
        }
        let spelled: Spelled = json.as_deref().and_then(|j| serde_json::from_str(j).ok()).unwrap_or_default();
        if payload_type == Some(4) && from_pubkey.is_none() {
            from_pubkey = Some(spelled.pub_key.to_lowercase());
        }
        if payload_type == Some(5) && channel_hash.is_none() {
            channel_hash = channel(&spelled);
        }
        if channel_hash.as_deref() == Some("public") {
            channel_hash = Some("Public".to_owned());
        }
        update.execute(params![id, from_pubkey, channel_hash, last_seen])?;
        changes.row(Change::Transmission, id);
        filled += 1;
    }
    changes.write(db)?;
    Ok(filled)
}

fn channel(spelled: &Spelled) -> Option<String> {
    if spelled.r#type == "CHAN" {
        Some(spelled.channel.clone()).filter(|c| !c.is_empty())
    } else {
        Some(format!("enc_{}", spelled.channel_hash_hex)).filter(|c| c.len() > 4)
    }
}
