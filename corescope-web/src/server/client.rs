//! Who asks: the peer of the connection, or the client that a trusted proxy names.

use std::net::IpAddr;

use http::HeaderMap;

use super::limit::AddressBook;

/// The address a request is counted for; in the extensions of every request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClientAddress(pub IpAddr);

/// Reads `X-Forwarded-For` from the right while the hops are trusted; anybody can write the left.
pub(crate) fn client_address(peer: IpAddr, headers: &HeaderMap, book: &AddressBook) -> ClientAddress {
    let mut client = peer.to_canonical();
    if !book.is_trusted_proxy(client) {
        return ClientAddress(client);
    }
    let hops = headers.get_all("x-forwarded-for").into_iter().filter_map(|v| v.to_str().ok());
    let hops: Vec<&str> = hops.flat_map(|v| v.split(',')).map(str::trim).collect();
    for hop in hops.iter().rev().take(16) {
        // `1.2.3.4:5678` and `[::1]:5678` are written by some proxies.
        let parsed = hop.parse::<IpAddr>().or_else(|_| hop.parse::<std::net::SocketAddr>().map(|a| a.ip()));
        let Ok(address) = parsed else { break };
        client = address.to_canonical();
        if !book.is_trusted_proxy(client) {
            break;
        }
    }
    ClientAddress(client)
}

#[cfg(test)]
mod tests {
    use super::super::options::{Limits, Network};
    use super::*;

    fn asked(peer: &str, forwarded: &str) -> String {
        let book = AddressBook::new(Limits::default(), vec![Network::parse("10.0.0.0/8").unwrap()]);
        let mut headers = HeaderMap::new();
        headers.insert("x-forwarded-for", forwarded.parse().unwrap());
        client_address(peer.parse().unwrap(), &headers, &book).0.to_string()
    }

    #[test]
    fn only_proxies_are_believed() {
        assert_eq!(asked("198.51.100.1", "203.0.113.5"), "198.51.100.1");
        assert_eq!(asked("10.0.0.1", "203.0.113.5"), "203.0.113.5");
        assert_eq!(asked("10.0.0.1", "6.6.6.6, 203.0.113.5, 10.0.0.2"), "203.0.113.5");
        assert_eq!(asked("10.0.0.1", "203.0.113.5:4711"), "203.0.113.5");
        assert_eq!(asked("10.0.0.1", "nonsense"), "10.0.0.1");
    }
}
