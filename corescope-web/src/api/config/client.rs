//! `GET /api/config/client`, `/map` and `/cache`: settings of the page.

use corescope_core::config::Config;
use serde::Serialize;
use serde_json::{Map, Value, json};
use utoipa::ToSchema;

/// Settings of the page. What is null is left to the page.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ClientConfig {
    /// Roles and their looks, as configured.
    #[schema(value_type = Option<Object>)]
    pub roles: Value,
    /// When something counts as degraded, silent, stale; ms.
    pub health_thresholds: HealthThresholdsMs,
    /// Map tiles.
    #[schema(value_type = Object)]
    pub map: Value,
    /// Deprecated: tiles, as configured.
    #[schema(value_type = Option<Object>)]
    pub tiles: Value,
    /// Thresholds of SNR colours, as configured.
    #[schema(value_type = Option<Object>)]
    pub snr_thresholds: Value,
    /// Thresholds of distance colours, as configured.
    #[schema(value_type = Option<Object>)]
    pub dist_thresholds: Value,
    /// Longest plausible hop, km.
    #[schema(value_type = Option<f64>)]
    pub max_hop_dist: Value,
    /// Limits of lists, as configured.
    #[schema(value_type = Option<Object>)]
    pub limits: Value,
    /// A request is slow from here on, ms.
    #[schema(value_type = Option<i64>)]
    pub perf_slow_ms: Value,
    /// Pause before the socket is opened again, ms.
    #[schema(value_type = Option<i64>)]
    pub ws_reconnect_ms: Value,
    /// Pause before lists are asked for again after a live event, ms.
    #[schema(value_type = Option<i64>)]
    pub cache_invalidate_ms: Value,
    /// Links to other tools, as configured.
    #[schema(value_type = Option<Object>)]
    pub external_urls: Value,
    /// How long live copies of one packet are gathered, ms.
    pub propagation_buffer_ms: i64,
    /// Nodes on the live map at most, 100 to 20000.
    pub live_map_max_nodes: i64,
    /// How times are shown at first.
    pub timestamps: Timestamps,
    /// Whether the debug views of hop resolution are offered; absent when not.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub debug_affinity: bool,
    /// Deprecated: name of the dark tiles; absent when not configured.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub map_dark_tile_provider: Option<String>,
    /// The customizer.
    pub customizer: Customizer,
    /// Whether the reception maps are on.
    pub client_rx_coverage: bool,
}

/// Thresholds of health, ms.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct HealthThresholdsMs {
    /// Repeaters and rooms are degraded from here on.
    pub infra_degraded_ms: i64,
    /// Repeaters and rooms are silent from here on.
    pub infra_silent_ms: i64,
    /// Other nodes are degraded from here on.
    pub node_degraded_ms: i64,
    /// Other nodes are silent from here on.
    pub node_silent_ms: i64,
    /// Observers are online up to here.
    pub observer_online_ms: i64,
    /// Observers are stale up to here.
    pub observer_stale_ms: i64,
}

/// How times are shown at first.
#[derive(Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Timestamps {
    /// `ago` or `absolute`.
    pub default_mode: String,
    /// `local` or `utc`.
    pub timezone: String,
    /// `iso`, `iso-seconds` or `locale`.
    pub format_preset: String,
    /// A format of the operator's own.
    pub custom_format: String,
    /// Whether visitors may give a format of their own.
    pub allow_custom_format: bool,
}

/// The customizer.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Customizer {
    /// Tabs that are not offered.
    pub disabled_tabs: Vec<String>,
}

/// `GET /api/config/map`: where the map starts.
#[derive(Debug, PartialEq, Serialize, ToSchema)]
pub struct MapView {
    /// `[lat, lon]`, degrees.
    pub center: [f64; 2],
    /// Zoom level.
    pub zoom: f64,
}

const DEFAULT_CENTER: [f64; 2] = [37.45, -122.0];
const DEFAULT_ZOOM: f64 = 9.0;

/// The page's settings out of the configuration.
pub fn client_config(config: &Config) -> ClientConfig {
    let opaque = |key: &str| of(config, key).clone();
    let text = |key: &str| of(config, key).as_str().unwrap_or_default().to_owned();
    let whole = |key: &str, default: i64| of(config, key).as_i64().unwrap_or(default);
    ClientConfig {
        roles: opaque("roles"),
        health_thresholds: thresholds(config),
        map: map_tiles(config),
        tiles: opaque("tiles"),
        snr_thresholds: opaque("snrThresholds"),
        dist_thresholds: opaque("distThresholds"),
        max_hop_dist: opaque("maxHopDist"),
        limits: opaque("limits"),
        perf_slow_ms: opaque("perfSlowMs"),
        ws_reconnect_ms: opaque("wsReconnectMs"),
        cache_invalidate_ms: opaque("cacheInvalidateMs"),
        external_urls: opaque("externalUrls"),
        propagation_buffer_ms: whole("liveMap.propagationBufferMs", 5000),
        live_map_max_nodes: whole("liveMap.maxNodes", 2000).clamp(100, 20_000),
        timestamps: Timestamps {
            default_mode: word(config, "timestamps.defaultMode", &["ago", "absolute"]),
            timezone: word(config, "timestamps.timezone", &["local", "utc"]),
            format_preset: word(config, "timestamps.formatPreset", &["iso", "iso-seconds", "locale"]),
            custom_format: text("timestamps.customFormat"),
            allow_custom_format: of(config, "timestamps.allowCustomFormat").as_bool().unwrap_or_default(),
        },
        debug_affinity: config.debug_affinity,
        map_dark_tile_provider: of(config, "mapDarkTileProvider").as_str().map(str::to_owned),
        customizer: Customizer {
            disabled_tabs: of(config, "customizer.disabledTabs")
                .as_array()
                .map(|tabs| tabs.iter().filter_map(Value::as_str).map(str::to_owned).collect())
                .unwrap_or_default(),
        },
        client_rx_coverage: config.client_rx_coverage,
    }
}

/// The start view.
pub fn map_view(config: &Config) -> MapView {
    let configured = of(config, "mapDefaults");
    let degree = |i: usize| configured["center"].get(i).and_then(Value::as_f64);
    MapView {
        center: degree(0).zip(degree(1)).map_or(DEFAULT_CENTER, |(lat, lon)| [lat, lon]),
        zoom: configured["zoom"].as_f64().filter(|z| *z > 0.0).unwrap_or(DEFAULT_ZOOM),
    }
}

/// `GET /api/config/cache`: the configured object as it is, `{}` when there is none.
pub fn cache_ttl(config: &Config) -> Value {
    match of(config, "cacheTTL") {
        Value::Object(map) => Value::Object(map.clone()),
        _ => json!({}),
    }
}

/// A presentation key; null when unset.
pub(super) fn of<'a>(config: &'a Config, key: &str) -> &'a Value {
    config.presentation.get(key).unwrap_or(&Value::Null)
}

/// One of the allowed words, else the first of them.
fn word(config: &Config, key: &str, allowed: &[&str]) -> String {
    let given = of(config, key).as_str().unwrap_or_default();
    allowed.iter().find(|w| **w == given).or(allowed.first()).copied().unwrap_or_default().to_owned()
}

fn thresholds(config: &Config) -> HealthThresholdsMs {
    let hours = |h: f64| (h * 3_600_000.0) as i64;
    let minutes = |m: f64| (m * 60_000.0) as i64;
    let h = &config.health;
    HealthThresholdsMs {
        infra_degraded_ms: hours(h.infra_degraded_hours),
        infra_silent_ms: hours(h.infra_silent_hours),
        node_degraded_ms: hours(h.node_degraded_hours),
        node_silent_ms: hours(h.node_silent_hours),
        observer_online_ms: minutes(h.observer_online_minutes),
        observer_stale_ms: minutes(h.observer_stale_minutes),
    }
}

/// `map.tiles`, with the two deprecated keys where it has nothing of its own.
fn map_tiles(config: &Config) -> Value {
    let mut map = of(config, "map").as_object().cloned().unwrap_or_default();
    let mut tiles = map.get("tiles").and_then(Value::as_object).cloned().unwrap_or_default();
    if let Value::String(dark) = of(config, "mapDarkTileProvider") {
        tiles.entry("darkDefault").or_insert_with(|| json!(dark));
    }
    if let Value::Object(old) = of(config, "tiles") {
        fill(&mut tiles, old);
    }
    map.insert("tiles".to_owned(), Value::Object(tiles));
    Value::Object(map)
}

fn fill(into: &mut Map<String, Value>, from: &Map<String, Value>) {
    for (key, value) in from {
        into.entry(key.clone()).or_insert_with(|| value.clone());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use corescope_core::config::{self, Input};

    fn config(text: &str) -> Config {
        config::load(&Input { file: Some(("config.json", text)), ..Input::default() }).unwrap().config
    }

    #[test]
    fn defaults_have_every_key() {
        let shown = serde_json::to_value(client_config(&config("{}"))).unwrap();
        for key in ["roles", "tiles", "limits", "maxHopDist", "externalUrls", "perfSlowMs"] {
            assert!(shown.as_object().unwrap().contains_key(key) && shown[key].is_null(), "{key}");
        }
        assert_eq!(shown["map"], json!({"tiles": {}}));
        assert_eq!(shown["customizer"], json!({"disabledTabs": []}));
        assert_eq!(shown["healthThresholds"]["infraSilentMs"], json!(259_200_000));
        assert!(shown.get("debugAffinity").is_none() && shown.get("mapDarkTileProvider").is_none());
        assert_eq!(map_view(&config("{}")), MapView { center: [37.45, -122.0], zoom: 9.0 });
        assert_eq!(cache_ttl(&config("{}")), json!({}));
    }

    #[test]
    fn bad_words_fall_back_and_numbers_are_held_in_range() {
        let c = config(
            r#"{"timestamps": {"defaultMode": "never", "timezone": "utc"}, "liveMap": {"maxNodes": 7},
                "mapDefaults": {"center": [1, 2], "zoom": 0}, "mapDarkTileProvider": "night"}"#,
        );
        let shown = client_config(&c);
        assert_eq!(
            (shown.timestamps.default_mode.as_str(), shown.timestamps.timezone.as_str()),
            ("ago", "utc")
        );
        assert_eq!(shown.live_map_max_nodes, 100);
        assert_eq!(shown.map, json!({"tiles": {"darkDefault": "night"}}));
        assert_eq!(map_view(&c), MapView { center: [1.0, 2.0], zoom: 9.0 });
    }
}
