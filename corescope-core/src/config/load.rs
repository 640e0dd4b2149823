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
        return Err(ConfigError::SourceName { name: pair.concat().chars().take(pair[0].chars().count()).collect() });
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
