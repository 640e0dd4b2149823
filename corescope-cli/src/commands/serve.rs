//! `corescope-cli serve`.

use std::io::Write;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use corescope_core::config::Flag;
use corescope_core::time::parse_rfc3339;
use corescope_web::Clock;

use crate::ingest::observe;
use crate::place::{Place, PlaceArgs};
use crate::probe::ServerProbe;
use crate::serving::{self, How, Serving};
use crate::{Exit, Failure, Global};

/// Serve the API and the page from a database.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  corescope-cli serve --data /srv/corescope
  corescope-cli serve --db old.db --at 2026-05-17T18:20:00Z    explore a dump as if it were then
  corescope-cli serve --listen 0.0.0.0:8080 --wait 60          as a service, started beside the ingestor

The server never writes the database. On one that the ingestor has not prepared it exits with 75 and
says what is missing.")]
pub struct Args {
    #[command(flatten)]
    place: PlaceArgs,
    /// Address and port to listen on; port 0 takes a free one [default: 127.0.0.1:3000]
    #[arg(long, value_name = "ADDR")]
    listen: Option<SocketAddr>,
    /// Port to listen on, on the same address
    #[arg(long, value_name = "N", conflicts_with = "listen")]
    port: Option<u16>,
    /// The server's clock stands still at this moment (RFC 3339)
    #[arg(long, value_name = "TIME", value_parser = moment)]
    at: Option<i64>,
    /// Wait this long for a database that is not ready yet
    #[arg(long, value_name = "SECONDS", default_value_t = 0)]
    wait: u64,
    /// Look for new rows at least this often
    #[arg(long, value_name = "N", default_value_t = 25)]
    poll_ms: u64,
    /// Folder with a page to serve instead of the one built in
    #[arg(long, value_name = "DIR")]
    public: Option<PathBuf>,
    /// Address of /metrics, /livez and /readyz
    #[arg(long, value_name = "ADDR", env = "CORESCOPE_METRICS_LISTEN")]
    metrics_listen: Option<String>,
}

/// Runs it.
pub fn run(args: Args, global: &Global) -> Result<(), Failure> {
    let flags: Vec<Flag> = args
        .port
        .map(|port| Flag { name: "--port", path: "port", text: port.to_string() })
        .into_iter()
        .collect();
    let place = args.place.load(&flags)?;
    crate::logging::set_level(global, place.config.log_level.as_deref());
    place.log_warnings();
    if let Some(folder) = &args.public
        && !folder.is_dir()
    {
        return Err(Failure::msg(Exit::Usage, format!("--public {}: no such folder", folder.display())));
    }
    serving::raise_open_files();
    serving::wait_until_ready(&place.paths.db, Duration::from_secs(args.wait))?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(serve(&args, global, &place))
}

async fn serve(args: &Args, global: &Global, place: &Place) -> Result<(), Failure> {
    let port = if place.config.port == 0 { 3000 } else { place.config.port };
    let listen = args.listen.unwrap_or_else(|| SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), port));
    let clock = args.at.map_or(Clock::Real, Clock::frozen_at);
    let poll = Duration::from_millis(args.poll_ms.clamp(1, 60_000));
    let how = How { clock, listen, poll, page_folder: args.public.clone() };
    let recorder = observe::recorder();
    let serving = Serving::start(place, how).await?;
    let probe = ServerProbe { state: serving.state.clone() };
    let _listener = match &args.metrics_listen {
        Some(address) => Some(observe::listen(address, recorder, probe).await?),
        None => None,
    };
    {
        let mut out = std::io::stdout().lock();
        writeln!(out, "CoreScope serves {} from {}", serving.url(), place.paths.db.display())?;
        out.flush()?;
    }
    let state = serving.state.clone();
    let (args, global) = (args.place.clone(), global.clone());
    serving::until_stopped(move || match args.load(&[]) {
        Ok(place) => {
            place.log_warnings();
            crate::logging::set_level(&global, place.config.log_level.as_deref());
            state.set_config(place.config);
            tracing::info!("configuration read again; address, limits and TLS stay as they were");
        }
        Err(failure) => tracing::error!(%failure, "the configuration stays as it was"),
    })
    .await?;
    tracing::info!("stopping");
    serving.stop().await
}

fn moment(text: &str) -> Result<i64, String> {
    parse_rfc3339(text).ok_or_else(|| format!("{text:?} is no time such as 2026-05-17T18:20:00Z"))
}
