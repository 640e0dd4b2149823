//! Channel keys from the command line.

use corescope_decode::crypto::{ChannelKey, KeyRing};

use crate::{Exit, Failure};

/// The public channel's key, those of `--key NAME=HEX` and of `--channel '#name'`.
pub(super) fn ring(keys: &[String], channels: &[String]) -> Result<KeyRing, Failure> {
    let mut ring = KeyRing::with_public();
    for key in keys {
        let bad = |why: String| Failure::msg(Exit::Usage, format_args!("--key {key}: {why}"));
        let (name, hex) = key.rsplit_once('=').ok_or_else(|| bad("write NAME=HEX".to_owned()))?;
        let key = ChannelKey::from_hex(hex).map_err(|error| bad(error.to_string()))?;
        ring.insert(name, key);
    }
    for name in channels {
        if !name.starts_with('#') || name.len() < 2 {
            return Err(Failure::msg(
                Exit::Usage,
                format_args!("--channel {name}: a hashtag channel begins with #"),
            ));
        }
        ring.insert_hashtag(name);
    }
    Ok(ring)
}
