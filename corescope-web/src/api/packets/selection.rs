//! Which packets are asked for: the parameters of `/api/packets`.

use corescope_core::config::Config;
use corescope_core::filter;
use corescope_core::time::parse_rfc3339;
use corescope_store::memory::{Cursor, Expression, Order, Query, Snapshot};

use crate::ApiError;
use crate::api::{areas, filter_error};
use crate::query::Params;

/// A query and what could not be looked up for it.
#[derive(Debug)]
pub(super) struct Selection {
    pub(super) query: Query,
    /// Regions and areas that nobody knows: nothing matches them.
    pub(super) unknown: Vec<String>,
    /// Nothing can match, whatever the store holds.
    pub(super) nothing: bool,
    pub(super) grouped: bool,
    pub(super) expand: bool,
}

impl Selection {
    pub(super) fn parse(
        params: &Params<'_>,
        snapshot: &Snapshot,
        config: &Config,
        now_ms: i64,
    ) -> Result<Self, ApiError> {
        let cap = usize::try_from(config.list_limits.packets).unwrap_or(usize::MAX);
        let multi = params.text("nodes").is_some();
        let grouped = params.flag("groupByHash") && !multi;
        let oldest_first = params.get("order") == Some("asc");
        let mut selection = Self {
            query: Query {
                limit: params.limit("limit", 50, cap),
                offset: params.offset()?,
                order: match (grouped, oldest_first) {
                    (true, _) => Order::Latest,
                    (false, true) => Order::OldestId,
                    (false, false) => Order::NewestId,
                },
                ..Query::default()
            },
            unknown: Vec::new(),
            nothing: false,
            grouped,
            expand: params.get("expand") == Some("observations") && !grouped && !multi,
        };
        selection.window(params);
        selection.page(params)?;
        if let Some(expression) = params.text("filter") {
            let filter = filter::parse(expression).map_err(|error| filter_error(&error))?;
            if !filter.is_everything() {
                selection.query.filter = Some(Expression::at(filter, now_ms));
            }
        }
        if multi {
            selection.nodes(params.list("nodes"));
        } else {
            selection.columns(params, snapshot)?;
            selection.regions(params, snapshot);
            selection.area(params, snapshot, config);
        }
        Ok(selection)
    }

    fn columns(&mut self, params: &Params<'_>, snapshot: &Snapshot) -> Result<(), ApiError> {
        let query = &mut self.query;
        query.hash = params.text("hash").map(str::to_owned);
        query.payload_types = numbers(params, "type", &PAYLOAD_TYPES)?;
        query.route_types = numbers(params, "route", &ROUTE_TYPES)?;
        query.channel = params.text("channel").map(str::to_owned);
        if params.text("observer").is_some() {
            query.observers = Some(observers(&params.list("observer"), snapshot));
        }
        if let Some(node) = params.text("node") {
            query.nodes = Some(vec![node.to_owned()]);
        }
        Ok(())
    }

    fn nodes(&mut self, keys: Vec<&str>) {
        self.nothing = keys.is_empty();
        self.query.nodes = Some(keys.into_iter().map(str::to_owned).collect());
    }

    fn regions(&mut self, params: &Params<'_>, snapshot: &Snapshot) {
        let codes = params.list("region");
        if codes.is_empty() || codes.iter().any(|c| c.eq_ignore_ascii_case("all")) {
            return;
        }
        for code in &codes {
            if snapshot.observers().in_regions(&[code]).is_empty() {
                self.unknown.push((*code).to_owned());
            }
        }
        self.query.regions = Some(codes.into_iter().map(str::to_owned).collect());
    }

    /// Adverts of nodes whose position lies in a configured area.
    fn area(&mut self, params: &Params<'_>, snapshot: &Snapshot, config: &Config) {
        let Some(key) = params.text("area").filter(|k| !k.eq_ignore_ascii_case("all")) else { return };
        if config.areas.is_empty() {
            return; // without any area the parameter means nothing, as in every other list
        }
        let Some(area) = areas::find(config, key) else {
            self.unknown.push(key.to_owned());
            self.nothing = true;
            return;
        };
        let inside = snapshot.nodes().iter().filter(|n| areas::holds(&area, n.lat, n.lon));
        self.query.originators = Some(inside.map(|n| n.public_key.clone()).collect());
    }

    fn window(&mut self, params: &Params<'_>) {
        // What is no time is compared as the text it is; all stored times begin with a year.
        if let Some(text) = params.text("since") {
            match parse_rfc3339(text) {
                Some(at) => self.query.since = Some(at),
                None => self.nothing |= text > "9",
            }
        }
        if let Some(text) = params.text("until") {
            match parse_rfc3339(text) {
                Some(at) => self.query.until = Some(at),
                None => self.nothing |= text < "1",
            }
        }
    }

    /// `before_id`, `after_id` and `cursor`: pages that do not shift while packets arrive.
    fn page(&mut self, params: &Params<'_>) -> Result<(), ApiError> {
        let id = |name: &str| match params.text(name) {
            Some(text) => match text.parse::<i64>() {
                Ok(id) => Ok(Some(id)),
                Err(_) => {
                    Err(ApiError::bad_request(format!("{name} must be a transmission id")).code("bad_cursor"))
                }
            },
            None => Ok(None),
        };
        self.query.after_id = id("after_id")?;
        if let Some(before) = id("before_id")? {
            if self.query.order != Order::NewestId {
                let error = ApiError::bad_request("before_id goes with the default order").code("bad_cursor");
                return Err(error.hint("leave order and groupByHash out, or use after_id or cursor"));
            }
            self.query.after = Some(Cursor { latest: 0, id: before });
        }
        if let Some(text) = params.text("cursor") {
            let cursor = text.parse::<Cursor>().map_err(|error| {
                ApiError::bad_request("cursor is not one of ours").code("bad_cursor").hint(error.to_string())
            })?;
            self.query.after = Some(cursor);
        }
        Ok(())
    }
}

/// Ids of observers as they are stored: the exact spelling first, then any case.
fn observers(ids: &[&str], snapshot: &Snapshot) -> Vec<String> {
    let all = snapshot.observers();
    let stored = |id: &&str| {
        let found = all.by_id(id).or_else(|| all.iter().find(|o| o.id.eq_ignore_ascii_case(id)));
        found.map_or_else(|| (*id).to_owned(), |observer| observer.id.clone())
    };
    ids.iter().map(stored).collect()
}

/// A comma list of numbers or names; blank means any.
fn numbers(
    params: &Params<'_>,
    name: &'static str,
    names: &[(&str, i64)],
) -> Result<Option<Vec<i64>>, ApiError> {
    let items = params.list(name);
    if items.is_empty() {
        return Ok(None);
    }
    let parse = |item: &str| {
        let named = names.iter().find(|(n, _)| n.eq_ignore_ascii_case(item)).map(|(_, number)| *number);
        named.or_else(|| item.parse().ok()).ok_or_else(|| {
            let known: Vec<&str> = names.iter().map(|(n, _)| *n).collect();
            ApiError::bad_request(format!("{name} must be numbers or names separated by commas"))
                .code("bad_parameter")
                .hint(format!("known names are {}", known.join(", ")))
        })
    };
    items.into_iter().map(parse).collect::<Result<Vec<_>, _>>().map(Some)
}

/// Names of the payload types (MeshCore `Packet.h`, `PAYLOAD_TYPE_*`).
const PAYLOAD_TYPES: [(&str, i64); 14] = [
    ("REQ", 0),
    ("RESPONSE", 1),
    ("TXT_MSG", 2),
    ("ACK", 3),
    ("ADVERT", 4),
    ("GRP_TXT", 5),
    ("GRP_DATA", 6),
    ("ANON_REQ", 7),
    ("PATH", 8),
    ("TRACE", 9),
    ("MULTIPART", 10),
    ("CONTROL", 11),
    ("RAW_CUSTOM", 15),
    ("REQUEST", 0),
];

/// Names of the route types (MeshCore `Packet.h`, `ROUTE_TYPE_*`).
const ROUTE_TYPES: [(&str, i64); 4] =
    [("TRANSPORT_FLOOD", 0), ("FLOOD", 1), ("DIRECT", 2), ("TRANSPORT_DIRECT", 3)];

#[cfg(test)]
mod tests {
    use corescope_core::config;

    use super::*;

    fn parse(query: &str) -> Result<Selection, ApiError> {
        let config = config::load(&Default::default()).unwrap().config;
        Selection::parse(&Params::parse(Some(query))?, &Snapshot::default(), &config, 0)
    }

    #[test]
    fn types_are_numbers_or_names() {
        assert_eq!(parse("type=4,grp_txt").unwrap().query.payload_types, Some(vec![4, 5]));
        assert_eq!(parse("type=").unwrap().query.payload_types, None);
        assert_eq!(parse("route=flood").unwrap().query.route_types, Some(vec![1]));
        assert!(parse("type=abc").is_err());
    }

    #[test]
    fn bounds_that_are_no_times_compare_as_text() {
        assert!(parse("since=zzz").unwrap().nothing);
        assert!(!parse("until=zzz").unwrap().nothing);
        assert_eq!(parse("since=2026-05-17T18:00:00.500Z").unwrap().query.since, Some(1_779_040_800));
    }

    #[test]
    fn several_nodes_switch_the_other_filters_off() {
        let selection = parse("nodes=a,b&type=abc&groupByHash=true&expand=observations").unwrap();
        assert_eq!(selection.query.nodes.as_ref().map(Vec::len), Some(2));
        assert!(!selection.grouped && !selection.expand);
        assert!(parse("nodes=,,").unwrap().nothing);
    }

    #[test]
    fn all_regions_is_no_filter_and_an_unknown_one_is_told() {
        assert!(parse("region=All").unwrap().query.regions.is_none());
        let selection = parse("region=QQQ&area=nowhere").unwrap();
        assert_eq!(selection.unknown, ["QQQ"]);
        let text =
            r#"{"areas": {"here": {"label": "Here", "latMin": 1, "latMax": 2, "lonMin": 3, "lonMax": 4}}}"#;
        let input = config::Input { file: Some(("config.json", text)), ..config::Input::default() };
        let config = config::load(&input).unwrap().config;
        let params = Params::parse(Some("area=nowhere")).unwrap();
        let selection = Selection::parse(&params, &Snapshot::default(), &config, 0).unwrap();
        assert_eq!(selection.unknown, ["nowhere"]);
        assert!(selection.nothing);
    }

    #[test]
    fn a_mistake_in_a_filter_has_its_column() {
        assert!(parse("filter=type%20%3D%3D%20ADVERT").unwrap().query.filter.is_some());
        assert!(parse("filter=%20").unwrap().query.filter.is_none());
        let error = parse("filter=type%20%3D%3D").unwrap_err();
        assert_eq!((error.body().code, error.body().column), ("filter", Some(8)));
    }

    #[test]
    fn cursors_are_checked() {
        assert!(parse("before_id=x").is_err());
        assert!(parse("before_id=7&order=asc").is_err());
        assert!(parse("cursor=rubbish").is_err());
        assert_eq!(parse("before_id=7").unwrap().query.after.unwrap().id, 7);
    }
}
