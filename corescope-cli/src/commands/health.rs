//! `corescope-cli health`.

use std::io::Write;
use std::time::Duration;

use serde_json::Value;

use crate::ask::Server;
use crate::{Exit, Failure, Global};

/// Exit 0 when a running server is healthy.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  corescope-cli health
  corescope-cli health --url http://127.0.0.1:8080 --live

In a container: HEALTHCHECK CMD corescope-cli health --live. A process that turns needs no restart because
it is still loading (exit 75) or because a broker is away; --live asks only whether it answers.")]
pub struct Args {
    /// Where the server is
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:3000", env = "CORESCOPE_URL")]
    url: String,
    /// Ask only whether the process answers
    #[arg(long)]
    live: bool,
    /// Print the server's answer
    #[arg(long)]
    json: bool,
    /// How long to wait for an answer
    #[arg(long, value_name = "SECONDS", default_value_t = 5)]
    timeout: u64,
}

/// Runs it.
pub fn run(args: Args, _global: &Global) -> Result<(), Failure> {
    let server = Server::new(&args.url, Duration::from_secs(args.timeout.max(1)))?;
    let (status, body) = server.get("/api/healthz")?;
    let mut out = std::io::stdout().lock();
    if args.json {
        out.write_all(&body)?;
    }
    let answer: Value = serde_json::from_slice(&body).unwrap_or_default();
    match status {
        200 => {
            if !args.json {
                writeln!(out, "healthy")?;
            }
            Ok(())
        }
        503 if args.live => {
            if !args.json {
                writeln!(
                    out,
                    "alive, not ready: {}",
                    answer["reason"].as_str().unwrap_or("no reason given")
                )?;
            }
            Ok(())
        }
        503 => {
            let reason = answer["reason"].as_str().unwrap_or("no reason given");
            Err(Failure::msg(Exit::NotReady, format!("not ready: {reason}")))
        }
        other => Err(Failure::msg(Exit::Failure, format!("{} answered {other} to /api/healthz", args.url))),
    }
}
