//! The options of one connection.

use std::time::Duration;

use anyhow::{Context, Result};
use corescope_core::config::{Scheme, Source};
use rumqttc::{MqttOptions, NetworkOptions, TlsConfiguration, Transport};

use super::tls;

/// Largest packet that is taken from a broker, bytes. Messages above 64 KiB are refused and acknowledged; a
/// packet above this ends the connection.
pub const MAX_PACKET: usize = 16 << 20;

/// Options for one attempt; files (certificates, a token that is renewed) are read anew each time.
///
/// # Errors
///
/// A file that cannot be read.
pub fn options(
    source: &Source,
    client_id: &str,
    clean_session: bool,
) -> Result<(MqttOptions, NetworkOptions)> {
    let broker = &source.broker;
    // The library wants a WebSocket's whole address, brackets and all.
    let host = if broker.host.contains(':') { format!("[{}]", broker.host) } else { broker.host.clone() };
    let address = match broker.scheme {
        Scheme::Ws => format!("ws://{host}:{}{}", broker.port, broker.path),
        Scheme::Wss => format!("wss://{host}:{}{}", broker.port, broker.path),
        Scheme::Mqtt | Scheme::Mqtts => host,
    };
    let mut options = MqttOptions::new(client_id, address, broker.port);
    options.set_transport(match broker.scheme {
        Scheme::Mqtt => Transport::Tcp,
        Scheme::Ws => Transport::Ws,
        Scheme::Mqtts => Transport::Tls(TlsConfiguration::Rustls(tls::client_config(source)?)),
        Scheme::Wss => Transport::Wss(TlsConfiguration::Rustls(tls::client_config(source)?)),
    });
    options
        .set_keep_alive(Duration::from_secs(u64::from(source.keep_alive_secs)))
        .set_clean_session(clean_session)
        .set_manual_acks(true)
        .set_max_packet_size(MAX_PACKET, 64 << 10);
    if let Some((user, password)) = login(source)? {
        options.set_credentials(user, password);
    }
    let mut network = NetworkOptions::new();
    network.set_connection_timeout(source.connect_timeout_secs).set_tcp_nodelay(true);
    Ok((options, network))
}

fn login(source: &Source) -> Result<Option<(String, String)>> {
    let password = match &source.password_file {
        Some(path) => {
            let text = std::fs::read_to_string(path)
                .with_context(|| format!("cannot read passwordFile {}", path.display()))?;
            Some(text.trim().to_owned())
        }
        None => source.password.as_ref().map(|secret| secret.expose().to_owned()),
    };
    Ok(match (&source.username, password) {
        (None, None) => None,
        (user, password) => Some((user.clone().unwrap_or_default(), password.unwrap_or_default())),
    })
}
