//! What the server keeps to: limits, trusted proxies, CORS, compression, TLS.

use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

/// All settings of the edge; [`Options::default`] suits a machine on the internet.
#[derive(Debug, Clone)]
pub struct Options {
    /// Bounds per address and in all.
    pub limits: Limits,
    /// Proxies whose `X-Forwarded-For` is believed.
    pub trusted_proxies: Vec<Network>,
    /// Origins that may read the API from other pages; `*` = any. Empty: no CORS headers.
    pub cors_origins: Vec<String>,
    /// Compress answers from 1 KiB on.
    pub compression: bool,
    /// Serve HTTPS with these files.
    pub tls: Option<TlsFiles>,
    /// Folder with a page to serve instead of the one built in.
    pub page_folder: Option<PathBuf>,
    /// How long a stop waits for requests in progress.
    pub drain: Duration,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            limits: Limits::default(),
            trusted_proxies: Vec::new(),
            cors_origins: Vec::new(),
            compression: true,
            tls: None,
            page_folder: None,
            drain: Duration::from_secs(15),
        }
    }
}

/// Certificate and key, PEM files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsFiles {
    /// The chain, leaf first.
    pub cert: PathBuf,
    /// The private key.
    pub key: PathBuf,
}

/// Bounds of the edge (`http.limits`). Loopback and trusted proxies are not limited per address
/// unless [`Limits::loopback`] says so.
#[derive(Debug, Clone, PartialEq)]
pub struct Limits {
    /// Open connections in all.
    pub connections: usize,
    /// Open connections per address (IPv6: per /64).
    pub connections_per_address: usize,
    /// Requests per second and address, on average.
    pub requests_per_second: f64,
    /// Requests that an address may send at once after a quiet time.
    pub request_burst: f64,
    /// Bytes of request line and headers.
    pub header_bytes: usize,
    /// How long a client may take for the headers, and an idle connection stays open.
    pub header_timeout: Duration,
    /// How long a client may take for a body.
    pub body_timeout: Duration,
    /// Bytes of a request body (routes may allow less).
    pub body_bytes: usize,
    /// How long a client may read nothing while there is something to read.
    pub write_stall: Duration,
    /// Open WebSockets in all.
    pub sockets: usize,
    /// Open WebSockets per address.
    pub sockets_per_address: usize,
    /// Count loopback addresses too.
    pub loopback: bool,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 32_768,
            connections_per_address: 256,
            requests_per_second: 100.0,
            request_burst: 500.0,
            header_bytes: 16 * 1024,
            header_timeout: Duration::from_secs(30),
            body_timeout: Duration::from_secs(30),
            body_bytes: 1024 * 1024,
            write_stall: Duration::from_secs(30),
            sockets: 20_000,
            sockets_per_address: 64,
            loopback: false,
        }
    }
}

/// An address or a network in CIDR form.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Network {
    address: IpAddr,
    prefix: u8,
}

impl Network {
    /// Reads `10.0.0.0/8`, `::1` or `192.168.1.4`.
    ///
    /// # Errors
    ///
    /// The text, when it is neither an address nor a network.
    pub fn parse(text: &str) -> Result<Self, String> {
        let wrong = || format!("{text:?} is no address and no network such as 10.0.0.0/8");
        let (address, prefix) = match text.trim().split_once('/') {
            Some((address, prefix)) => (address, Some(prefix.parse::<u8>().map_err(|_| wrong())?)),
            None => (text.trim(), None),
        };
        let address: IpAddr = address.parse().map_err(|_| wrong())?;
        let full = if address.is_ipv4() { 32 } else { 128 };
        let prefix = prefix.unwrap_or(full);
        if prefix > full { Err(wrong()) } else { Ok(Self { address, prefix }) }
    }

    /// Whether the address lies in the network.
    pub fn contains(&self, address: IpAddr) -> bool {
        match (self.address, address.to_canonical()) {
            (IpAddr::V4(net), IpAddr::V4(ip)) => {
                let shift = 32 - u32::from(self.prefix);
                shift == 32 || u32::from(net) >> shift == u32::from(ip) >> shift
            }
            (IpAddr::V6(net), IpAddr::V6(ip)) => {
                let shift = 128 - u32::from(self.prefix);
                shift == 128 || u128::from(net) >> shift == u128::from(ip) >> shift
            }
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn networks_contain_their_addresses() {
        let net = Network::parse("10.0.0.0/8").unwrap();
        assert!(net.contains("10.200.3.4".parse().unwrap()));
        assert!(net.contains("::ffff:10.200.3.4".parse().unwrap()));
        assert!(!net.contains("11.0.0.1".parse().unwrap()));
        assert!(Network::parse("fd00::/8").unwrap().contains("fd12::1".parse().unwrap()));
        assert!(Network::parse("0.0.0.0/0").unwrap().contains("8.8.8.8".parse().unwrap()));
        assert!(Network::parse("192.0.2.7").unwrap().contains("192.0.2.7".parse().unwrap()));
        assert!(Network::parse("10.0.0.0/33").is_err());
        assert!(Network::parse("proxy").is_err());
    }
}
