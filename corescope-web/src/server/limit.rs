//! Bounds per client address: open connections, open sockets, requests per second.

use std::net::{IpAddr, Ipv6Addr};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use hashbrown::HashMap;

use super::options::{Limits, Network};

/// Addresses remembered at once; the quiet ones are forgotten first.
const MAX_ADDRESSES: usize = 65_536;

/// The bookkeeping of all addresses.
#[derive(Debug)]
pub struct AddressBook {
    limits: Limits,
    trusted: Vec<Network>,
    connections: AtomicUsize,
    sockets: AtomicUsize,
    clients: Mutex<HashMap<IpAddr, Client>>,
}

#[derive(Debug)]
struct Client {
    connections: usize,
    sockets: usize,
    tokens: f64,
    seen: Instant,
}

/// What a [`Permit`] counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Connection,
    Socket,
}

/// A place taken; dropping it gives it back.
#[derive(Debug)]
pub struct Permit {
    book: Arc<AddressBook>,
    address: Option<IpAddr>,
    kind: Kind,
}

/// Why there is no place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refused {
    /// The server as a whole is full.
    Full,
    /// This address has too many.
    Address,
}

impl AddressBook {
    /// An empty book with these limits.
    pub fn new(limits: Limits, trusted: Vec<Network>) -> Arc<Self> {
        Arc::new(Self {
            limits,
            trusted,
            connections: AtomicUsize::new(0),
            sockets: AtomicUsize::new(0),
            clients: Mutex::new(HashMap::new()),
        })
    }

    /// Whether `X-Forwarded-For` of this peer is believed.
    pub fn is_trusted_proxy(&self, address: IpAddr) -> bool {
        self.trusted.iter().any(|net| net.contains(address))
    }

    /// Whether this address is counted for itself.
    fn is_limited(&self, address: IpAddr) -> bool {
        let loopback = address.to_canonical().is_loopback();
        (self.limits.loopback || !loopback) && !self.is_trusted_proxy(address)
    }

    /// Takes a connection place.
    ///
    /// # Errors
    ///
    /// [`Refused`] when the server or this address is at its bound.
    pub fn connect(self: &Arc<Self>, address: IpAddr) -> Result<Permit, Refused> {
        self.take(address, Kind::Connection)
    }

    /// Takes a WebSocket place.
    ///
    /// # Errors
    ///
    /// [`Refused`] when the server or this address is at its bound.
    pub fn socket(self: &Arc<Self>, address: IpAddr) -> Result<Permit, Refused> {
        self.take(address, Kind::Socket)
    }

    /// Open connections and sockets in all.
    pub fn open(&self) -> (usize, usize) {
        (self.connections.load(Ordering::Relaxed), self.sockets.load(Ordering::Relaxed))
    }

    fn total(&self, kind: Kind) -> (&AtomicUsize, usize) {
        match kind {
            Kind::Connection => (&self.connections, self.limits.connections),
            Kind::Socket => (&self.sockets, self.limits.sockets),
        }
    }

    fn take(self: &Arc<Self>, address: IpAddr, kind: Kind) -> Result<Permit, Refused> {
        let (total, max) = self.total(kind);
        if total.fetch_add(1, Ordering::Relaxed) >= max {
            total.fetch_sub(1, Ordering::Relaxed);
            return Err(Refused::Full);
        }
        // From here on a drop gives the place in the total back.
        let mut permit = Permit { book: self.clone(), address: None, kind };
        if self.is_limited(address) {
            let key = key(address);
            let mut clients = self.clients.lock().unwrap_or_else(PoisonError::into_inner);
            let client = entry(&mut clients, key, &self.limits);
            let (count, max) = match kind {
                Kind::Connection => (&mut client.connections, self.limits.connections_per_address),
                Kind::Socket => (&mut client.sockets, self.limits.sockets_per_address),
            };
            if *count >= max {
                drop(clients);
                return Err(Refused::Address);
            }
            *count += 1;
            permit.address = Some(key);
        }
        Ok(permit)
    }

    /// Takes one request out of the address's allowance.
    ///
    /// # Errors
    ///
    /// Whole seconds until the next request is allowed.
    pub fn request(&self, address: IpAddr) -> Result<(), u32> {
        if !self.is_limited(address) {
            return Ok(());
        }
        let now = Instant::now();
        let mut clients = self.clients.lock().unwrap_or_else(PoisonError::into_inner);
        let client = entry(&mut clients, key(address), &self.limits);
        let quiet = now.saturating_duration_since(client.seen).as_secs_f64();
        client.tokens =
            quiet.mul_add(self.limits.requests_per_second, client.tokens).min(self.limits.request_burst);
        client.seen = now;
        if client.tokens >= 1.0 {
            client.tokens -= 1.0;
            return Ok(());
        }
        let wait = (1.0 - client.tokens) / self.limits.requests_per_second.max(0.001);
        Err(wait.ceil().clamp(1.0, 3600.0) as u32)
    }

    fn give_back(&self, address: Option<IpAddr>, kind: Kind) {
        self.total(kind).0.fetch_sub(1, Ordering::Relaxed);
        let Some(address) = address else { return };
        let mut clients = self.clients.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(client) = clients.get_mut(&address) {
            match kind {
                Kind::Connection => client.connections = client.connections.saturating_sub(1),
                Kind::Socket => client.sockets = client.sockets.saturating_sub(1),
            }
        }
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.book.give_back(self.address, self.kind);
    }
}

fn entry<'a>(clients: &'a mut HashMap<IpAddr, Client>, key: IpAddr, limits: &Limits) -> &'a mut Client {
    let now = Instant::now();
    if clients.len() >= MAX_ADDRESSES && !clients.contains_key(&key) {
        // Whoever is quiet for as long as a bucket takes to fill loses nothing by being forgotten.
        let refill = limits.request_burst / limits.requests_per_second.max(0.001);
        clients.retain(|_, c| {
            c.connections > 0 || c.sockets > 0 || now.saturating_duration_since(c.seen).as_secs_f64() < refill
        });
        // A flood from more addresses than that: forget those that hold nothing open.
        if clients.len() >= MAX_ADDRESSES {
            clients.retain(|_, c| c.connections > 0 || c.sockets > 0);
        }
    }
    clients.entry(key).or_insert(Client {
        connections: 0,
        sockets: 0,
        tokens: limits.request_burst,
        seen: now,
    })
}

/// One client: an IPv4 address, or an IPv6 /64, which is what one site is given.
fn key(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(v6) => {
            let [a, b, c, d, ..] = v6.segments();
            IpAddr::V6(Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0))
        }
        IpAddr::V4(v4) => IpAddr::V4(v4),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn book(change: impl FnOnce(&mut Limits)) -> Arc<AddressBook> {
        let mut limits = Limits::default();
        change(&mut limits);
        AddressBook::new(limits, vec![Network::parse("192.0.2.1").unwrap()])
    }

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn places_per_address_come_back() {
        let book = book(|l| l.connections_per_address = 2);
        let first = book.connect(ip("198.51.100.1")).unwrap();
        let _second = book.connect(ip("198.51.100.1")).unwrap();
        assert_eq!(book.connect(ip("198.51.100.1")).unwrap_err(), Refused::Address);
        let _other = book.connect(ip("198.51.100.2")).unwrap();
        drop(first);
        assert!(book.connect(ip("198.51.100.1")).is_ok());
        assert_eq!(book.open().0, 2);
    }

    #[test]
    fn a_v6_site_is_one_client() {
        let book = book(|l| l.sockets_per_address = 1);
        let _one = book.socket(ip("2001:db8::1")).unwrap();
        assert_eq!(book.socket(ip("2001:db8::ffff")).unwrap_err(), Refused::Address);
        assert!(book.socket(ip("2001:db8:0:1::1")).is_ok());
    }

    #[test]
    fn loopback_and_proxies_are_not_limited_per_address_but_in_all() {
        let book = book(|l| {
            l.connections_per_address = 0;
            l.connections = 2;
            l.request_burst = 0.0;
        });
        let _a = book.connect(ip("127.0.0.1")).unwrap();
        let _b = book.connect(ip("192.0.2.1")).unwrap();
        assert_eq!(book.connect(ip("::1")).unwrap_err(), Refused::Full);
        assert!(book.request(ip("127.0.0.1")).is_ok());
        assert!(book.request(ip("198.51.100.9")).is_err());
    }

    #[test]
    fn a_burst_is_allowed_then_the_rate() {
        let book = book(|l| {
            l.request_burst = 3.0;
            l.requests_per_second = 0.001;
        });
        for _ in 0..3 {
            book.request(ip("198.51.100.1")).unwrap();
        }
        let wait = book.request(ip("198.51.100.1")).unwrap_err();
        assert!((900..=1000).contains(&wait), "{wait}");
    }

    #[test]
    fn a_flood_of_addresses_stays_bounded() {
        let book = book(|_| {});
        for n in 0..(MAX_ADDRESSES as u32 + 1000) {
            let _ = book.request(IpAddr::V4(std::net::Ipv4Addr::from(0x0b00_0000 + n)));
        }
        assert!(book.clients.lock().unwrap().len() <= MAX_ADDRESSES);
    }
}
