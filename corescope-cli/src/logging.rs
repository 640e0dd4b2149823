//! Log lines on standard error, as text or JSON.

use std::io::IsTerminal;
use std::sync::OnceLock;

use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer, Registry, reload};

use crate::{Global, LogFormat};

static LEVEL: OnceLock<reload::Handle<EnvFilter, Registry>> = OnceLock::new();

/// Installs the subscriber; `RUST_LOG` refines what `--log-level` says.
pub(crate) fn init(global: &Global) {
    let (filter, handle) = reload::Layer::new(filter(global.log_level.as_deref()));
    let lines = tracing_subscriber::fmt::layer().with_writer(std::io::stderr).with_target(false);
    let lines = match global.log_format {
        LogFormat::Text => lines.with_ansi(std::io::stderr().is_terminal()).boxed(),
        LogFormat::Json => lines.json().flatten_event(true).with_target(true).boxed(),
    };
    // A second call (tests in one process) keeps the first subscriber.
    if tracing_subscriber::registry().with(filter).with(lines).try_init().is_ok() {
        let _ = LEVEL.set(handle);
    }
}

/// Takes the configuration's `logLevel`, unless the command line named one.
pub(crate) fn set_level(global: &Global, configured: Option<&str>) {
    if let (None, Some(handle)) = (&global.log_level, LEVEL.get()) {
        let _ = handle.reload(filter(configured));
    }
}

fn filter(level: Option<&str>) -> EnvFilter {
    // The MQTT library says at error what we say ourselves, with the source's name.
    let level = format!("{},rumqttc=off", level.unwrap_or("info"));
    EnvFilter::try_from_default_env()
        .or_else(|_| EnvFilter::try_new(&level))
        .unwrap_or_else(|_| EnvFilter::new("info"))
}
