//! One MQTT broker to receive from.

use std::fmt;
use std::path::PathBuf;

use super::reading::Reading;
use super::secret::{Secret, mask_url};

/// One MQTT broker.
#[derive(Debug, Clone, PartialEq)]
pub struct Source {
    /// Unique tag in logs, status and ledger.
    pub name: String,
    /// Where it is.
    pub broker: Broker,
    /// User name, from its key or from the address.
    pub username: Option<String>,
    /// Password or token, from its key or from the address.
    pub password: Option<Secret>,
    /// File that holds the password; read again at each connect.
    pub password_file: Option<PathBuf>,
    /// `false`: any certificate is accepted.
    pub verify_tls: bool,
    /// Topic filters.
    pub topics: Vec<String>,
    /// Regions whose packets are taken; empty: all. Compared without case.
    pub iata_filter: Vec<String>,
    /// Region when neither topic nor message names one.
    pub region: Option<String>,
    /// Seconds that one attempt to connect may take.
    pub connect_timeout_secs: u64,
    /// Certificates to trust instead of the system's.
    pub ca_file: Option<PathBuf>,
    /// Client certificate chain.
    pub cert_file: Option<PathBuf>,
    /// Private key of the client certificate.
    pub key_file: Option<PathBuf>,
    /// Client id; none: one that is made up once and kept.
    pub client_id: Option<String>,
    /// Quality of service asked for: 0 or 1; 2 is asked for as 1.
    pub qos: u8,
    /// `true`: the broker keeps nothing while we are away.
    pub clean_session: bool,
    /// Seconds without a ping answer after which the connection is given up.
    pub keep_alive_secs: u16,
    /// `false`: not connected.
    pub enabled: bool,
}

/// How a broker is spoken to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scheme {
    /// Plain TCP (`mqtt`, `tcp`).
    Mqtt,
    /// TLS (`mqtts`, `ssl`).
    Mqtts,
    /// WebSocket.
    Ws,
    /// WebSocket over TLS.
    Wss,
}

impl Scheme {
    /// Whether it is encrypted.
    pub fn is_tls(self) -> bool {
        matches!(self, Self::Mqtts | Self::Wss)
    }

    /// The port when the address names none.
    pub fn default_port(self) -> u16 {
        match self {
            Self::Mqtt => 1883,
            Self::Mqtts => 8883,
            Self::Ws => 80,
            Self::Wss => 443,
        }
    }
}

/// A broker's address, taken apart; `Display` never shows a password.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Broker {
    /// How it is spoken to.
    pub scheme: Scheme,
    /// Host name or address (IPv6 without brackets).
    pub host: String,
    /// TCP port.
    pub port: u16,
    /// Path of a WebSocket address, with its leading slash.
    pub path: String,
}

/// Why an address is no broker.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadBroker {
    /// The scheme is not one of ours.
    #[error("{address}: expected mqtt://, mqtts://, tcp://, ssl://, ws:// or wss://")]
    Scheme {
        /// The address, masked.
        address: String,
    },
    /// There is no host.
    #[error("{address}: expected a host name after ://")]
    Host {
        /// The address, masked.
        address: String,
    },
    /// The port is not a number.
    #[error("{address}: expected a port from 1 to 65535 after the host")]
    Port {
        /// The address, masked.
        address: String,
    },
}

impl Broker {
    /// Takes an address apart; the user info (name, password) comes separately, percent-decoded.
    ///
    /// # Errors
    ///
    /// [`BadBroker`] says what is missing, with the password masked.
    pub fn parse(address: &str) -> Result<(Self, Option<(String, Option<Secret>)>), BadBroker> {
        let shown = || mask_url(&super::printable(address));
        // `host:port` alone means plain MQTT, as the original's library takes it.
        let (scheme, rest) = address.trim().split_once("://").unwrap_or(("mqtt", address.trim()));
        let scheme = match scheme.to_ascii_lowercase().as_str() {
            "mqtt" | "tcp" => Scheme::Mqtt,
            "mqtts" | "ssl" | "tls" => Scheme::Mqtts,
            "ws" => Scheme::Ws,
            "wss" => Scheme::Wss,
            _ => return Err(BadBroker::Scheme { address: shown() }),
        };
        let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
        let (authority, path) = rest.split_at(end);
        let (user, host) = match authority.rsplit_once('@') {
            Some((user, host)) => (Some(user), host),
            None => (None, authority),
        };
        let (host, port) = if let Some(v6) = host.strip_prefix('[') {
            let (host, tail) = v6.split_once(']').ok_or_else(|| BadBroker::Host { address: shown() })?;
            (host, tail.strip_prefix(':'))
        } else {
            host.rsplit_once(':').map_or((host, None), |(host, port)| (host, Some(port)))
        };
        if host.is_empty() {
            return Err(BadBroker::Host { address: shown() });
        }
        let port = match port {
            None => scheme.default_port(),
            Some(text) => {
                text.parse().ok().filter(|p| *p != 0).ok_or_else(|| BadBroker::Port { address: shown() })?
            }
        };
        let path = if path.is_empty() { "/".to_owned() } else { path.to_owned() };
        let login = user.map(|user| match user.split_once(':') {
            Some((name, password)) => (percent_decoded(name), Some(Secret::new(percent_decoded(password)))),
            None => (percent_decoded(user), None),
        });
        Ok((Self { scheme, host: host.to_owned(), port, path }, login))
    }
}

impl fmt::Display for Broker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = match self.scheme {
            Scheme::Mqtt => "mqtt",
            Scheme::Mqtts => "mqtts",
            Scheme::Ws => "ws",
            Scheme::Wss => "wss",
        };
        let (open, close) = if self.host.contains(':') { ("[", "]") } else { ("", "") };
        write!(f, "{scheme}://{open}{}{close}:{}", self.host, self.port)?;
        if self.path == "/" { Ok(()) } else { f.write_str(&self.path) }
    }
}

/// The sources that are configured. None at all is an empty list: the caller decides on a default.
pub(super) fn read_all(reading: &mut Reading<'_>) -> Vec<Source> {
    let mut sources = Vec::new();
    for index in reading.indices("mqttSources") {
        let path = format!("mqttSources[{index}].broker");
        let Some(address) = reading.text(&path) else {
            reading.warn(&path, format!("mqttSources[{index}] has no broker address; it is skipped"));
            continue;
        };
        match Broker::parse(&address) {
            Ok((broker, login)) => sources.push(read_one(reading, index, broker, login)),
            Err(error) => reading.warn(&path, format!("{error}; the source is skipped")),
        }
    }
    if sources.is_empty() && reading.indices("mqttSources").is_empty() {
        sources.extend(legacy(reading));
    }
    sources
}

fn read_one(
    reading: &mut Reading<'_>,
    index: usize,
    broker: Broker,
    login: Option<(String, Option<Secret>)>,
) -> Source {
    let at = |key: &str| format!("mqttSources[{index}].{key}");
    let (url_user, url_password) = login.map_or((None, None), |(user, password)| (Some(user), password));
    let file = |reading: &Reading<'_>, key: &str| reading.text(&at(key)).map(PathBuf::from);
    let qos = reading.int(&at("qos"));
    if !(0..=2).contains(&qos) {
        reading.warn(&at("qos"), format!("{}: expected 0, 1 or 2, found {qos}; 1 is used", at("qos")));
    }
    if qos == 2 {
        reading.warn(
            &at("qos"),
            format!(
                "{}: 2 is asked for as 1: duplicates collapse in the database, which is all that 2 would add",
                at("qos")
            ),
        );
    }
    let verify_tls = reading.bool(&at("rejectUnauthorized"));
    if !verify_tls && !broker.scheme.is_tls() {
        reading.warn(
            &at("rejectUnauthorized"),
            format!("{} changes nothing: {broker} is not encrypted", at("rejectUnauthorized")),
        );
    }
    let topics = Some(reading.list(&at("topics"))).filter(|t| !t.is_empty());
    Source {
        name: reading.text(&at("name")).unwrap_or_else(|| broker.to_string()),
        username: reading.text(&at("username")).or(url_user),
        password: reading.text(&at("password")).map(Secret::new).or(url_password),
        password_file: file(reading, "passwordFile"),
        verify_tls,
        topics: topics.unwrap_or_else(|| vec!["meshcore/#".to_owned()]),
        iata_filter: reading.list(&at("iataFilter")),
        region: reading.text(&at("region")),
        connect_timeout_secs: reading.positive(&at("connectTimeoutSec")).min(300),
        ca_file: file(reading, "caFile"),
        cert_file: file(reading, "certFile"),
        key_file: file(reading, "keyFile"),
        client_id: reading.text(&at("clientId")),
        qos: if (0..=2).contains(&qos) { qos as u8 } else { 1 },
        clean_session: reading.bool(&at("cleanSession")),
        keep_alive_secs: reading.positive(&at("keepAliveSec")).clamp(5, 3600) as u16,
        enabled: reading.bool(&at("enabled")),
        broker,
    }
}

/// The single-broker form of old files.
fn legacy(reading: &mut Reading<'_>) -> Option<Source> {
    let address = reading.text("mqtt.broker")?;
    let topic = reading.text("mqtt.topic");
    match Broker::parse(&address) {
        Ok((broker, login)) => {
            let mut source = Source::plain("mqtt", broker);
            if let Some((user, password)) = login {
                source.username = Some(user);
                source.password = password;
            }
            source.topics = topic.into_iter().chain(["meshcore/#".to_owned()]).collect();
            source.topics.dedup();
            Some(source)
        }
        Err(error) => {
            reading.warn("mqtt.broker", format!("{error}; the source is skipped"));
            None
        }
    }
}

impl Source {
    /// A source with every option at its default.
    pub fn plain(name: &str, broker: Broker) -> Self {
        Self {
            name: name.to_owned(),
            broker,
            username: None,
            password: None,
            password_file: None,
            verify_tls: true,
            topics: vec!["meshcore/#".to_owned()],
            iata_filter: Vec::new(),
            region: None,
            connect_timeout_secs: 30,
            ca_file: None,
            cert_file: None,
            key_file: None,
            client_id: None,
            qos: 1,
            clean_session: false,
            keep_alive_secs: 30,
            enabled: true,
        }
    }
}

fn percent_decoded(text: &str) -> String {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&byte, tail)) = rest.split_first() {
        let escaped = tail.get(..2).filter(|_| byte == b'%').and_then(|two| hex::decode(two).ok());
        if let (Some(decoded), Some(after)) = (escaped, tail.get(2..)) {
            out.extend(decoded);
            rest = after;
        } else {
            out.push(byte);
            rest = tail;
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_taken_apart() {
        for (address, shown, login) in [
            ("mqtt://localhost:1883", "mqtt://localhost:1883", None),
            ("mqtts://h", "mqtts://h:8883", None),
            ("ssl://h:1", "mqtts://h:1", None),
            ("tcp://h", "mqtt://h:1883", None),
            ("h:1884", "mqtt://h:1884", None),
            ("wss://u:p%40ss@mqtt.example/mqtt", "wss://mqtt.example:443/mqtt", Some(("u", Some("p@ss")))),
            ("ws://u@[::1]:9001/", "ws://[::1]:9001", Some(("u", None))),
        ] {
            let (broker, found) = Broker::parse(address).unwrap();
            assert_eq!(broker.to_string(), shown);
            let found = found.map(|(user, password)| (user, password.map(|p| p.expose().to_owned())));
            let wanted = login.map(|(user, password)| (user.to_owned(), password.map(str::to_owned)));
            assert_eq!(found, wanted, "{address}");
        }
    }

    #[test]
    fn bad_addresses_say_what_is_missing_and_hide_the_password() {
        for (address, message) in [
            (
                "http://u:geheim@h",
                "http://u:••••@h: expected mqtt://, mqtts://, tcp://, ssl://, ws:// or wss://",
            ),
            ("mqtt://", "mqtt://: expected a host name after ://"),
            ("mqtt://h:99999", "mqtt://h:99999: expected a port from 1 to 65535 after the host"),
            ("mqtt://h:0", "mqtt://h:0: expected a port from 1 to 65535 after the host"),
        ] {
            assert_eq!(Broker::parse(address).unwrap_err().to_string(), message);
        }
    }
}
