//! `GET /api/nodes`: the list.

use std::cmp::Ordering;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::{RawQuery, State};
use axum::response::Response;
use corescope_core::geo::LatLon;
use corescope_core::time::{parse_rfc3339_millis, rfc3339};
use corescope_store::memory::Node;
use serde::Serialize;
use utoipa::ToSchema;

use super::adverts::{self, Adverts};
use super::view::NodeView;
use crate::api::moment::{AreaFilter, Moment, Region};
use crate::api::system::stats::RoleCounts;
use crate::query::Params;
use crate::server::Hot;
use crate::{ApiError, AppState, json};

const DEFAULT_LIMIT: usize = 50;

/// A page of nodes.
#[derive(Debug, Serialize, ToSchema)]
pub struct NodeList<'a> {
    /// The page.
    pub nodes: Vec<NodeView<'a>>,
    /// Nodes that match, on all pages.
    pub total: usize,
    /// All nodes on record by role, whatever the filter.
    pub counts: RoleCounts,
    /// What of the filter is not known; absent when everything is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub filter: Option<FilterNote>,
}

/// What of a filter is not known, so that nothing matches it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct FilterNote {
    /// Values that are not known.
    pub unknown: Vec<String>,
}

impl FilterNote {
    /// The note for these two filters; `None` when both are known.
    pub(crate) fn of(region: &Region, area: &AreaFilter, params: &Params<'_>) -> Option<Self> {
        let mut unknown = Vec::new();
        if region.is_unknown() {
            unknown.extend(region.codes().unwrap_or_default());
        }
        if *area == AreaFilter::Unknown {
            unknown.extend(params.text("area").map(str::to_owned));
        }
        (!unknown.is_empty()).then_some(Self { unknown })
    }
}

/// A page of the nodes on record, filtered and sorted.
#[utoipa::path(get, path = "/api/nodes", tag = "nodes", params(
    ("limit" = Option<String>, Query, description = "rows, 1 to 2000 (configurable); default 50"),
    ("offset" = Option<String>, Query, description = "rows left out before the page; default 0"),
    ("role" = Option<String>, Query, description = "exactly this role"),
    ("search" = Option<String>, Query, description = "the name contains this, any case"),
    ("before" = Option<String>, Query, description = "first seen at this time or before, RFC 3339"),
    ("lastHeard" = Option<String>, Query, description = "heard within 1h, 6h, 24h, 7d or 30d"),
    ("sortBy" = Option<String>, Query, description = "name, lastSeen (default) or packetCount"),
    ("region" = Option<String>, Query, description = "region codes joined by commas: adverts were heard there"),
    ("area" = Option<String>, Query, description = "key of a configured area"),
), responses((status = 200, body = NodeList<'static>)))]
pub(crate) async fn list(
    State(app): State<AppState>,
    RawQuery(query): RawQuery,
) -> Result<Response, ApiError> {
    let version = app.version();
    let params = Params::parse(query.as_deref())?;
    let moment = app.moment();
    let adverts = adverts::now(&app, &moment).await?;
    let limit = params.limit("limit", DEFAULT_LIMIT, moment.config.list_limits.nodes as usize);
    let offset = usize::try_from(params.int("offset", 0)).unwrap_or(0);
    let filter = Filter::new(&params, &moment);
    let mut found: Vec<&Arc<Node>> =
        moment.shown_nodes().filter(|node| filter.holds(node, &adverts)).collect();
    let total = found.len();
    sort(&mut found, params.text("sortBy"), offset.saturating_add(limit));
    let nodes = found
        .into_iter()
        .skip(offset)
        .take(limit)
        .map(|node| NodeView::new(node, &moment.veil).with(adverts.get(&node.public_key)))
        .collect();
    let mut counts = RoleCounts::default();
    moment.data.nodes().active().for_each(|node| counts.add(node.role.as_deref().unwrap_or_default()));
    let filter = FilterNote::of(&filter.region, &filter.area, &params);
    let mut response = json::response(&NodeList { nodes, total, counts, filter });
    // Relays and hash sizes are counted back from now.
    response.extensions_mut().insert(Hot::at_most(version, Duration::from_secs(1)));
    Ok(response)
}

/// Sorts as far as the page needs it.
fn sort(found: &mut Vec<&Arc<Node>>, by: Option<&str>, needed: usize) {
    let order: fn(&&Arc<Node>, &&Arc<Node>) -> Ordering = match by {
        Some("name") => |a, b| a.name.cmp(&b.name).then_with(|| a.rowid.cmp(&b.rowid)),
        Some("packetCount") => |a, b| b.advert_count.cmp(&a.advert_count).then_with(|| a.rowid.cmp(&b.rowid)),
        _ => by_last_seen,
    };
    if needed < found.len() {
        found.select_nth_unstable_by(needed, order);
        found.truncate(needed);
    }
    found.sort_unstable_by(order);
}

/// Last seen first; those never seen come last. Of nodes seen in the same second the one known for a shorter time
/// comes first, as the index of the table has it.
pub(crate) fn by_last_seen(a: &&Arc<Node>, b: &&Arc<Node>) -> Ordering {
    b.last_seen.cmp(&a.last_seen).then_with(|| b.rowid.cmp(&a.rowid))
}

struct Filter<'a> {
    role: Option<&'a str>,
    search: Option<String>,
    before_ms: Before<'a>,
    heard_since: Option<String>,
    region: Region,
    area: AreaFilter,
    moment: &'a Moment,
}

enum Before<'a> {
    Any,
    Moment(i64),
    Text(&'a str),
}

impl<'a> Filter<'a> {
    fn new(params: &'a Params<'_>, moment: &'a Moment) -> Self {
        let hours = match params.get("lastHeard") {
            Some("1h") => Some(1),
            Some("6h") => Some(6),
            Some("24h") => Some(24),
            Some("7d") => Some(7 * 24),
            Some("30d") => Some(30 * 24),
            _ => None,
        };
        Self {
            role: params.text("role"),
            search: params.text("search").map(str::to_ascii_lowercase),
            before_ms: match params.text("before") {
                None => Before::Any,
                Some(text) => parse_rfc3339_millis(text).map_or(Before::Text(text), Before::Moment),
            },
            heard_since: hours.map(|h| rfc3339(moment.now - h * 3600)),
            region: moment.region(params),
            area: moment.area(params),
            moment,
        }
    }

    fn holds(&self, node: &Node, adverts: &Adverts) -> bool {
        self.role.is_none_or(|role| node.role.as_deref() == Some(role))
            && self.search.as_ref().is_none_or(|text| contains(node.name.as_deref(), text))
            && self.was_seen_before(node)
            && self.heard_since.as_ref().is_none_or(|t| node.last_seen.as_ref().is_some_and(|seen| seen > t))
            && (self.region == Region::Any
                || adverts.get(&node.public_key).is_some_and(|facts| self.region.holds_any(&facts.observers)))
            && self.passes_geo_filter(node)
            && self.area.holds(node)
    }

    fn was_seen_before(&self, node: &Node) -> bool {
        let first = node.first_seen.as_deref();
        match self.before_ms {
            Before::Any => true,
            Before::Moment(ms) => first.and_then(parse_rfc3339_millis).is_some_and(|seen| seen <= ms),
            Before::Text(text) => first.is_some_and(|seen| seen <= text),
        }
    }

    /// Nodes outside the operator's area are not listed, unless they were marked as foreign and kept.
    fn passes_geo_filter(&self, node: &Node) -> bool {
        node.foreign_advert
            || self
                .moment
                .config
                .geo_filter
                .as_ref()
                .is_none_or(|area| area.passes(node.lat.zip(node.lon).map(|(lat, lon)| LatLon { lat, lon })))
    }
}

/// Whether a name contains a text that is lower-case already; letters outside ASCII are compared exactly.
pub(crate) fn contains(name: Option<&str>, lower: &str) -> bool {
    let (Some(name), needle) = (name, lower.as_bytes()) else { return false };
    needle.is_empty()
        || name.as_bytes().windows(needle.len()).any(|window| window.eq_ignore_ascii_case(needle))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wildcards_of_sql_are_letters() {
        assert!(contains(Some("A 100% Name"), "100% n"));
        assert!(!contains(Some("A 1000 Name"), "100%"));
        assert!(!contains(Some("abc"), "a_c"));
        assert!(contains(Some("ÆRØ"), "ÆrØ") && !contains(Some("ærø"), "ÆrØ"));
        assert!(!contains(None, "x") && contains(Some(""), ""));
    }
}
