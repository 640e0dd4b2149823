//! `corescope-cli status`.

use std::io::Write;
use std::time::Duration;

use serde_json::{Value, json};

use crate::ask::Server;
use crate::{Exit, Failure, Global};

/// Tell how a running CoreScope is doing.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  corescope-cli status
  corescope-cli status --url http://127.0.0.1:8080 --json | jq .stats.totalPackets")]
pub struct Args {
    /// Where the server is
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:3000", env = "CORESCOPE_URL")]
    url: String,
    /// One JSON object with the server's answers: `healthz`, `stats`, `health`, `mqtt`
    #[arg(long)]
    json: bool,
}

/// Runs it.
pub fn run(args: Args, _global: &Global) -> Result<(), Failure> {
    let server = Server::new(&args.url, Duration::from_secs(10))?;
    let ask = |path: &str| -> Result<Value, Failure> {
        let (status, body) = server.get(path)?;
        let answer = serde_json::from_slice(&body).map_err(|error| {
            Failure::msg(
                Exit::Failure,
                format!("{path} answered {status} and no JSON ({error}); is it CoreScope?"),
            )
        })?;
        Ok(answer)
    };
    let (healthz, stats) = (ask("/api/healthz")?, ask("/api/stats")?);
    let (health, mqtt) = (ask("/api/health")?, ask("/api/mqtt/status")?);
    let mut out = std::io::stdout().lock();
    if args.json {
        let all = json!({"healthz": healthz, "stats": stats, "health": health, "mqtt": mqtt});
        writeln!(out, "{all}")?;
        return Ok(());
    }
    let text = |value: &Value| match value {
        Value::String(text) => text.clone(),
        Value::Null => "–".to_owned(),
        other => other.to_string(),
    };
    let state = if healthz["ready"] == true {
        "ready".to_owned()
    } else {
        format!("not ready: {}", text(&healthz["reason"]))
    };
    writeln!(out, "state         {state}")?;
    writeln!(out, "version       {} (up {})", text(&stats["version"]), text(&health["uptimeHuman"]))?;
    writeln!(
        out,
        "packets       {} with {} observations",
        text(&stats["totalPackets"]),
        text(&stats["totalObservations"])
    )?;
    writeln!(out, "last hour     {}", text(&stats["packetsLastHour"]))?;
    writeln!(
        out,
        "nodes         {} active, {} known",
        text(&stats["totalNodes"]),
        text(&stats["totalNodesAllTime"])
    )?;
    writeln!(out, "observers     {}", text(&stats["totalObservers"]))?;
    writeln!(out, "memory        {} MB", text(&health["memory"]["rss"]))?;
    writeln!(out, "sockets       {}", text(&health["websocket"]["clients"]))?;
    for source in mqtt["sources"].as_array().into_iter().flatten() {
        let link = if source["connected"] == true { "connected" } else { "away" };
        let wrong = source["lastError"].as_str().map(|error| format!(": {error}")).unwrap_or_default();
        writeln!(
            out,
            "source        {} {link}, {} messages, {} in 5 min{wrong}",
            text(&source["name"]),
            text(&source["packetsTotal"]),
            text(&source["packetsLast5m"]),
        )?;
    }
    Ok(())
}
