//! The demo: a synthetic mesh whose observers publish to our own endpoint.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::Path;
use std::time::Duration;

use corescope_core::sim::{Mesh, Preset};
use corescope_store::db;
use rumqttc::{AsyncClient, EventLoop, MqttOptions, QoS};
use tokio::task::JoinHandle;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::ingest::Ingestor;
use crate::ingest::clock::now_ms;
use crate::{Exit, Failure};

/// Key of `cs_state` that marks a database of made-up packets.
const MARK: &str = "demo";

/// Messages at the start that come at once, so that there is something to look at.
const FIRST: usize = 150;

/// Refuses to mix made-up packets with real ones: a demo only on a database that is marked as one (or is not there
/// yet), and nothing else on one that is.
///
/// # Errors
///
/// [`Exit::Data`] with what to do.
pub fn check(database: &Path, is_demo: bool) -> Result<(), Failure> {
    if !database.exists() {
        return Ok(());
    }
    let connection = db::open_read(database).map_err(|error| Failure::new(Exit::Io, error))?;
    let count = |sql: &str| connection.query_row(sql, [], |row| row.get::<_, i64>(0)).unwrap_or_default();
    let marked = corescope_store::write::get_state(&connection, MARK).ok().flatten().is_some();
    let used = count("SELECT EXISTS(SELECT 1 FROM transmissions)") > 0
        || count("SELECT EXISTS(SELECT 1 FROM observers)") > 0;
    let shown = database.display();
    match (is_demo, marked) {
        (true, false) if used => Err(Failure::msg(
            Exit::Data,
            format!(
                "{shown} is not marked as a demo: made-up packets do not go there; choose another folder with --data"
            ),
        )),
        (false, true) => Err(Failure::msg(
            Exit::Data,
            format!(
                "{shown} holds the made-up packets of a demo: real ones do not go there; choose another folder with --data"
            ),
        )),
        _ => Ok(()),
    }
}

/// Marks the database before the first packet comes.
pub fn mark(ingestor: &Ingestor) {
    ingestor.desk.set_state(MARK.to_owned(), "1".to_owned());
}

/// Publishes the mesh's messages to the endpoint, `per_second` of them, until it is stopped.
pub fn feed(endpoint: SocketAddr, seed: u64, per_second: f64, stop: CancellationToken) -> JoinHandle<()> {
    tokio::spawn(async move {
        let host = match endpoint.ip() {
            IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.to_string(),
            IpAddr::V6(ip) if ip.is_unspecified() => format!("[{}]", Ipv6Addr::LOCALHOST),
            IpAddr::V6(ip) => format!("[{ip}]"),
            IpAddr::V4(ip) => ip.to_string(),
        };
        let mut options = MqttOptions::new("corescope-demo", host, endpoint.port());
        options.set_keep_alive(Duration::from_secs(30)).set_max_packet_size(64 << 10, 64 << 10);
        let (client, events) = AsyncClient::new(options, 64);
        let pump = tokio::spawn(pump(events));
        tokio::select! {
            () = stop.cancelled() => {}
            () = publish(&client, seed, per_second) => {}
        }
        pump.abort();
    })
}

async fn publish(client: &AsyncClient, seed: u64, per_second: f64) {
    let start = now_ms();
    // A mesh takes a while to be made: not on a thread that serves.
    let Ok(mesh) = tokio::task::spawn_blocking(move || Mesh::new(Preset::Town, seed)).await else { return };
    let begun = Instant::now();
    let mut skipped_ms = 0;
    for (count, message) in mesh.messages(start, per_second.clamp(0.01, 1000.0)).enumerate() {
        let after = message.time_ms - start;
        if count < FIRST {
            skipped_ms = after;
        }
        let wait = u64::try_from(after - skipped_ms).unwrap_or_default();
        tokio::time::sleep_until(begun + Duration::from_millis(wait)).await;
        if client.publish(message.topic, QoS::AtLeastOnce, message.retain, message.payload).await.is_err() {
            return;
        }
    }
}

/// Keeps the connection going.
async fn pump(mut events: EventLoop) {
    loop {
        if let Err(error) = events.poll().await {
            tracing::debug!(%error, "the demo connects again");
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    }
}
