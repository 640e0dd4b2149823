//! `corescope-cli up`.

use std::io::Write;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use corescope_core::config::{Broker, Config, Endpoint as EndpointRules, Flag, Source};
use corescope_web::Clock;

use super::ingest::ended;
use crate::demo;
use crate::endpoint::Endpoint;
use crate::ingest::{Ingestor, Setup, observe};
use crate::place::{Place, PlaceArgs};
use crate::probe::{BothProbe, ServerProbe};
use crate::serving::{self, How, Serving};
use crate::signals::{Signal, Signals};
use crate::{Exit, Failure, Global};

/// MQTT endpoint, ingestor, server and page in one process.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  corescope-cli up --demo                            # a synthetic mesh, in ./demo-data
  corescope-cli up                                   # observers publish to mqtt://127.0.0.1:1883
  corescope-cli up --data /srv/corescope --listen 0.0.0.0:3000 --mqtt-listen 0.0.0.0:1883 --open-broker
  mosquitto_sub -t 'meshcore/#' -v                   # listen to what the endpoint receives

Who publishes at QoS 1 or 2 to the endpoint is answered when the message is on the disk.
Signals: SIGTERM and SIGINT store and answer what was received, then end; SIGHUP reads the configuration again.")]
pub struct Args {
    #[command(flatten)]
    place: PlaceArgs,
    /// Address of the page and the API; port 0 takes a free one [default: 127.0.0.1:3000]
    #[arg(long, value_name = "ADDR")]
    listen: Option<SocketAddr>,
    /// Port of the page and the API, on the same address
    #[arg(long, value_name = "N", conflicts_with = "listen")]
    port: Option<u16>,
    /// Address of the MQTT endpoint; port 0 takes a free one [default: 127.0.0.1:1883]
    #[arg(long, value_name = "ADDR")]
    mqtt_listen: Option<SocketAddr>,
    /// Let everybody publish who can reach the MQTT endpoint
    #[arg(long)]
    open_broker: bool,
    /// Feed a synthetic mesh through the endpoint, in ./demo-data unless told otherwise
    #[arg(long)]
    demo: bool,
    /// Messages a second that the synthetic mesh's observers publish
    #[arg(long, value_name = "N", default_value_t = 5.0, requires = "demo")]
    rate: f64,
    /// Seed of the synthetic mesh
    #[arg(long, value_name = "N", default_value_t = 7, requires = "demo")]
    seed: u64,
    /// Address of /metrics, /livez and /readyz
    #[arg(long, value_name = "ADDR", env = "CORESCOPE_METRICS_LISTEN")]
    metrics_listen: Option<String>,
    /// Longest time that storing the rest may take at the end, seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 15)]
    grace: u64,
    /// Folder with a page to serve instead of the one built in
    #[arg(long, value_name = "DIR")]
    public: Option<PathBuf>,
}

/// Runs it.
pub fn run(mut args: Args, global: &Global) -> Result<(), Failure> {
    if args.demo && args.place.data.is_none() && args.place.db.is_none() {
        args.place.data = Some(PathBuf::from("demo-data"));
    }
    let place = load(&args)?;
    crate::logging::set_level(global, place.config.log_level.as_deref());
    place.log_warnings();
    demo::check(&place.paths.db, args.demo)?;
    serving::raise_open_files();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(up(&args, global, &place))
}

fn load(args: &Args) -> Result<Place, Failure> {
    let mut flags = Vec::new();
    if let Some(port) = args.port {
        flags.push(Flag { name: "--port", path: "port", text: port.to_string() });
    }
    if args.open_broker {
        flags.push(Flag { name: "--open-broker", path: "endpoint.open", text: "true".to_owned() });
    }
    args.place.load(&flags)
}

async fn up(args: &Args, global: &Global, place: &Place) -> Result<(), Failure> {
    let mut signals = Signals::listen()?;
    let recorder = observe::recorder();
    let grace = Duration::from_secs(args.grace);
    let mqtt_listen = mqtt_address(args, place)?;
    let sources = others(&place.config.sources, mqtt_listen);
    let mut ingestor = Ingestor::start(Setup { place, sources, grace }).await?;
    let parts = Parts::start(args, place, &ingestor, mqtt_listen, grace).await;
    let Parts { endpoint, serving } = match parts {
        Ok(parts) => parts,
        Err(failure) => {
            ingestor.stop().await;
            return Err(failure);
        }
    };
    ingestor.desk.set_wake(serving.wake());
    let observed = observe::Observed::of(&ingestor, place);
    let _listener = match &args.metrics_listen {
        Some(address) => {
            let server = ServerProbe { state: serving.state.clone() };
            let probe = BothProbe { intake: observed.clone(), server };
            Some(observe::listen(address, recorder, probe).await?)
        }
        None => None,
    };
    let stats = observe::write_stats(observed, place.paths.stats.clone(), ingestor.stopping());
    let feeder = args.demo.then(|| demo::feed(endpoint.address, args.seed, args.rate, ingestor.stopping()));
    announce(args, place, &serving, &endpoint)?;

    loop {
        match signals.next().await {
            Signal::Stop => break,
            Signal::Reload => match load(args) {
                Ok(place) => {
                    place.log_warnings();
                    crate::logging::set_level(global, place.config.log_level.as_deref());
                    let sources = others(&place.config.sources, endpoint.address);
                    let changes = ingestor.reload(&place, &sources).await;
                    endpoint.reload(&endpoint_rules(args, &place.config));
                    serving.state.set_config(place.config);
                    tracing::info!(?changes, "configuration read again");
                }
                Err(failure) => tracing::error!("configuration not read again: {failure}; the old one stays"),
            },
        }
    }
    tracing::info!("stopping: storing what was received");
    let stopping = ingestor.stopping();
    stopping.cancel();
    endpoint.ended().await;
    if let Some(feeder) = feeder {
        feeder.await.ok();
    }
    // The server is told last: whoever looks at the page sees the last packets come in.
    let left = ingestor.stop().await;
    stats.await.ok();
    serving.stop().await?;
    ended(left)
}

/// What runs beside intake.
struct Parts {
    endpoint: Endpoint,
    serving: Serving,
}

impl Parts {
    async fn start(
        args: &Args,
        place: &Place,
        ingestor: &Ingestor,
        mqtt_listen: SocketAddr,
        grace: Duration,
    ) -> Result<Self, Failure> {
        if args.demo {
            demo::mark(ingestor);
        }
        let port = if place.config.port == 0 { 3000 } else { place.config.port };
        let listen = args.listen.unwrap_or_else(|| SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), port));
        let how = How {
            clock: Clock::Real,
            listen,
            poll: Duration::from_millis(100),
            page_folder: args.public.clone(),
        };
        let serving = Serving::start(place, how).await?;
        let endpoint =
            Endpoint::start(mqtt_listen, &endpoint_rules(args, &place.config), ingestor, grace).await?;
        Ok(Self { endpoint, serving })
    }
}

/// The endpoint's rules; a demo, which has nothing to protect, lets its own publisher in.
fn endpoint_rules(args: &Args, config: &Config) -> EndpointRules {
    let mut rules = config.endpoint.clone();
    if args.demo {
        rules.users.clear();
        rules.tokens = false;
        (rules.tls_cert, rules.tls_key) = (None, None);
    }
    rules
}

/// `--mqtt-listen`, else `endpoint.listen`, else this machine's port 1883.
fn mqtt_address(args: &Args, place: &Place) -> Result<SocketAddr, Failure> {
    if let Some(address) = args.mqtt_listen {
        return Ok(address);
    }
    match &place.config.endpoint.listen {
        None => Ok(SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 1883)),
        Some(text) => text.parse().map_err(|_| {
            Failure::msg(
                Exit::Data,
                format!("endpoint.listen: expected an address such as 0.0.0.0:1883, found {text:?}"),
            )
        }),
    }
}

/// The configured sources without our own endpoint: no message is counted twice.
fn others(sources: &[Source], own: SocketAddr) -> Vec<Source> {
    let (own_ones, others): (Vec<_>, Vec<_>) = sources.iter().cloned().partition(|s| is_own(&s.broker, own));
    for source in own_ones {
        tracing::info!(source = %source.name, broker = %source.broker, "skipped: it is this process's own MQTT endpoint");
    }
    others
}

/// Whether the address leads to the endpoint at `own`.
fn is_own(broker: &Broker, own: SocketAddr) -> bool {
    if broker.port != own.port() {
        return false;
    }
    let Ok(address) = broker.host.parse::<IpAddr>() else {
        return broker.host.eq_ignore_ascii_case("localhost")
            && (own.ip().is_loopback() || own.ip().is_unspecified());
    };
    address == own.ip() || (address.is_loopback() && own.ip().is_unspecified())
}

/// Says where everything is.
fn announce(args: &Args, place: &Place, serving: &Serving, endpoint: &Endpoint) -> Result<(), Failure> {
    let mut out = std::io::stdout().lock();
    if args.demo {
        writeln!(out, "CoreScope demo: made-up packets of a synthetic mesh")?;
    } else {
        writeln!(out, "CoreScope")?;
    }
    writeln!(out, "  page  {}", serving.url())?;
    writeln!(out, "  mqtt  {}", endpoint.url())?;
    writeln!(out, "  data  {}", absolute(&place.paths.db).display())?;
    out.flush()?;
    Ok(())
}

fn absolute(path: &Path) -> PathBuf {
    std::path::absolute(path).unwrap_or_else(|_| path.to_path_buf())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_own_endpoint_is_recognised() {
        for (address, own, wanted) in [
            ("mqtt://localhost:1883", "127.0.0.1:1883", true),
            ("mqtt://127.0.0.1:1883", "0.0.0.0:1883", true),
            ("mqtt://[::1]:1883", "[::]:1883", true),
            ("mqtt://localhost:1884", "127.0.0.1:1883", false),
            ("mqtt://broker.example:1883", "0.0.0.0:1883", false),
            ("mqtt://192.0.2.1:1883", "192.0.2.1:1883", true),
            ("mqtt://192.0.2.1:1883", "127.0.0.1:1883", false),
        ] {
            let (broker, _) = Broker::parse(address).unwrap();
            assert_eq!(is_own(&broker, own.parse().unwrap()), wanted, "{address} {own}");
        }
    }
}
