//! A wire between a broker and its client that a test can cut, hold and make lossy.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

/// Passes bytes on in both directions, until it is told otherwise. Ends with the test.
pub struct Wire {
    pub port: u16,
    state: Arc<State>,
}

#[derive(Default)]
struct State {
    /// What the client says does not reach the broker.
    client_is_mute: AtomicBool,
    /// What the broker says does not reach the client.
    broker_is_mute: AtomicBool,
    /// Bytes of the broker that were swallowed.
    swallowed: AtomicU64,
    /// Bytes of the broker that are still passed on; negative: all.
    budget: AtomicI64,
    /// Connections of an earlier age are cut.
    age: AtomicU64,
    over: AtomicBool,
}

impl Wire {
    pub fn to(broker: u16) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let state = Arc::new(State { budget: AtomicI64::new(-1), ..State::default() });
        let shared = Arc::clone(&state);
        std::thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                if shared.over.load(Ordering::SeqCst) {
                    return;
                }
                // The broker may be away: then the client finds a closed door.
                let Ok(broker) = TcpStream::connect((Ipv4Addr::LOCALHOST, broker)) else { continue };
                let age = shared.age.load(Ordering::SeqCst);
                let (up, down) = (Arc::clone(&shared), Arc::clone(&shared));
                let (from, to) = (client.try_clone().unwrap(), broker.try_clone().unwrap());
                std::thread::spawn(move || pass(&from, &to, &up, age, true));
                std::thread::spawn(move || pass(&broker, &client, &down, age, false));
            }
        });
        Self { port, state }
    }

    /// From now on the broker hears nothing of the client: no acknowledgement reaches it.
    pub fn mute_the_client(&self, mute: bool) {
        self.state.client_is_mute.store(mute, Ordering::SeqCst);
    }

    /// From now on what the broker sends is lost.
    pub fn mute_the_broker(&self, mute: bool) {
        self.state.broker_is_mute.store(mute, Ordering::SeqCst);
    }

    /// Bytes of the broker that were lost.
    pub fn swallowed(&self) -> u64 {
        self.state.swallowed.load(Ordering::SeqCst)
    }

    /// So many more bytes of the broker reach the client, and then none.
    pub fn pass_only(&self, bytes: usize) {
        self.state.budget.store(bytes as i64, Ordering::SeqCst);
    }

    /// Ends every connection in the middle of whatever it carries; new ones pass everything.
    pub fn cut(&self) {
        self.state.age.fetch_add(1, Ordering::SeqCst);
        self.mute_the_client(false);
        self.mute_the_broker(false);
        self.state.budget.store(-1, Ordering::SeqCst);
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        self.state.over.store(true, Ordering::SeqCst);
        self.cut();
        // Wakes the thread that waits for the next client.
        let _ = TcpStream::connect((Ipv4Addr::LOCALHOST, self.port));
    }
}

fn pass(mut from: &TcpStream, mut to: &TcpStream, state: &State, age: u64, is_client: bool) {
    from.set_read_timeout(Some(Duration::from_millis(5))).unwrap();
    let mut buffer = [0; 4096];
    let is_cut = || state.age.load(Ordering::SeqCst) != age;
    while !is_cut() {
        let size = match from.read(&mut buffer) {
            Ok(0) => break,
            Ok(size) => size,
            Err(error)
                if matches!(error.kind(), std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut) =>
            {
                continue;
            }
            Err(_) => break,
        };
        if is_cut() || !passed(&buffer[..size], &mut to, state, is_client) {
            break;
        }
    }
    let _ = from.shutdown(Shutdown::Both);
    let _ = to.shutdown(Shutdown::Both);
}

/// False when the other side is gone.
fn passed(bytes: &[u8], to: &mut &TcpStream, state: &State, is_client: bool) -> bool {
    if is_client {
        return state.client_is_mute.load(Ordering::SeqCst) || to.write_all(bytes).is_ok();
    }
    if state.broker_is_mute.load(Ordering::SeqCst) {
        state.swallowed.fetch_add(bytes.len() as u64, Ordering::SeqCst);
        return true;
    }
    let budget = state.budget.load(Ordering::SeqCst);
    let Ok(left) = usize::try_from(budget) else { return to.write_all(bytes).is_ok() };
    let now = left.min(bytes.len());
    state.budget.store((left - now) as i64, Ordering::SeqCst);
    state.swallowed.fetch_add((bytes.len() - now) as u64, Ordering::SeqCst);
    to.write_all(&bytes[..now]).is_ok()
}
