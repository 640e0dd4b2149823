//! Every key that a configuration file may hold: one row each, the single truth about its type, its
//! default, who reads it and what it does.

use Effect::{Honoured, NotNeeded};
use Kind::{Any, Bool, Int, Map, Number, Text, TextList};
use Reader::{Both, Ingestor, Server};

/// What a value must be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// `true` or `false`.
    Bool,
    /// A whole number.
    Int,
    /// A number.
    Number,
    /// Text.
    Text,
    /// A list of texts; one text alone is taken as a list of one.
    TextList,
    /// An object whose keys are the operator's own.
    Map,
    /// Anything: handed on as it is.
    Any,
}

impl Kind {
    /// The words of a complaint.
    pub fn expected(self) -> &'static str {
        match self {
            Bool => "true or false",
            Int => "a whole number",
            Number => "a number",
            Text => "a text in quotes",
            TextList => "a list of texts",
            Map => "an object",
            Any => "a value",
        }
    }
}

/// Which process reads a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reader {
    /// The writer of the database.
    Ingestor,
    /// The reader that answers HTTP.
    Server,
    /// Both of them.
    Both,
}

/// What a key does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    /// It does this.
    Honoured(&'static str),
    /// Accepted and reported: it has no effect because of this.
    NotNeeded(&'static str),
}

/// One key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Key {
    /// Dotted path; `[]` stands for any index of a list.
    pub path: &'static str,
    /// Type of its value.
    pub kind: Kind,
    /// The default as JSON text; `null` where there is none.
    pub default: &'static str,
    /// Who reads it.
    pub reader: Reader,
    /// What it does.
    pub effect: Effect,
}

impl Key {
    /// Whether its value must never be shown.
    pub fn is_secret(&self) -> bool {
        matches!(
            self.path,
            "apiKey"
                | "apiKeys"
                | "readToken"
                | "channelKeys"
                | "mqttSources[].password"
                | "endpoint.users[].password"
        )
    }

    /// Whether a running process takes a new value without a restart (on SIGHUP).
    pub fn is_live(&self) -> bool {
        matches!(self.effect, Honoured(_)) && !AT_START.contains(&self.path)
    }
}

/// Keys that count when the process starts, and not again before the next start.
const AT_START: &[&str] = &[
    "port",
    "dbPath",
    "https.cert",
    "https.key",
    "runtime.maxMemoryMB",
    "db.vacuumOnStartup",
    "db.synchronous",
    "packetStore.maxMemoryMB",
    "packetStore.retentionHours",
    "packetStore.hotStartupHours",
    "ingestBufferSize",
    "ingest.queueMB",
    "ready.maxSilenceSec",
    "ready.minFreeDiskMB",
    "endpoint.listen",
    "endpoint.tlsCert",
    "endpoint.tlsKey",
    "endpoint.maxConnections",
    "corsAllowedOrigins",
    "http.trustedProxies",
    "http.limits",
    "compression.gzip",
];

/// The row of a concrete path such as `mqttSources[2].broker`.
pub fn find(path: &str) -> Option<&'static Key> {
    KEYS.iter().find(|key| same_path(key.path, path))
}

/// Whether the pattern (with `[]`) covers the concrete path (with `[3]`).
fn same_path(pattern: &str, path: &str) -> bool {
    let mut rest = path;
    for (i, part) in pattern.split("[]").enumerate() {
        if i > 0 {
            let Some((index, tail)) = rest.strip_prefix('[').and_then(|r| r.split_once(']')) else {
                return false;
            };
            if !index.bytes().all(|b| b.is_ascii_digit()) {
                return false;
            }
            rest = tail;
        }
        let Some(tail) = rest.strip_prefix(part) else { return false };
        rest = tail;
    }
    rest.is_empty()
}

const fn key(path: &'static str, kind: Kind, default: &'static str, reader: Reader, effect: Effect) -> Key {
    Key { path, kind, default, reader, effect }
}

/// All keys, in the order in which they are shown.
#[rustfmt::skip]
pub const KEYS: &[Key] = &[
    // Process and storage
    key("port", Int, "3000", Server, Honoured("HTTP port; 0 is the default")),
    key("apiKey", Text, "\"\"", Server, Honoured("X-API-Key of the write and admin routes; empty or weak: they are refused")),
    key("apiKeyFile", Text, "null", Server, Honoured("file that holds the apiKey")),
    key("apiKeys", Map, "{}", Server, Honoured("further keys by name")),
    key("readToken", Text, "null", Server, Honoured("token that every read must carry, as a bearer token or the password of a browser's login; absent: reading is open")),
    key("dbPath", Text, "\"data/meshcore.db\"", Both, Honoured("the database")),
    key("logLevel", Text, "\"info\"", Both, Honoured("least important level that is logged: error, warn, info, debug, trace")),
    key("https.cert", Text, "null", Server, Honoured("certificate chain (PEM); HTTPS when key is set too")),
    key("https.key", Text, "null", Server, Honoured("private key (PEM)")),
    key("runtime.maxMemoryMB", Int, "0", Server, Honoured("upper bound of the packet store when packetStore.maxMemoryMB is absent")),
    key("db.vacuumOnStartup", Bool, "false", Ingestor, Honoured("one full VACUUM when the file cannot shrink by itself")),
    key("db.incrementalVacuumPages", Int, "1024", Ingestor, Honoured("free pages given back per step of the pruning jobs")),
    key("db.load.chunkSize", Int, "10000", Server, NotNeeded("rows are streamed into columns; there are no chunks")),
    key("db.batchMs", Int, "20", Ingestor, Honoured("longest time a message waits for others before the commit")),
    key("db.synchronous", Text, "\"full\"", Ingestor, Honoured("full: what is acknowledged survives a power cut; normal: spares an SD card, may lose the last batches on a power cut")),
    key("packetStore.maxMemoryMB", Int, "0", Server, Honoured("measured bound of the packet store; 0: half of what the machine or container has")),
    key("packetStore.retentionHours", Number, "0", Server, Honoured("window kept in memory, counted back from the newest reception; what is older is answered from the database; 0: all that fits the bound")),
    key("packetStore.hotStartupHours", Number, "0", Server, Honoured("window that must be loaded before the server is ready; 0: a day; never more than retentionHours")),
    key("packetStore.maxResolvedPubkeyIndexEntries", Int, "5000000", Server, NotNeeded("resolved keys are posting lists inside the measured memory bound")),
    key("packetStore.estimatedPacketBytes", Int, "null", Server, NotNeeded("memory is measured, not estimated")),
    key("ingestBufferSize", Int, "50000", Ingestor, Honoured("messages held while the writer is busy; a full queue stops reading instead of dropping")),
    key("ingest.queueMB", Int, "16", Ingestor, Honoured("bytes of messages held while the writer is busy, in MB")),
    key("ingest.acceptRaw", Bool, "false", Ingestor, Honoured("take packets from …/raw topics of observers that send no …/packets")),
    key("listLimits.packetsMax", Int, "10000", Server, Honoured("upper bound of limit= of the packet list")),
    key("listLimits.nodesMax", Int, "2000", Server, Honoured("upper bound of limit= of the node list")),
    key("listLimits.analyticsMax", Int, "200", Server, Honoured("upper bound of limit= of analyses")),
    key("listLimits.channelMessagesMax", Int, "500", Server, Honoured("upper bound of limit= of channel messages")),
    key("listLimits.bulkHealthMax", Int, "200", Server, Honoured("upper bound of limit= of bulk health")),
    key("debugAffinity", Bool, "false", Server, Honoured("debug routes of hop resolution")),
    key("exposeDiagnostics", Bool, "true", Server, Honoured("false: the pages about performance and brokers need an apiKey")),
    key("ready.maxSilenceSec", Int, "900", Both, Honoured("not ready when no source has delivered for so long; 0: never")),
    key("ready.minFreeDiskMB", Int, "64", Both, Honoured("not ready when the database's disk has less")),
    // Retention
    key("retention.nodeDays", Int, "7", Ingestor, Honoured("nodes unheard for longer become inactive")),
    key("retention.observerDays", Int, "14", Ingestor, Honoured("observers unheard for longer become inactive; negative: never")),
    key("retention.packetDays", Int, "0", Ingestor, Honoured("packets older are deleted; 0: never")),
    key("retention.metricsDays", Int, "30", Ingestor, Honoured("observer metrics, dropped packets and the loss ledger are kept so long")),
    key("retention.clientRxDays", Int, "0", Ingestor, Honoured("mobile receptions older are deleted; 0: never")),
    key("metrics.sampleIntervalSec", Int, "300", Ingestor, Honoured("slot width of observer metrics")),
    key("neighborEdgesMaxAgeDays", Int, "5", Ingestor, Honoured("neighbour edges unseen for longer are deleted")),
    key("neighborGraph.maxAgeDays", Int, "5", Ingestor, Honoured("the same, when neighborEdgesMaxAgeDays is absent")),
    key("neighborGraph.maxEdgeKm", Number, "500", Server, Honoured("edges between located nodes farther apart are ignored; 0: default, negative: off")),
    key("neighborGraph.cacheRecomputeIntervalSeconds", Int, "300", Server, NotNeeded("the graph follows the database as it changes")),
    key("resolvedPath.backfillHours", Int, "24", Ingestor, NotNeeded("paths are resolved when they are stored")),
    // MQTT
    key("mqttSources[].name", Text, "null", Ingestor, Honoured("tag in logs and status; unique; default: the address")),
    key("mqttSources[].broker", Text, "null", Ingestor, Honoured("address: mqtt, mqtts, tcp, ssl, ws or wss")),
    key("mqttSources[].username", Text, "null", Ingestor, Honoured("user name")),
    key("mqttSources[].password", Text, "null", Ingestor, Honoured("password or token")),
    key("mqttSources[].passwordFile", Text, "null", Ingestor, Honoured("file that holds the password or token; read again at each connect")),
    key("mqttSources[].rejectUnauthorized", Bool, "true", Ingestor, Honoured("false: any certificate is accepted")),
    key("mqttSources[].topics", TextList, "[\"meshcore/#\"]", Ingestor, Honoured("topic filters to subscribe")),
    key("mqttSources[].iataFilter", TextList, "[]", Ingestor, Honoured("only packets of these regions (second topic segment), any case")),
    key("mqttSources[].region", Text, "null", Ingestor, Honoured("region when neither topic nor message names one")),
    key("mqttSources[].connectTimeoutSec", Int, "30", Ingestor, Honoured("bound of one attempt to connect")),
    key("mqttSources[].caFile", Text, "null", Ingestor, Honoured("certificates to trust instead of the system's (PEM)")),
    key("mqttSources[].certFile", Text, "null", Ingestor, Honoured("client certificate chain (PEM)")),
    key("mqttSources[].keyFile", Text, "null", Ingestor, Honoured("private key of the client certificate (PEM)")),
    key("mqttSources[].clientId", Text, "null", Ingestor, Honoured("client id; default: one made up once and kept in the database")),
    key("mqttSources[].qos", Int, "1", Ingestor, Honoured("quality of service asked for: 0 or 1; 2 is asked for as 1")),
    key("mqttSources[].cleanSession", Bool, "false", Ingestor, Honoured("true: the broker keeps nothing while we are away")),
    key("mqttSources[].keepAliveSec", Int, "30", Ingestor, Honoured("a missing ping answer for so long ends the connection")),
    key("mqttSources[].enabled", Bool, "true", Ingestor, Honoured("false: not connected")),
    key("mqtt.broker", Text, "null", Ingestor, Honoured("single broker, when mqttSources is empty")),
    key("mqtt.topic", Text, "null", Ingestor, Honoured("its topic, beside meshcore/#")),
    key("observerIATAWhitelist", TextList, "[]", Ingestor, Honoured("only messages of these regions; empty: all")),
    key("observerBlacklist", TextList, "[]", Both, Honoured("observers that are dropped and hidden")),
    key("endpoint.listen", Text, "null", Ingestor, Honoured("address of our own MQTT endpoint")),
    key("endpoint.open", Bool, "false", Ingestor, Honoured("true: anyone may publish, also from other machines")),
    key("endpoint.users[].name", Text, "null", Ingestor, Honoured("user name of a publisher or subscriber")),
    key("endpoint.users[].password", Text, "null", Ingestor, Honoured("its password")),
    key("endpoint.users[].publish", TextList, "[\"meshcore/#\"]", Ingestor, Honoured("topics it may publish; %u is its name")),
    key("endpoint.users[].subscribe", TextList, "[]", Ingestor, Honoured("topics it may subscribe")),
    key("endpoint.tokens", Bool, "false", Ingestor, Honoured("true: devices may log in with tokens signed by their own key")),
    key("endpoint.tokenAudience", Text, "null", Ingestor, Honoured("audience that such a token must name")),
    key("endpoint.tlsCert", Text, "null", Ingestor, Honoured("certificate chain of the endpoint (PEM)")),
    key("endpoint.tlsKey", Text, "null", Ingestor, Honoured("private key of the endpoint (PEM)")),
    key("endpoint.maxConnections", Int, "1000", Ingestor, Honoured("connections at a time")),
    // Decoding and filtering
    key("channelKeys", Map, "{}", Ingestor, Honoured("channel keys by name, 32 hex digits")),
    key("hashChannels", TextList, "[]", Ingestor, Honoured("channels whose key follows from the name")),
    key("channelKeysPath", Text, "null", Ingestor, Honoured("file of channel keys; default: channel-rainbow.json beside the configuration")),
    key("channels.commonWords", Bool, "true", Ingestor, Honoured("try the built-in list of common channel names")),
    key("hashRegions", TextList, "[]", Ingestor, Honoured("region names that transport codes are matched against")),
    key("validateSignatures", Bool, "true", Ingestor, Honoured("reject adverts whose signature is wrong")),
    key("strict", Bool, "false", Ingestor, Honoured("reject adverts of reserved keys (00…, FF…)")),
    key("geo_filter", Any, "null", Both, Honoured("area of the adverts that are ours: polygon with bufferKm, or a box")),
    key("foreignAdverts.mode", Text, "\"flag\"", Ingestor, Honoured("adverts from outside: flag or drop")),
    key("bridge.storeDirect", Bool, "false", Ingestor, Honoured("store direct messages that a companion bridge publishes in clear")),
    key("nodeBlacklist", TextList, "[]", Server, Honoured("nodes hidden everywhere")),
    key("hiddenNamePrefixes", TextList, "[]", Server, Honoured("nodes whose name starts so are hidden")),
    key("clientRxCoverage.enabled", Bool, "false", Both, Honoured("store and show mobile receptions")),
    key("areas", Map, "{}", Server, Honoured("named areas of the display filter")),
    key("regions", Map, "{}", Server, Honoured("names of the region codes")),
    key("defaultRegion", Text, "null", Server, Honoured("region shown first")),
    key("privacy.publicChannelsOnly", Bool, "false", Both, Honoured("decrypt and show the Public channel only")),
    key("privacy.coarsenDigits", Int, "null", Server, Honoured("decimal digits of positions that are shown")),
    // Presentation
    key("branding", Map, "{}", Server, Honoured("site name, tag line, logo")),
    key("theme", Map, "{}", Server, Honoured("colours of the light theme")),
    key("themeDark", Map, "{}", Server, Honoured("colours of the dark theme")),
    key("nodeColors", Map, "{}", Server, Honoured("colours of node roles")),
    key("typeColors", Map, "{}", Server, Honoured("colours of payload types")),
    key("markerStroke", Map, "{}", Server, Honoured("outline of map markers")),
    key("home", Map, "{}", Server, Honoured("texts of the home page")),
    key("mapDefaults", Map, "{}", Server, Honoured("centre and zoom of the map")),
    key("map", Map, "{}", Server, Honoured("tile providers; tokens in it are public")),
    key("mapDarkTileProvider", Any, "null", Server, Honoured("deprecated: use map.tiles.darkDefault")),
    key("tiles", Any, "null", Server, Honoured("deprecated: use map.tiles.providers")),
    key("roles", Any, "null", Server, Honoured("handed to the page")),
    key("healthThresholds.infraDegradedHours", Number, "24", Server, Honoured("repeaters and rooms unheard for so long are degraded")),
    key("healthThresholds.infraSilentHours", Number, "72", Server, Honoured("… are silent")),
    key("healthThresholds.nodeDegradedHours", Number, "1", Server, Honoured("other nodes unheard for so long are degraded")),
    key("healthThresholds.nodeSilentHours", Number, "24", Server, Honoured("… are silent")),
    key("healthThresholds.relayActiveHours", Number, "24", Server, Honoured("a repeater that relayed within is active")),
    key("healthThresholds.observerOnlineMinutes", Number, "60", Server, Honoured("an observer heard within is online")),
    key("healthThresholds.observerStaleMinutes", Number, "1440", Server, Honoured("an observer heard within is stale, else offline")),
    key("snrThresholds", Any, "null", Server, Honoured("handed to the page")),
    key("distThresholds", Any, "null", Server, Honoured("handed to the page")),
    key("limits", Any, "null", Server, Honoured("handed to the page")),
    key("externalUrls", Any, "null", Server, Honoured("handed to the page")),
    key("maxHopDist", Number, "null", Server, Honoured("handed to the page")),
    key("perfSlowMs", Int, "null", Server, Honoured("handed to the page")),
    key("wsReconnectMs", Int, "null", Server, Honoured("handed to the page")),
    key("cacheInvalidateMs", Int, "null", Server, Honoured("handed to the page")),
    key("liveMap.propagationBufferMs", Int, "5000", Server, Honoured("handed to the page")),
    key("liveMap.maxNodes", Int, "2000", Server, Honoured("handed to the page, 100 to 20000")),
    key("timestamps.defaultMode", Text, "\"ago\"", Server, Honoured("ago or absolute")),
    key("timestamps.timezone", Text, "\"local\"", Server, Honoured("local or utc")),
    key("timestamps.formatPreset", Text, "\"iso\"", Server, Honoured("iso, iso-seconds or locale")),
    key("timestamps.customFormat", Text, "\"\"", Server, Honoured("handed to the page")),
    key("timestamps.allowCustomFormat", Bool, "false", Server, Honoured("handed to the page")),
    key("customizer.disabledTabs", TextList, "[]", Server, Honoured("tabs of the customizer that are not offered")),
    key("batteryThresholds.lowMv", Int, "3300", Server, Honoured("battery is low below")),
    key("batteryThresholds.criticalMv", Int, "3000", Server, Honoured("battery is critical below")),
    key("cacheTTL", Map, "{}", Server, Honoured("served as it is; answers are fresh whatever it says")),
    key("analytics.defaultIntervalSeconds", Int, "300", Server, NotNeeded("analyses move with the data")),
    key("analytics.recomputeIntervalSeconds.topology", Int, "null", Server, NotNeeded("analyses move with the data")),
    key("analytics.recomputeIntervalSeconds.rf", Int, "null", Server, NotNeeded("analyses move with the data")),
    key("analytics.recomputeIntervalSeconds.distance", Int, "null", Server, NotNeeded("analyses move with the data")),
    key("analytics.recomputeIntervalSeconds.channels", Int, "null", Server, NotNeeded("analyses move with the data")),
    key("analytics.recomputeIntervalSeconds.hashCollisions", Int, "null", Server, NotNeeded("analyses move with the data")),
    key("analytics.recomputeIntervalSeconds.hashSizes", Int, "null", Server, NotNeeded("analyses move with the data")),
    key("analytics.recomputeIntervalSeconds.roles", Int, "null", Server, NotNeeded("analyses move with the data")),
    key("analytics.recomputeIntervalSeconds.observersClockSkew", Int, "null", Server, NotNeeded("analyses move with the data")),
    key("analytics.recomputeIntervalSeconds.nodesClockSkew", Int, "null", Server, NotNeeded("analyses move with the data")),
    key("analytics.loraPreset.freq", Number, "869600000", Server, Honoured("radio frequency of airtime figures, Hz")),
    key("analytics.loraPreset.bw", Number, "62.5", Server, Honoured("bandwidth, kHz")),
    key("analytics.loraPreset.sf", Int, "8", Server, Honoured("spreading factor")),
    key("analytics.loraPreset.cr", Int, "5", Server, Honoured("coding rate 4/n")),
    key("observersCache.ttlSeconds", Int, "30", Server, NotNeeded("observers are kept fresh in memory")),
    key("knownChannelsUrl", Text, "\"\"", Server, Honoured("list of known channels to fetch; empty: nothing is fetched")),
    key("knownChannelsRefreshMs", Int, "86400000", Server, Honoured("how often")),
    key("corsAllowedOrigins", TextList, "[]", Server, Honoured("origins that may call the API and open /ws")),
    key("http.trustedProxies", TextList, "[]", Server, Honoured("proxies whose X-Forwarded-For is believed")),
    key("http.limits", Map, "{}", Server, Honoured("limits of connections, bodies and rates")),
    key("compression.gzip", Bool, "null", Server, Honoured("compress answers; absent: on from 1 KiB")),
    key("compression.websocket", Bool, "null", Server, NotNeeded("live events are small and shared; compressing them per client would cost more than it saves")),
    key("compression.level", Int, "null", Server, NotNeeded("each encoding has the level that costs about as much as making the answer")),
    key("compression.minSizeBytes", Int, "1024", Server, NotNeeded("answers are compressed from 1 KiB on")),
    key("compression.contentTypes", TextList, "[]", Server, NotNeeded("all text is compressed, and nothing else")),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_match_by_index() {
        assert_eq!(find("mqttSources[12].broker").unwrap().path, "mqttSources[].broker");
        assert_eq!(find("port").unwrap().path, "port");
        for no in ["mqttSources[x].broker", "mqttSources.broker", "ports", "por", ""] {
            assert!(find(no).is_none(), "{no}");
        }
    }

    #[test]
    fn what_counts_at_the_start_only_is_a_key() {
        for path in AT_START {
            assert!(find(path).is_some_and(|key| !key.is_live()), "{path}");
        }
        assert!(find("retention.packetDays").unwrap().is_live());
        assert!(!find("db.load.chunkSize").unwrap().is_live(), "it has no effect at all");
    }

    #[test]
    fn every_default_is_json_and_every_path_unique() {
        for (i, key) in KEYS.iter().enumerate() {
            serde_json::from_str::<serde_json::Value>(key.default).unwrap();
            assert!(KEYS[..i].iter().all(|k| k.path != key.path), "{} twice", key.path);
        }
    }
}
