//! What one request is answered from: data, configuration and clock as they stood when it came.

use std::sync::Arc;

use corescope_core::config::Config;
use corescope_core::geo::Area;
use corescope_store::memory::{Node, Observer, Snapshot};

use super::areas;
use crate::App;
use crate::query::Params;
use crate::veil::Veil;

/// One moment of the server. Nothing in it changes while an answer is made.
pub(crate) struct Moment {
    /// The data.
    pub(crate) data: Arc<Snapshot>,
    /// The configuration.
    pub(crate) config: Arc<Config>,
    /// What is hidden.
    pub(crate) veil: Arc<Veil>,
    /// The server's clock, unix seconds.
    pub(crate) now: i64,
}

impl App {
    /// The present moment.
    pub(crate) fn moment(&self) -> Moment {
        Moment {
            data: self.store.snapshot(),
            config: self.config.load_full(),
            veil: self.veil.load_full(),
            now: self.clock.now(),
        }
    }
}

impl Moment {
    /// Whether a node may be shown.
    pub(crate) fn shows(&self, node: &Node) -> bool {
        !self.veil.hides_node(&node.public_key, node.name.as_deref())
    }

    /// Rows of `nodes` that may be shown.
    pub(crate) fn shown_nodes(&self) -> impl Iterator<Item = &Arc<Node>> {
        self.data.nodes().active().filter(|node| self.shows(node))
    }

    /// The active node with this key (any case), when it may be shown.
    pub(crate) fn shown_node(&self, key: &str) -> Option<&Arc<Node>> {
        let nodes = self.data.nodes();
        // files born elsewhere may hold keys that are not lower case: the exact spelling is tried first
        let node = nodes.by_key(key).or_else(|| nodes.by_key(&key.to_ascii_lowercase()))?;
        (!node.inactive && self.shows(node)).then_some(node)
    }

    /// The observer with this id when it may be shown: the exact spelling first, then any case.
    pub(crate) fn shown_observer(&self, id: &str) -> Option<&Arc<Observer>> {
        let all = self.data.observers();
        all.by_id(id)
            .or_else(|| all.iter().find(|o| o.id.eq_ignore_ascii_case(id)))
            .filter(|o| !self.veil.hides_observer(&o.id))
    }

    /// The observer of an observation, when it may be shown.
    pub(crate) fn observer_at(&self, rowid: Option<i64>) -> Option<&Arc<Observer>> {
        self.data.observers().by_rowid(rowid?).filter(|o| !self.veil.hides_observer(&o.id))
    }

    /// An observer's name, unless it is hidden.
    pub(crate) fn observer_name<'o>(&self, observer: &'o Observer) -> Option<&'o str> {
        observer.name.as_deref().filter(|name| !self.veil.hides_name(name))
    }

    /// What `region=` asks for. `All`, an empty value and none ask for everything.
    pub(crate) fn region(&self, params: &Params<'_>) -> Region {
        let codes = params.list("region");
        if codes.is_empty() || codes.iter().any(|code| code.eq_ignore_ascii_case("all")) {
            return Region::Any;
        }
        let rowids = self.data.observers().in_regions(&codes);
        Region::Only { codes: codes.into_iter().map(str::to_owned).collect(), rowids }
    }

    /// What `area=` asks for. Where no areas are configured the parameter means nothing.
    pub(crate) fn area(&self, params: &Params<'_>) -> AreaFilter {
        match params.text("area") {
            Some(key) if !self.config.areas.is_empty() => {
                areas::find(&self.config, key).map_or(AreaFilter::Unknown, AreaFilter::Inside)
            }
            _ => AreaFilter::Any,
        }
    }
}

/// A filter by region.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Region {
    /// Everything.
    Any,
    /// Heard by one of these observers; none when the region is unknown.
    Only {
        /// The codes asked for.
        codes: Vec<String>,
        /// Rowids of the observers there.
        rowids: Vec<i64>,
    },
}

impl Region {
    /// The codes, for a query of the store.
    pub(crate) fn codes(&self) -> Option<Vec<String>> {
        match self {
            Self::Any => None,
            Self::Only { codes, .. } => Some(codes.clone()),
        }
    }

    /// Rowids of the observers there; `None` for everything.
    pub(crate) fn rowids(&self) -> Option<&[i64]> {
        match self {
            Self::Any => None,
            Self::Only { rowids, .. } => Some(rowids),
        }
    }

    /// Whether any of these observers (rowids) lies in the region.
    pub(crate) fn holds_any(&self, observers: &[i64]) -> bool {
        match self {
            Self::Any => true,
            Self::Only { rowids, .. } => observers.iter().any(|o| rowids.contains(o)),
        }
    }

    /// Whether there is no observer in the region asked for.
    pub(crate) fn is_unknown(&self) -> bool {
        matches!(self, Self::Only { rowids, .. } if rowids.is_empty())
    }
}

/// A filter by configured area.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum AreaFilter {
    /// Everything.
    Any,
    /// Nothing: there is no such area.
    Unknown,
    /// What lies inside.
    Inside(Area),
}

impl AreaFilter {
    /// Whether a node lies in the area.
    pub(crate) fn holds(&self, node: &Node) -> bool {
        match self {
            Self::Any => true,
            Self::Unknown => false,
            Self::Inside(area) => areas::holds(area, node.lat, node.lon),
        }
    }
}
