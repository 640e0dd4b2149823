//! Where an installation lies: the options that every subcommand about one takes.

use std::path::PathBuf;

use corescope_core::config::{Config, Flag, Layers, Loaded, Paths, Places, load_files};

use crate::{Exit, Failure};

/// Where the data and the configuration are.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct PlaceArgs {
    /// Folder of database, configuration and everything else [default: data]
    #[arg(long, value_name = "DIR", env = "CORESCOPE_DATA")]
    pub data: Option<PathBuf>,
    /// Database, if it is not DIR/meshcore.db
    #[arg(long, value_name = "FILE")]
    pub db: Option<PathBuf>,
    /// Configuration, if it is not DIR/config.json
    #[arg(long, value_name = "FILE", env = "CORESCOPE_CONFIG")]
    pub config: Option<PathBuf>,
    /// Folder to look for config.json and data/config.json in
    #[arg(long, value_name = "DIR")]
    pub config_dir: Option<PathBuf>,
}

/// An installation: its configuration, and where its files are.
#[derive(Debug, Clone)]
pub struct Place {
    /// The configuration.
    pub config: Config,
    /// Where each value came from.
    pub layers: Layers,
    /// Where the files are.
    pub paths: Paths,
}

impl PlaceArgs {
    /// Reads the configuration and resolves the paths; `flags` are values from the subcommand's own options.
    ///
    /// # Errors
    ///
    /// [`Exit::Data`] for a configuration that cannot be used, [`Exit::Io`] for one that cannot be read.
    pub fn load(&self, flags: &[Flag]) -> Result<Place, Failure> {
        let places = Places {
            data: self.data.clone(),
            db: self.db.clone(),
            config: self.config.clone(),
            config_dir: self.config_dir.clone(),
        };
        let file = places.config_file();
        let environment = environment();
        let Loaded { config, mut layers, .. } =
            load_files(file.as_deref(), &environment, flags).map_err(|error| {
                let exit = match error {
                    corescope_core::config::ConfigError::Read { .. } => Exit::Io,
                    _ => Exit::Data,
                };
                Failure::new(exit, error)
            })?;
        let paths = Paths::resolve(&places, file.as_deref(), &mut layers).with_stats_from(&environment);
        Ok(Place { config, layers, paths })
    }
}

impl Place {
    /// Logs what was odd about the configuration.
    pub fn log_warnings(&self) {
        for warning in &self.layers.warnings {
            tracing::warn!("{warning}");
        }
    }
}

/// The environment, without what is no text.
pub fn environment() -> Vec<(String, String)> {
    std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
        .collect()
}
