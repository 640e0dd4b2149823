//! The channel keys and region names that the operator holds.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use corescope_core::config::{Config, printable};
use corescope_core::regions::scope_name;
use corescope_decode::{ChannelKey, KeyRing, RegionKeys};
use serde_json::Value;

/// Common channel names that ship with the program.
const COMMON: &str = include_str!("../../data/common-channels.txt");

/// Largest file of channel keys, bytes.
const MAX_FILE: u64 = 8 << 20;

/// Keys and names, with what was odd about them.
#[derive(Debug, Default)]
pub struct Keys {
    /// Channel keys; later sources of a name win.
    pub ring: Arc<KeyRing>,
    /// Region names.
    pub regions: Arc<RegionKeys>,
    /// What was odd.
    pub warnings: Vec<String>,
}

/// Gathers them: the built-in Public key, the list of common names, the operator's file, `hashChannels`, `channelKeys`.
pub fn gather(config: &Config, config_file: Option<&Path>) -> Keys {
    let mut warnings = Vec::new();
    let mut ring = Named::with_public();
    if !config.privacy.public_channels_only {
        if config.common_channel_words {
            for word in common_words() {
                ring.insert_hashtag(&format!("#{word}"));
            }
        }
        from_file(&mut ring, config, config_file, &mut warnings);
        for name in &config.hash_channels {
            let name = if name.starts_with('#') { name.clone() } else { format!("#{name}") };
            // A name that has a key of its own keeps it.
            if !config.channel_keys.iter().any(|(known, _)| *known == name) {
                ring.insert_hashtag(&name);
            }
        }
        // The exact spelling of Public wins over others: it comes last.
        let (exact, others): (Vec<_>, Vec<_>) =
            config.channel_keys.iter().partition(|(name, _)| name == "Public");
        for (name, key) in others.into_iter().chain(exact) {
            insert(&mut ring, name, key.expose(), "channelKeys", &mut warnings);
        }
    }
    let mut regions = RegionKeys::default();
    let mut seen = Vec::new();
    for name in &config.hash_regions {
        match scope_name(name) {
            Some(scope) if seen.contains(&scope) => {
                warnings.push(format!("hashRegions: {} is there twice", printable(name)));
            }
            Some(scope) => {
                regions.insert(&scope);
                seen.push(scope);
            }
            None => warnings.push("hashRegions: an empty name has no effect".to_owned()),
        }
    }
    Keys { ring: Arc::new(ring.into_ring()), regions: Arc::new(regions), warnings }
}

/// Keys by name: a later one of the same name replaces the earlier, as the operator expects.
struct Named(Vec<(String, ChannelKey)>);

impl Named {
    fn with_public() -> Self {
        Self(KeyRing::with_public().iter().map(|named| (named.name.clone(), named.key.clone())).collect())
    }

    fn insert(&mut self, name: &str, key: ChannelKey) {
        match self.0.iter_mut().find(|(known, _)| known == name) {
            Some((_, old)) => *old = key,
            None => self.0.push((name.to_owned(), key)),
        }
    }

    fn insert_hashtag(&mut self, name: &str) {
        self.insert(name, ChannelKey::from_hashtag(name));
    }

    fn into_ring(self) -> KeyRing {
        let mut ring = KeyRing::new();
        for (name, key) in self.0 {
            ring.insert(&name, key);
        }
        ring
    }
}

/// The common names.
pub fn common_words() -> impl Iterator<Item = &'static str> {
    COMMON.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'))
}

fn from_file(ring: &mut Named, config: &Config, config_file: Option<&Path>, warnings: &mut Vec<String>) {
    let beside = || config_file.and_then(Path::parent).unwrap_or(Path::new(".")).join("channel-rainbow.json");
    let named = config.channel_keys_path.clone();
    let path: PathBuf = named.clone().unwrap_or_else(beside);
    let text = match std::fs::metadata(&path) {
        Ok(about) if about.len() > MAX_FILE => {
            return warnings.push(format!("{}: larger than {MAX_FILE} bytes, not read", path.display()));
        }
        Ok(_) => std::fs::read_to_string(&path),
        Err(error) => Err(error),
    };
    let text = match text {
        Ok(text) => text,
        // The file beside the configuration need not be there; one that was named should.
        Err(_) if named.is_none() => return,
        Err(error) => {
            return warnings.push(format!("channelKeysPath: cannot read {}: {error}", path.display()));
        }
    };
    match serde_json::from_str::<Value>(&text) {
        Ok(Value::Object(map)) => {
            for (name, key) in map.iter().filter(|(name, _)| !name.starts_with('_')) {
                let key = key.as_str().unwrap_or_default();
                insert(ring, name, key, &path.display().to_string(), warnings);
            }
        }
        Ok(_) => warnings.push(format!("{}: expected an object of names and keys", path.display())),
        Err(error) => warnings.push(format!("{}: {error}", path.display())),
    }
}

fn insert(ring: &mut Named, name: &str, key: &str, place: &str, warnings: &mut Vec<String>) {
    let shown = if name.eq_ignore_ascii_case("public") { "Public" } else { name };
    match ChannelKey::from_hex(key.trim()) {
        Ok(key) => ring.insert(shown, key),
        // Not the key itself: it may be one with a slip in it.
        Err(_) => warnings
            .push(format!("{place}: the key of {} is not 32 hex digits; it never matches", printable(name))),
    }
}

#[cfg(test)]
mod tests {
    use corescope_core::config::{Input, load};

    use super::*;

    fn config(json: &str) -> Config {
        load(&Input { file: Some(("f", json)), ..Input::default() }).unwrap().config
    }

    #[test]
    fn later_sources_win_and_bad_keys_are_told() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("config.json");
        std::fs::write(
            dir.path().join("channel-rainbow.json"),
            r##"{"_comment":"x","#hiking":"00112233445566778899aabbccddeeff","#mine":"000102030405060708090a0b0c0d0e0f","#bad":"xyz"}"##,
        )
        .unwrap();
        let config = config(
            r##"{"channelKeys":{"#mine":"ffffffffffffffffffffffffffffffff","short":"00"},"hashChannels":["own","#mine"],"hashRegions":["bay","#bay",""]}"##,
        );
        let keys = gather(&config, Some(&file));
        assert!(
            keys.ring.get("#hiking").is_some()
                && keys.ring.get("#own").is_some()
                && keys.ring.get("#chess").is_some()
        );
        assert_eq!(keys.ring.get("#mine").unwrap().key.as_bytes(), [0xff; 16]);
        assert_eq!(keys.ring.get("#hiking").unwrap().key.as_bytes()[..2], [0x00, 0x11]);
        assert!(keys.ring.get("Public").is_some());
        assert_eq!(keys.warnings.len(), 3, "{:?}", keys.warnings);
        assert!(!keys.warnings.iter().any(|w| w.contains("xyz")), "{:?}", keys.warnings);
        assert_eq!(keys.regions.len(), 1);
    }

    #[test]
    fn the_list_of_common_names_can_be_switched_off() {
        let keys = gather(&config(r#"{"channels":{"commonWords":false}}"#), None);
        assert_eq!(keys.ring.len(), 1);
        let keys = gather(&config(r#"{"privacy":{"publicChannelsOnly":true},"hashChannels":["x"]}"#), None);
        assert_eq!(keys.ring.len(), 1);
        assert!(common_words().count() > 100);
        assert!(common_words().all(|word| word.bytes().all(|b| b.is_ascii_lowercase())));
    }

    #[test]
    fn both_spellings_of_public() {
        let keys = gather(&config(r#"{"channelKeys":{"public":"00112233445566778899aabbccddeeff"}}"#), None);
        assert_eq!(keys.ring.get("Public").unwrap().key.as_bytes()[..2], [0x00, 0x11]);
        assert!(keys.ring.get("public").is_none());
    }
}
