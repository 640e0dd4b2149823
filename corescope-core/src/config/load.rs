//! From a file, the environment and flags to a [`Config`].

use std::path::{Path, PathBuf};

use super::environment;
use super::jsonc::{self, SyntaxError};
use super::keys::{Effect, KEYS};
use super::layers::{Layers, Origin};
use super::reading::Reading;
use super::secret::Secret;
use super::sections::Config;

/// What to load from. Nothing here is read from disk: see [`load_files`] for that.
#[derive(Debug, Clone, Default)]
pub struct Input<'a> {
    /// Name (for messages) and text of the file.
    pub file: Option<(&'a str, &'a str)>,
    /// The environment.
    pub environment: &'a [(String, String)],
    /// Values from the command line.
    pub flags: &'a [Flag],
}

/// A value from the command line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Flag {
    /// The flag as it is typed, for messages: `--listen`.
    pub name: &'static str,
    /// Key that it sets.
    pub path: &'static str,
    /// Its text.
    pub text: String,
}

/// A configuration with everything that is known about it.
#[derive(Debug, Clone)]
pub struct Loaded {
    /// The values.
    pub config: Config,
    /// Where each came from, and what was wrong ([`Layers::warnings`]).
    pub layers: Layers,
    /// The file that was read, if there was one.
    pub file: Option<PathBuf>,
}

/// Why there is no configuration.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// The file is no JSON.
    #[error("{file}: {error}")]
    Syntax {
        /// Which file.
        file: String,
        /// Where and what.
        error: SyntaxError,
    },
    /// The file cannot be read.
    #[error("{file}: cannot read it: {error}")]
    Read {
        /// Which file.
        file: String,
        /// Why.
        error: std::io::Error,
    },
    /// Two sources have the same name, so that their accounts could not be told apart.
    #[error("mqttSources: two sources have the name {name:?}; give each a name of its own")]
    SourceName {
        /// The name.
        name: String,
    },
}

/// Largest configuration file, bytes.
const MAX_FILE: u64 = 16 << 20;

/// Loads from texts.
///
/// # Errors
///
/// [`ConfigError`] for a text that is no JSON and for two sources of one name. Everything else is a warning.
pub fn load(input: &Input<'_>) -> Result<Loaded, ConfigError> {
    let mut layers = Layers::default();
    if let Some((name, text)) = input.file {
        let document = jsonc::parse(text)
            .map_err(|error| ConfigError::Syntax { file: super::printable(name), error })?;
        layers.apply_file(name, &document);
    }
    environment::apply(&mut layers, input.environment, &|path| std::fs::read_to_string(path));
    for flag in input.flags {
        layers.set_text(flag.path, &flag.text, Origin::Flag(flag.name.to_owned()));
    }
    not_needed(&mut layers);
    key_file(&mut layers);
    let config = Config::read(&mut Reading::new(&mut layers));
    let mut names: Vec<&str> = config.sources.iter().map(|source| source.name.as_str()).collect();
    names.sort_unstable();
    if let Some(pair) = names.windows(2).find(|pair| pair.first() == pair.last()) {
        return Err(ConfigError::SourceName {
            name: pair.concat().chars().take(pair[0].chars().count()).collect(),
        });
    }
    Ok(Loaded { config, layers, file: None })
}

/// Loads the file at `path` (none: defaults), the environment and flags.
///
/// # Errors
///
/// As [`load`], and when the file cannot be read.
pub fn load_files(
    path: Option<&Path>,
    environment: &[(String, String)],
    flags: &[Flag],
) -> Result<Loaded, ConfigError> {
    let shown = path.map(|path| path.display().to_string());
    let text = match (path, &shown) {
        (Some(path), Some(shown)) => {
            let failed = |error| ConfigError::Read { file: shown.clone(), error };
            let size = std::fs::metadata(path).map_err(failed)?.len();
            if size > MAX_FILE {
                let error = std::io::Error::other(format!("{size} bytes; at most {MAX_FILE} are read"));
                return Err(failed(error));
            }
            Some(String::from_utf8_lossy(&std::fs::read(path).map_err(failed)?).into_owned())
        }
        _ => None,
    };
    let file = shown.as_deref().zip(text.as_deref());
    let mut loaded = load(&Input { file, environment, flags })?;
    loaded.file = path.map(Path::to_path_buf);
    Ok(loaded)
}

/// The configuration file of a folder: `DIR/config.json`, then `DIR/data/config.json`; the first that exists.
pub fn find_file(folder: &Path) -> Option<PathBuf> {
    [folder.join("config.json"), folder.join("data/config.json")].into_iter().find(|path| path.is_file())
}

/// Says which values that somebody set have no effect, and why.
fn not_needed(layers: &mut Layers) {
    for key in KEYS {
        if let Effect::NotNeeded(why) = key.effect
            && layers.get(key.path).is_some()
        {
            let origin = layers.origin(key.path);
            layers.warn(origin, format!("{} is not needed because {why}", key.path));
        }
    }
}

/// `apiKeyFile` → `apiKey`, where the latter is absent.
fn key_file(layers: &mut Layers) {
    let Some(path) = layers.get("apiKeyFile").and_then(|v| v.as_str()).map(str::to_owned) else { return };
    let origin = layers.origin("apiKeyFile");
    if layers.get("apiKey").and_then(|v| v.as_str()).is_some_and(|key| !key.is_empty()) {
        return layers.warn(origin, "apiKeyFile has no effect beside apiKey");
    }
    match std::fs::read_to_string(&path) {
        Ok(text) => {
            let key = Secret::new(text.trim());
            layers.set("apiKey", key.expose().into(), origin);
        }
        Err(error) => layers.warn(origin, format!("apiKeyFile: cannot read {path}: {error}")),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::config::keys::{self, Kind};

    fn text(text: &str) -> Loaded {
        load(&Input { file: Some(("config.json", text)), ..Input::default() }).unwrap()
    }

    fn warnings(loaded: &Loaded) -> Vec<String> {
        loaded.layers.warnings.iter().map(ToString::to_string).collect()
    }

    /// Walks the table: a value of the right type is taken without a complaint, unless it is reported as not
    /// needed; a value of a wrong type is reported and the rest of the file still counts; and every key that is
    /// honoured is really read by somebody.
    #[test]
    fn every_key_is_honoured_or_reported() {
        let mut layers = Layers::default();
        let mut reading = Reading::new(&mut layers);
        Config::read(&mut reading);
        let mut asked = reading.asked.borrow().clone();
        // Read by the resolution of places, and before the sections are read.
        asked.extend(["dbPath", "apiKeyFile"]);
        // Lists are only read where they have entries, `mqtt.*` only where there are none.
        let listed =
            r#"{"mqttSources":[{"broker":"mqtt://h"}],"endpoint":{"users":[{"name":"u","password":"p"}]}}"#;
        let document = jsonc::parse(listed).unwrap();
        let mut layers = Layers::default();
        layers.apply_file("f", &document);
        let mut reading = Reading::new(&mut layers);
        Config::read(&mut reading);
        asked.extend(reading.asked.borrow().iter());
        let mut layers = Layers::default();
        layers.set("mqtt.broker", json!("mqtt://h"), Origin::Default);
        let mut reading = Reading::new(&mut layers);
        Config::read(&mut reading);
        asked.extend(reading.asked.borrow().iter());

        for key in KEYS {
            let good = match key.kind {
                Kind::Bool => json!(true),
                Kind::Int => json!(7),
                Kind::Number => json!(1.5),
                Kind::Text => json!("text"),
                Kind::TextList => json!(["a", "b"]),
                Kind::Map | Kind::Any => json!({"a": "b"}),
            };
            let path = key.path.replace("[]", "[0]");
            let mut layers = Layers::default();
            layers.set(&path, good.clone(), Origin::Flag("--x".into()));
            assert_eq!(layers.get(&path), Some(&good), "{path}");
            assert!(layers.warnings.is_empty(), "{path}: {:?}", layers.warnings);
            not_needed(&mut layers);
            match key.effect {
                Effect::NotNeeded(why) => {
                    assert!(layers.warnings[0].message.contains(why), "{path}");
                    assert!(!asked.contains(key.path), "{path} is read although it is not needed");
                }
                Effect::Honoured(_) => {
                    assert!(layers.warnings.is_empty());
                    assert!(asked.contains(key.path), "{path} is in the table, but nobody reads it");
                }
            }
            if key.kind != Kind::Any {
                let mut layers = Layers::default();
                layers.set(&path, json!([1]), Origin::Flag("--x".into()));
                assert_eq!(layers.get(&path), None, "{path}");
                assert!(layers.warnings[0].message.contains("expected"), "{path}");
            }
        }
    }

    #[test]
    fn keys_of_the_specification_are_known() {
        let spec = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/spec/config.md");
        let Ok(spec) = std::fs::read_to_string(&spec) else {
            println!("skipped: {} is not there", spec.display());
            return;
        };
        let section = spec.split("## 2. Keys").nth(1).unwrap().split("## 3.").next().unwrap();
        let mut seen = 0;
        for row in section.lines().filter(|line| line.starts_with("| `")) {
            let cell =
                row.trim_start_matches('|').split('|').next().unwrap().replace(".{", ".").replace('}', "");
            let mut prefix = String::new();
            for name in cell.split('`').skip(1).step_by(2).flat_map(|names| names.split(' ')) {
                if name == "mqttSources[]" || name.is_empty() {
                    continue;
                }
                let path = match name.strip_prefix('.') {
                    Some(field) if cell.contains("lowMv") => format!("batteryThresholds.{field}"),
                    Some(field) => format!("mqttSources[0].{field}"),
                    None => name.to_owned(),
                };
                if let Some((parent, _)) = name.rsplit_once('.').filter(|(parent, _)| !parent.is_empty()) {
                    parent.clone_into(&mut prefix);
                }
                let nested = format!("{prefix}.{name}");
                let known = |p: &str| {
                    keys::find(p).is_some() || KEYS.iter().any(|k| k.path.starts_with(&format!("{p}.")))
                };
                assert!(known(&path) || known(&nested), "{row}: {name}");
                seen += 1;
            }
        }
        assert!(seen > 90, "only {seen} keys found in the specification");
    }

    #[test]
    fn mistakes_are_told_with_place_and_cure() {
        let loaded = text(
            "{\n \"mqttSource\": [],\n \"retention\": {\"packetDay\": 3, \"nodedays\": 9},\n \"port\": \"x\",\n \"_comment_port\": 1,\n \"apiKey\": 7,\n \"channelKeys\": {\"_comment\": \"x\", \"#a\": 5, \"#b\": \"00\"},\n \"observersCache\": {\"ttlSeconds\": 3}\n}",
        );
        assert_eq!(
            warnings(&loaded),
            [
                "config.json:2: unknown key mqttSource; did you mean mqttSources?",
                "config.json:3: unknown key retention.packetDay; did you mean retention.packetDays?",
                "config.json:3: retention.nodedays is read as retention.nodeDays",
                "config.json:4: port: expected a whole number, found a text; it has no effect",
                "config.json:6: apiKey: expected a text in quotes, found 7; it has no effect",
                "config.json:8: observersCache.ttlSeconds is not needed because observers are kept fresh in memory",
                "config.json:7: channelKeys.#a: expected a text; it has no effect",
            ]
        );
        assert_eq!(loaded.config.retention.node_days, 9);
        assert_eq!(loaded.config.channel_keys.len(), 1);
        assert_eq!(loaded.config.port, 3000);
    }

    #[test]
    fn flags_beat_the_environment_beats_the_file() {
        let environment = [
            ("CORESCOPE_RETENTION__PACKETDAYS".to_owned(), "20".to_owned()),
            ("CORESCOPE_RETENTION__NODEDAYS".to_owned(), "21".to_owned()),
            ("PORT".to_owned(), "8080".to_owned()),
            ("CORESCOPE_RETENSION__NODEDAYS".to_owned(), "1".to_owned()),
            ("CORESCOPE_MQTTSOURCES__0__TOPICS".to_owned(), "a/#, b/#".to_owned()),
        ];
        let flags = [Flag { name: "--keep", path: "retention.packetDays", text: "30".to_owned() }];
        let file = r#"{"retention":{"packetDays":10,"metricsDays":11},"mqttSources":[{"broker":"mqtt://h","topics":"x/#"}]}"#;
        let loaded =
            load(&Input { file: Some(("f", file)), environment: &environment, flags: &flags }).unwrap();
        let retention = loaded.config.retention;
        assert_eq!((retention.packet_days, retention.node_days, retention.metrics_days), (Some(30), 21, 11));
        assert_eq!(loaded.config.port, 8080);
        assert_eq!(loaded.config.sources[0].topics, ["a/#", "b/#"]);
        assert_eq!(
            warnings(&loaded),
            [
                "environment CORESCOPE_RETENSION__NODEDAYS: no key has this name; did you mean CORESCOPE_RETENTION__NODEDAYS?"
            ]
        );
        assert_eq!(loaded.layers.origin("retention.packetDays").to_string(), "flag --keep");
        assert_eq!(loaded.layers.origin("port").to_string(), "environment PORT");
    }

    #[test]
    fn mqtt_broker_replaces_every_source_and_says_so() {
        let environment = [("MQTT_BROKER".to_owned(), "mqtt://e:1".to_owned())];
        let file = r#"{"mqttSources":[{"broker":"mqtt://a"},{"broker":"mqtt://b"}]}"#;
        let loaded = load(&Input { file: Some(("f", file)), environment: &environment, flags: &[] }).unwrap();
        assert_eq!(loaded.config.sources.len(), 1);
        assert_eq!(loaded.config.sources[0].name, "env");
        assert_eq!(warnings(&loaded), ["environment MQTT_BROKER: replaces all 2 sources of the file"]);
    }

    #[test]
    fn secrets_come_from_files() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("key");
        std::fs::write(&path, "0123456789abcdef\n").unwrap();
        let environment = [("CORESCOPE_APIKEY_FILE".to_owned(), path.display().to_string())];
        let loaded = load(&Input { environment: &environment, ..Input::default() }).unwrap();
        assert_eq!(loaded.config.api_key.unwrap().expose(), "0123456789abcdef");
    }

    #[test]
    fn two_sources_of_one_name_are_refused() {
        let file = r#"{"mqttSources":[{"name":"x","broker":"mqtt://a"},{"name":"x","broker":"mqtt://b"}]}"#;
        let error = load(&Input { file: Some(("f", file)), ..Input::default() }).unwrap_err();
        assert_eq!(
            error.to_string(),
            "mqttSources: two sources have the name \"x\"; give each a name of its own"
        );
    }

    #[test]
    fn oddities_of_old_files_are_accepted() {
        let loaded = text(
            r#"{"areas":{"_comment":"x","BAD":"text","SF":{"label":"San Francisco"}},
                "geo_filter":{"polygon":[[1,2],[3,4],[5,6]],"bufferKm":20},
                "observersBlacklist":[], "mqtt":{"broker":"mqtt://u:p@h","topic":"meshcore/SJC/#"},
                "retention":{"observerDays":-1,"nodeDays":0},"neighborGraph":{"maxAgeDays":9,"maxEdgeKm":-1}}"#,
        );
        let config = &loaded.config;
        assert_eq!(config.areas.keys().collect::<Vec<_>>(), ["SF"]);
        assert_eq!(config.geo_filter.as_ref().unwrap().polygon.len(), 3);
        assert_eq!(config.sources[0].topics, ["meshcore/SJC/#", "meshcore/#"]);
        assert_eq!(config.sources[0].username.as_deref(), Some("u"));
        assert_eq!((config.retention.observer_days, config.retention.node_days), (None, 7));
        assert_eq!(config.retention.neighbor_edge_days, 9);
        assert_eq!(config.neighbor_graph.max_edge_km, None);
    }
}
