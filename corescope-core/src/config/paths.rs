//! Where things are.

use std::path::{Path, PathBuf};

use super::layers::{Layers, Origin, Warning};

/// What the command line says about places.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Places {
    /// `--data DIR`
    pub data: Option<PathBuf>,
    /// `--db FILE`
    pub db: Option<PathBuf>,
    /// `--config FILE`
    pub config: Option<PathBuf>,
    /// `--config-dir DIR`
    pub config_dir: Option<PathBuf>,
}

/// The files of one installation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Paths {
    /// Folder of the database: everything that is written lies here.
    pub data: PathBuf,
    /// The database.
    pub db: PathBuf,
    /// The configuration file that was found.
    pub config: Option<PathBuf>,
    /// Colours and texts laid over the configuration's.
    pub theme: PathBuf,
    /// What the ingestor says about itself, once a second.
    pub stats: PathBuf,
    /// The server's snapshot of its memory.
    pub snapshot: PathBuf,
    /// Packets that came over HTTP, for the ingestor.
    pub packet_requests: PathBuf,
    /// Nodes to delete, for the ingestor.
    pub prune_requests: PathBuf,
    /// Jobs to run, for the ingestor.
    pub maintain_requests: PathBuf,
    /// Capabilities the server worked out, for the ingestor.
    pub mbcap_snapshot: PathBuf,
}

impl Places {
    /// The configuration file: `--config`, else the one in `--config-dir` (`DIR/config.json`, `DIR/data/config.json`),
    /// `--data`, `data`, or the working directory.
    pub fn config_file(&self) -> Option<PathBuf> {
        if let Some(file) = &self.config {
            return Some(file.clone());
        }
        if let Some(folder) = &self.config_dir {
            return super::find_file(folder);
        }
        let folder = self.data.clone().unwrap_or_else(|| PathBuf::from(DATA));
        let beside = self.db.as_ref().filter(|_| self.data.is_none()).and_then(|db| db.parent());
        let here = Some(Path::new(".")).filter(|_| self.data.is_none());
        beside
            .into_iter()
            .chain([folder.as_path()])
            .chain(here)
            .map(|folder| folder.join("config.json"))
            .find(|file| file.is_file())
    }
}

const DATA: &str = "data";

impl Paths {
    /// Where everything is. `--db` beats `--data`, which beats `dbPath`; a remark says when they differ.
    /// A relative `dbPath` is looked up from the configuration's folder, then from the working directory.
    pub fn resolve(places: &Places, config: Option<&Path>, layers: &mut Layers) -> Self {
        let configured = layers.get("dbPath").and_then(|v| v.as_str()).filter(|p| !p.is_empty());
        let configured = configured.map(|path| lookup(path, config));
        let chosen = places.db.clone().or_else(|| places.data.as_ref().map(|d| d.join("meshcore.db")));
        if let (Some(chosen), Some(configured)) = (&chosen, &configured)
            && !same_file(chosen, configured)
        {
            let origin = layers.origin("dbPath");
            let message =
                format!("dbPath {} is not used: {} was asked for", configured.display(), chosen.display());
            layers.warnings.push(Warning { origin, message });
        }
        let db = chosen.or(configured).unwrap_or_else(|| Path::new(DATA).join("meshcore.db"));
        let folder = db
            .parent()
            .filter(|p| !p.as_os_str().is_empty())
            .map_or_else(|| PathBuf::from("."), PathBuf::from);
        let data = places.data.clone().unwrap_or(folder);
        Self {
            theme: data.join("theme.json"),
            stats: data.join("ingestor-stats.json"),
            snapshot: data.join("corescope.snapshot"),
            packet_requests: data.join("packet-requests"),
            prune_requests: data.join("prune-requests"),
            maintain_requests: data.join("maintain-requests"),
            mbcap_snapshot: data.join("mbcap-snapshot"),
            config: config.map(Path::to_path_buf),
            db,
            data,
        }
    }

    /// Takes the stats file that `CORESCOPE_INGESTOR_STATS` names, if it names one.
    #[must_use]
    pub fn with_stats_from(mut self, environment: &[(String, String)]) -> Self {
        if let Some((_, path)) =
            environment.iter().find(|(name, path)| name == "CORESCOPE_INGESTOR_STATS" && !path.is_empty())
        {
            self.stats = PathBuf::from(path);
        }
        self
    }

    /// Whether somebody named the database, other than by default.
    pub fn is_named(places: &Places, layers: &Layers) -> bool {
        places.db.is_some() || places.data.is_some() || layers.origin("dbPath") != Origin::Default
    }
}

fn lookup(path: &str, config: Option<&Path>) -> PathBuf {
    let path = PathBuf::from(path);
    if path.is_absolute() {
        return path;
    }
    let beside = config.and_then(Path::parent).map(|folder| folder.join(&path));
    beside.filter(|candidate| candidate.exists()).unwrap_or(path)
}

fn same_file(a: &Path, b: &Path) -> bool {
    a == b || matches!((a.canonicalize(), b.canonicalize()), (Ok(a), Ok(b)) if a == b)
}
