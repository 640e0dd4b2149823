//! The configuration as the program uses it: plain values, checked once.
//!
//! One table: every section with its fields, and how each is read. It is longer than other files because what is
//! configured should be seen at one look; names, kinds and defaults of the keys are the table in `keys`.

use std::path::PathBuf;

use serde_json::{Map, Value};

use super::reading::Reading;
use super::secret::Secret;
use super::source::{self, Source};
use crate::geo::{Area, Bounds, LatLon};

/// Everything that can be configured, with defaults filled in.
#[derive(Debug, Clone, PartialEq)]
pub struct Config {
    /// HTTP port.
    pub port: u16,
    /// Key of the write and admin routes; none: they are refused.
    pub api_key: Option<Secret>,
    /// Further keys by name.
    pub api_keys: Vec<(String, Secret)>,
    /// Token that every read must carry; none: reading is open.
    pub read_token: Option<Secret>,
    /// The database, as it was written; see [`super::Paths`] for where it is.
    pub db_path: Option<String>,
    /// error, warn, info, debug or trace.
    pub log_level: Option<String>,
    /// Certificate and key, when both are set.
    pub https: Option<Https>,
    /// The database.
    pub db: Db,
    /// Intake of messages.
    pub ingest: Ingest,
    /// The store in memory.
    pub packet_store: PacketStore,
    /// Upper bounds of `limit=`.
    pub list_limits: ListLimits,
    /// Debug routes of hop resolution.
    pub debug_affinity: bool,
    /// Whether perf and status pages show details without a key.
    pub expose_diagnostics: bool,
    /// When a process calls itself not ready.
    pub readiness: Readiness,
    /// How long rows are kept.
    pub retention: Retention,
    /// Slot width of observer metrics, seconds.
    pub metrics_sample_interval_secs: u64,
    /// The neighbour graph.
    pub neighbor_graph: NeighborGraph,
    /// Brokers to receive from, also those that are not enabled.
    pub sources: Vec<Source>,
    /// Regions whose messages are taken; empty: all. Compared without case.
    pub observer_iata_whitelist: Vec<String>,
    /// Observers that are dropped and hidden. Compared without case.
    pub observer_blacklist: Vec<String>,
    /// Our own MQTT endpoint.
    pub endpoint: Endpoint,
    /// Channel keys as given: name, 32 hex digits.
    pub channel_keys: Vec<(String, Secret)>,
    /// Channels whose key follows from the name.
    pub hash_channels: Vec<String>,
    /// File of channel keys.
    pub channel_keys_path: Option<PathBuf>,
    /// Whether the built-in list of common names is tried.
    pub common_channel_words: bool,
    /// Region names for transport codes, as given.
    pub hash_regions: Vec<String>,
    /// Reject adverts whose signature is wrong.
    pub validate_signatures: bool,
    /// Reject adverts of reserved keys.
    pub strict: bool,
    /// Area of the adverts that are ours.
    pub geo_filter: Option<Area>,
    /// What happens to adverts from outside.
    pub foreign_adverts: ForeignMode,
    /// Store direct messages of a companion bridge.
    pub store_direct: bool,
    /// Nodes hidden everywhere, lower case.
    pub node_blacklist: Vec<String>,
    /// Nodes whose name starts so are hidden.
    pub hidden_name_prefixes: Vec<String>,
    /// Store and show mobile receptions.
    pub client_rx_coverage: bool,
    /// Named areas, as given; what is no object is left out.
    pub areas: Map<String, Value>,
    /// Names of region codes.
    pub regions: Vec<(String, String)>,
    /// Region shown first.
    pub default_region: Option<String>,
    /// What may be shown to everybody.
    pub privacy: Privacy,
    /// When something counts as degraded, silent, stale.
    pub health: HealthThresholds,
    /// Battery levels, millivolts.
    pub battery: Battery,
    /// Radio settings of airtime figures.
    pub lora: LoraPreset,
    /// List of known channels to fetch.
    pub known_channels_url: Option<String>,
    /// How often, milliseconds.
    pub known_channels_refresh_ms: u64,
    /// Origins that may call the API and open `/ws`.
    pub cors_allowed_origins: Vec<String>,
    /// Proxies whose `X-Forwarded-For` is believed.
    pub trusted_proxies: Vec<String>,
    /// Limits of connections, bodies and rates, as given.
    pub http_limits: Map<String, Value>,
    /// What is handed to the page, by the key of the file (`branding`, `theme`, `map`, `timestamps` …), as given;
    /// dotted keys (`liveMap.maxNodes`) with their default.
    pub presentation: Map<String, Value>,
    /// Compress answers: `None` is the default (on).
    pub compress: Option<bool>,
}

/// Certificate and key of HTTPS.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Https {
    /// Certificate chain (PEM).
    pub cert: PathBuf,
    /// Private key (PEM).
    pub key: PathBuf,
}

/// The database file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Db {
    /// One full VACUUM at start when the file cannot shrink by itself.
    pub vacuum_on_startup: bool,
    /// Free pages given back per step.
    pub incremental_vacuum_pages: u64,
    /// Longest time a message waits for others before the commit, milliseconds.
    pub batch_ms: u64,
    /// How hard a commit is.
    pub synchronous: Synchronous,
}

/// How hard a commit is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Synchronous {
    /// What is acknowledged survives a power cut.
    #[default]
    Full,
    /// The last batches may be lost on a power cut, none on a crash of the program.
    Normal,
}

/// Intake of messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ingest {
    /// Messages held while the writer is busy.
    pub queue_messages: u64,
    /// Bytes held while the writer is busy.
    pub queue_bytes: u64,
    /// Take packets from `…/raw` topics.
    pub accept_raw: bool,
}

/// The store in memory.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PacketStore {
    /// Bound in MB (`packetStore.maxMemoryMB`, else `runtime.maxMemoryMB`); none: half of what there is.
    pub max_memory_mb: Option<u64>,
    /// Window, hours; none: all that fits.
    pub retention_hours: Option<f64>,
    /// Loaded before the rest, hours.
    pub hot_startup_hours: Option<f64>,
}

/// Upper bounds of `limit=`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ListLimits {
    /// Packets.
    pub packets: u64,
    /// Nodes.
    pub nodes: u64,
    /// Rows of an analysis.
    pub analytics: u64,
    /// Messages of a channel.
    pub channel_messages: u64,
    /// Nodes of bulk health.
    pub bulk_health: u64,
}

/// When a process calls itself not ready.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Readiness {
    /// No source has delivered for so long, seconds; none: never mind.
    pub max_silence_secs: Option<u64>,
    /// The database's disk has less, MB.
    pub min_free_disk_mb: u64,
}

/// How long rows are kept, in days; none: for ever.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retention {
    /// Nodes, before they become inactive.
    pub node_days: u64,
    /// Observers, before they become inactive.
    pub observer_days: Option<u64>,
    /// Packets.
    pub packet_days: Option<u64>,
    /// Observer metrics, dropped packets, ledger.
    pub metrics_days: u64,
    /// Mobile receptions.
    pub client_rx_days: Option<u64>,
    /// Neighbour edges.
    pub neighbor_edge_days: u64,
}

/// The neighbour graph.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct NeighborGraph {
    /// Edges between located nodes farther apart are ignored, km; none: all count.
    pub max_edge_km: Option<f64>,
}

/// Our own MQTT endpoint.
#[derive(Debug, Clone, PartialEq)]
pub struct Endpoint {
    /// Address to listen on.
    pub listen: Option<String>,
    /// Anyone may publish, also from other machines.
    pub open: bool,
    /// Who may.
    pub users: Vec<EndpointUser>,
    /// Devices may log in with tokens signed by their own key.
    pub tokens: bool,
    /// Audience that such a token must name.
    pub token_audience: Option<String>,
    /// Certificate chain (PEM).
    pub tls_cert: Option<PathBuf>,
    /// Private key (PEM).
    pub tls_key: Option<PathBuf>,
    /// Connections at a time.
    pub max_connections: usize,
}

/// A user of the endpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EndpointUser {
    /// Its name.
    pub name: String,
    /// Its password.
    pub password: Secret,
    /// Topics it may publish; `%u` is its name.
    pub publish: Vec<String>,
    /// Topics it may subscribe; `%u` is its name.
    pub subscribe: Vec<String>,
}

/// What happens to adverts from outside the area.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ForeignMode {
    /// Stored and marked.
    #[default]
    Flag,
    /// Not stored.
    Drop,
}

/// What may be shown to everybody.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Privacy {
    /// Decrypt and show the Public channel only.
    pub public_channels_only: bool,
    /// Decimal digits of positions.
    pub coarsen_digits: Option<u8>,
}

/// When something counts as degraded, silent, stale.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct HealthThresholds {
    /// Repeaters and rooms, hours.
    pub infra_degraded_hours: f64,
    /// Repeaters and rooms, hours.
    pub infra_silent_hours: f64,
    /// Other nodes, hours.
    pub node_degraded_hours: f64,
    /// Other nodes, hours.
    pub node_silent_hours: f64,
    /// Repeaters that relayed within, hours.
    pub relay_active_hours: f64,
    /// Observers heard within are online, minutes.
    pub observer_online_minutes: f64,
    /// Observers heard within are stale, minutes.
    pub observer_stale_minutes: f64,
}

/// Battery levels, millivolts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Battery {
    /// Low below.
    pub low_mv: u64,
    /// Critical below.
    pub critical_mv: u64,
}

/// Radio settings of airtime figures.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LoraPreset {
    /// Hz.
    pub freq_hz: f64,
    /// kHz.
    pub bw_khz: f64,
    /// Spreading factor.
    pub sf: u8,
    /// Coding rate 4/n.
    pub cr: u8,
}

/// Keys handed to the page as they are.
const PRESENTATION: &[&str] = &[
    "branding",
    "theme",
    "themeDark",
    "nodeColors",
    "typeColors",
    "markerStroke",
    "home",
    "mapDefaults",
    "map",
    "mapDarkTileProvider",
    "tiles",
    "roles",
    "snrThresholds",
    "distThresholds",
    "limits",
    "externalUrls",
    "maxHopDist",
    "perfSlowMs",
    "wsReconnectMs",
    "cacheInvalidateMs",
    "liveMap.propagationBufferMs",
    "liveMap.maxNodes",
    "timestamps.defaultMode",
    "timestamps.timezone",
    "timestamps.formatPreset",
    "timestamps.customFormat",
    "timestamps.allowCustomFormat",
    "customizer.disabledTabs",
    "cacheTTL",
];

impl Config {
    /// Reads every key of the table.
    pub(super) fn read(r: &mut Reading<'_>) -> Self {
        Self {
            port: port(r),
            api_key: r.text("apiKey").map(Secret::new),
            api_keys: secrets(r, "apiKeys"),
            read_token: r.text("readToken").map(Secret::new),
            db_path: r.text("dbPath").filter(|_| r.is_set("dbPath")),
            log_level: log_level(r),
            https: https(r),
            db: db(r),
            ingest: Ingest {
                queue_messages: r.positive("ingestBufferSize"),
                queue_bytes: r.positive("ingest.queueMB").min(4096) << 20,
                accept_raw: r.bool("ingest.acceptRaw"),
            },
            packet_store: PacketStore {
                max_memory_mb: r
                    .optional("packetStore.maxMemoryMB")
                    .or_else(|| r.optional("runtime.maxMemoryMB")),
                retention_hours: Some(r.number("packetStore.retentionHours")).filter(|h| *h > 0.0),
                hot_startup_hours: Some(r.number("packetStore.hotStartupHours")).filter(|h| *h > 0.0),
            },
            list_limits: ListLimits {
                packets: r.positive("listLimits.packetsMax"),
                nodes: r.positive("listLimits.nodesMax"),
                analytics: r.positive("listLimits.analyticsMax"),
                channel_messages: r.positive("listLimits.channelMessagesMax"),
                bulk_health: r.positive("listLimits.bulkHealthMax"),
            },
            debug_affinity: r.bool("debugAffinity"),
            expose_diagnostics: r.bool("exposeDiagnostics"),
            readiness: Readiness {
                max_silence_secs: r.optional("ready.maxSilenceSec"),
                min_free_disk_mb: u64::try_from(r.int("ready.minFreeDiskMB")).unwrap_or_default(),
            },
            retention: retention(r),
            metrics_sample_interval_secs: r.positive("metrics.sampleIntervalSec"),
            neighbor_graph: NeighborGraph {
                max_edge_km: match r.number("neighborGraph.maxEdgeKm") {
                    km if km < 0.0 => None,
                    _ => Some(r.positive_number("neighborGraph.maxEdgeKm")),
                },
            },
            sources: source::read_all(r),
            observer_iata_whitelist: r.list("observerIATAWhitelist"),
            observer_blacklist: r.list("observerBlacklist"),
            endpoint: endpoint(r),
            channel_keys: secrets(r, "channelKeys"),
            hash_channels: r.list("hashChannels"),
            channel_keys_path: r.text("channelKeysPath").map(PathBuf::from),
            common_channel_words: r.bool("channels.commonWords"),
            hash_regions: r.list("hashRegions"),
            validate_signatures: r.bool("validateSignatures"),
            strict: r.bool("strict"),
            geo_filter: geo_filter(r),
            foreign_adverts: match r.text("foreignAdverts.mode") {
                Some(mode) if mode.eq_ignore_ascii_case("drop") => ForeignMode::Drop,
                _ => ForeignMode::Flag,
            },
            store_direct: r.bool("bridge.storeDirect"),
            node_blacklist: r.list("nodeBlacklist").iter().map(|key| key.to_lowercase()).collect(),
            hidden_name_prefixes: r.list("hiddenNamePrefixes"),
            client_rx_coverage: r.bool("clientRxCoverage.enabled"),
            areas: r.map("areas").into_iter().filter(|(_, area)| area.is_object()).collect(),
            regions: texts(r, "regions"),
            default_region: r.text("defaultRegion"),
            privacy: Privacy {
                public_channels_only: r.bool("privacy.publicChannelsOnly"),
                coarsen_digits: r.value("privacy.coarsenDigits").as_u64().map(|d| d.min(6) as u8),
            },
            health: health(r),
            battery: Battery {
                low_mv: r.positive("batteryThresholds.lowMv"),
                critical_mv: r.positive("batteryThresholds.criticalMv"),
            },
            lora: lora(r),
            known_channels_url: r.text("knownChannelsUrl"),
            known_channels_refresh_ms: r.positive("knownChannelsRefreshMs"),
            cors_allowed_origins: r.list("corsAllowedOrigins"),
            trusted_proxies: r.list("http.trustedProxies"),
            http_limits: r.map("http.limits"),
            presentation: PRESENTATION.iter().map(|key| ((*key).to_owned(), r.value(key))).collect(),
            compress: r.value("compression.gzip").as_bool(),
        }
    }
}

fn port(r: &mut Reading<'_>) -> u16 {
    let port = r.positive("port");
    u16::try_from(port).unwrap_or_else(|_| {
        r.warn("port", format!("port: expected 1 to 65535, found {port}; 3000 is used"));
        3000
    })
}

fn log_level(r: &mut Reading<'_>) -> Option<String> {
    let level = r.text("logLevel").filter(|_| r.is_set("logLevel"))?.to_ascii_lowercase();
    if matches!(level.as_str(), "error" | "warn" | "info" | "debug" | "trace") {
        return Some(level);
    }
    r.warn("logLevel", "logLevel: expected error, warn, info, debug or trace; info is used");
    None
}

fn https(r: &mut Reading<'_>) -> Option<Https> {
    match (r.text("https.cert"), r.text("https.key")) {
        (Some(cert), Some(key)) => Some(Https { cert: cert.into(), key: key.into() }),
        (None, None) => None,
        (Some(_), None) => {
            r.warn("https.cert", "https.cert has no effect without https.key");
            None
        }
        (None, Some(_)) => {
            r.warn("https.key", "https.key has no effect without https.cert");
            None
        }
    }
}

fn db(r: &mut Reading<'_>) -> Db {
    let synchronous = match r.text("db.synchronous").as_deref() {
        Some(word) if word.eq_ignore_ascii_case("normal") => Synchronous::Normal,
        Some(word) if word.eq_ignore_ascii_case("full") => Synchronous::Full,
        _ => {
            r.warn("db.synchronous", "db.synchronous: expected full or normal; full is used");
            Synchronous::Full
        }
    };
    Db {
        vacuum_on_startup: r.bool("db.vacuumOnStartup"),
        incremental_vacuum_pages: r.positive("db.incrementalVacuumPages"),
        batch_ms: u64::try_from(r.int("db.batchMs")).unwrap_or_default().min(10_000),
        synchronous,
    }
}

fn retention(r: &Reading<'_>) -> Retention {
    let edges = if r.is_set("neighborEdgesMaxAgeDays") {
        "neighborEdgesMaxAgeDays"
    } else {
        "neighborGraph.maxAgeDays"
    };
    // Both rows are asked for: the second counts only where the first is absent.
    let _ = r.int("neighborEdgesMaxAgeDays");
    let _ = r.int("neighborGraph.maxAgeDays");
    Retention {
        node_days: r.positive("retention.nodeDays"),
        observer_days: match r.int("retention.observerDays") {
            days if days < 0 => None,
            _ => Some(r.positive("retention.observerDays")),
        },
        packet_days: r.optional("retention.packetDays"),
        metrics_days: r.positive("retention.metricsDays"),
        client_rx_days: r.optional("retention.clientRxDays"),
        neighbor_edge_days: r.positive(edges),
    }
}

fn health(r: &Reading<'_>) -> HealthThresholds {
    let of = |name: &str| r.positive_number(&format!("healthThresholds.{name}"));
    HealthThresholds {
        infra_degraded_hours: of("infraDegradedHours"),
        infra_silent_hours: of("infraSilentHours"),
        node_degraded_hours: of("nodeDegradedHours"),
        node_silent_hours: of("nodeSilentHours"),
        relay_active_hours: of("relayActiveHours"),
        observer_online_minutes: of("observerOnlineMinutes"),
        observer_stale_minutes: of("observerStaleMinutes"),
    }
}

fn lora(r: &Reading<'_>) -> LoraPreset {
    LoraPreset {
        freq_hz: r.positive_number("analytics.loraPreset.freq"),
        bw_khz: r.positive_number("analytics.loraPreset.bw"),
        sf: r.positive("analytics.loraPreset.sf").clamp(5, 12) as u8,
        cr: r.positive("analytics.loraPreset.cr").clamp(5, 8) as u8,
    }
}

fn endpoint(r: &mut Reading<'_>) -> Endpoint {
    let mut users = Vec::new();
    for index in r.indices("endpoint.users") {
        let at = |key: &str| format!("endpoint.users[{index}].{key}");
        match (r.text(&at("name")), r.text(&at("password"))) {
            (Some(name), Some(password)) => users.push(EndpointUser {
                name,
                password: Secret::new(password),
                publish: r.list(&at("publish")),
                subscribe: r.list(&at("subscribe")),
            }),
            _ => r.warn(
                &at("name"),
                format!("endpoint.users[{index}]: name and password are needed; it is skipped"),
            ),
        }
    }
    Endpoint {
        listen: r.text("endpoint.listen"),
        open: r.bool("endpoint.open"),
        users,
        tokens: r.bool("endpoint.tokens"),
        token_audience: r.text("endpoint.tokenAudience"),
        tls_cert: r.text("endpoint.tlsCert").map(PathBuf::from),
        tls_key: r.text("endpoint.tlsKey").map(PathBuf::from),
        max_connections: usize::try_from(r.positive("endpoint.maxConnections")).unwrap_or(1000),
    }
}

fn geo_filter(r: &mut Reading<'_>) -> Option<Area> {
    let value = r.value("geo_filter");
    let Value::Object(map) = &value else {
        if !value.is_null() {
            r.warn("geo_filter", "geo_filter: expected an object { … }; everything passes");
        }
        return None;
    };
    let number = |name: &str| map.get(name).and_then(Value::as_f64);
    let polygon: Vec<LatLon> = map
        .get("polygon")
        .and_then(Value::as_array)
        .map(|points| points.iter().filter_map(corner).collect())
        .unwrap_or_default();
    let bounds = || {
        Some(Bounds {
            lat_min: number("latMin")?,
            lat_max: number("latMax")?,
            lon_min: number("lonMin")?,
            lon_max: number("lonMax")?,
        })
    };
    let area = Area { polygon, buffer_km: number("bufferKm").unwrap_or_default().max(0.0), bounds: bounds() };
    if area.is_empty() {
        r.warn("geo_filter", "geo_filter: fewer than three points and no complete box; everything passes");
        return None;
    }
    Some(area)
}

fn corner(point: &Value) -> Option<LatLon> {
    LatLon::new(point.get(0)?.as_f64()?, point.get(1)?.as_f64()?)
}

/// The texts of a map; other values are reported and skipped.
fn texts(r: &mut Reading<'_>, path: &str) -> Vec<(String, String)> {
    let mut out = Vec::new();
    for (name, value) in r.map(path) {
        match value {
            Value::String(text) => out.push((name, text)),
            _ => {
                r.warn(path, format!("{path}.{}: expected a text; it has no effect", super::printable(&name)))
            }
        }
    }
    out
}

fn secrets(r: &mut Reading<'_>, path: &str) -> Vec<(String, Secret)> {
    texts(r, path).into_iter().map(|(name, text)| (name, Secret::new(text))).collect()
}
