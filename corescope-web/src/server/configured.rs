//! The edge's settings from the configuration.

use std::time::Duration;

use corescope_core::config::Config;
use serde_json::{Map, Value};

use super::options::{Limits, Network, Options, TlsFiles};

impl Options {
    /// Takes what the edge needs out of a configuration; the second part says in words what in it
    /// was not understood (and was left at its default).
    pub fn from_config(config: &Config) -> (Self, Vec<String>) {
        let mut warnings = Vec::new();
        let mut trusted_proxies = Vec::new();
        for proxy in &config.trusted_proxies {
            match Network::parse(proxy) {
                Ok(network) => trusted_proxies.push(network),
                Err(wrong) => warnings.push(format!("http.trustedProxies: {wrong}")),
            }
        }
        let options = Self {
            limits: limits(&config.http_limits, &mut warnings),
            trusted_proxies,
            cors_origins: config.cors_allowed_origins.clone(),
            compression: config.compress.unwrap_or(true),
            tls: config.https.as_ref().map(|h| TlsFiles { cert: h.cert.clone(), key: h.key.clone() }),
            ..Self::default()
        };
        (options, warnings)
    }
}

/// Reads `http.limits`; names match in any case.
fn limits(map: &Map<String, Value>, warnings: &mut Vec<String>) -> Limits {
    let mut limits = Limits::default();
    for (name, value) in map {
        let known = match name.to_ascii_lowercase().as_str() {
            "loopback" => value.as_bool().map(|on| limits.loopback = on),
            other => {
                value.as_f64().filter(|n| *n >= 0.0 && n.is_finite()).and_then(|n| set(&mut limits, other, n))
            }
        };
        if known.is_none() && !name.starts_with('_') {
            warnings.push(format!("http.limits.{name}: unknown name or wrong type; known are {KNOWN}"));
        }
    }
    limits
}

const KNOWN: &str = "connections, connectionsPerAddress, requestsPerSecond, requestBurst, headerBytes, headerTimeoutSecs, bodyTimeoutSecs, bodyBytes, writeStallSecs, sockets, socketsPerAddress (numbers), loopback (boolean)";

fn set(limits: &mut Limits, name: &str, number: f64) -> Option<()> {
    let count = number as usize;
    // A day at most: no deadline is meant to be longer.
    let seconds = Duration::from_secs_f64(number.clamp(0.001, 86_400.0));
    match name {
        "connections" => limits.connections = count,
        "connectionsperaddress" => limits.connections_per_address = count,
        "requestspersecond" => limits.requests_per_second = number,
        "requestburst" => limits.request_burst = number,
        "headerbytes" => limits.header_bytes = count.clamp(1024, 1024 * 1024),
        "headertimeoutsecs" => limits.header_timeout = seconds,
        "bodytimeoutsecs" => limits.body_timeout = seconds,
        "bodybytes" => limits.body_bytes = count.clamp(1024, 64 * 1024 * 1024),
        "writestallsecs" => limits.write_stall = seconds,
        "sockets" => limits.sockets = count,
        "socketsperaddress" => limits.sockets_per_address = count,
        _ => return None,
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use corescope_core::config::{self, Input};

    use super::*;

    #[test]
    fn limits_are_read_and_mistakes_are_told() {
        let text = r#"{"http": {"trustedProxies": ["10.0.0.0/8", "proxy"], "limits": {"requestsPerSecond": 7, "SOCKETS": 9, "tea": 1, "loopback": true}},
            "compression": {"gzip": false}}"#;
        let loaded = config::load(&Input { file: Some(("config.json", text)), ..Input::default() }).unwrap();
        let (options, warnings) = Options::from_config(&loaded.config);
        assert_eq!((options.limits.requests_per_second, options.limits.sockets), (7.0, 9));
        assert!(options.limits.loopback && !options.compression);
        assert_eq!(options.trusted_proxies.len(), 1);
        assert_eq!(warnings.len(), 2, "{warnings:?}");
    }
}
