//! `GET /api/known-channels`: a public catalogue of channels, fetched when the operator names one.
//!
//! This is the only thing the server asks of the world outside, and only with `knownChannelsUrl` set.

use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwapOption;
use axum::extract::{RawQuery, State};
use axum::response::Response;
use corescope_core::time::rfc3339;
use http::{HeaderValue, header};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::api::fetch::{self, FetchError};
use crate::query::Params;
use crate::{ApiError, App, AppState, json};

/// Largest catalogue, bytes.
const MAX_BYTES: usize = 4 << 20;
/// Most entries kept.
const MAX_ENTRIES: usize = 10_000;
/// Pause after a failure.
const AGAIN: Duration = Duration::from_mins(5);
/// Shortest pause between two fetches.
const SOONEST: Duration = Duration::from_mins(1);
/// `fetchedAt` before anything was fetched.
const NEVER: &str = "0001-01-01T00:00:00Z";

/// A public catalogue of channels.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct KnownChannels {
    /// When the catalogue was made, as it says; absent when it does not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub generated_at: Option<String>,
    /// Its licence, as it says; absent when it does not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub license: Option<String>,
    /// When it was fetched, RFC 3339; `0001-01-01T00:00:00Z` when it never was.
    pub fetched_at: String,
    /// Where it was fetched from, empty when nowhere.
    pub source: String,
    /// The channels.
    pub entries: Vec<KnownChannel>,
}

/// A channel of the catalogue.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize, ToSchema)]
#[serde(default, rename_all = "camelCase")]
pub struct KnownChannel {
    /// Its name.
    #[serde(alias = "name")]
    pub channel: String,
    /// What it is for; absent when unknown.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Its published key, hex; absent when the name is the key.
    #[serde(alias = "psk", skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// Country code.
    #[serde(alias = "country")]
    pub region: String,
    /// Name of the country; absent when unknown.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub region_name: Option<String>,
}

impl KnownChannels {
    fn nothing() -> Self {
        Self {
            generated_at: None,
            license: None,
            fetched_at: NEVER.to_owned(),
            source: String::new(),
            entries: Vec::new(),
        }
    }
}

/// What was fetched last.
#[derive(Debug, Default)]
pub(crate) struct Catalogue {
    fetched: ArcSwapOption<KnownChannels>,
}

/// A public catalogue of channels.
#[utoipa::path(get, path = "/api/known-channels", tag = "channels",
    params(("region" = Option<String>, Query, description = "country code, any case")),
    responses((status = 200, body = KnownChannels)))]
pub(crate) async fn known(
    State(app): State<AppState>,
    RawQuery(query): RawQuery,
) -> Result<Response, ApiError> {
    let params = Params::parse(query.as_deref())?;
    let fetched = app.rest.catalogue.fetched.load_full();
    let mut shown = fetched.map_or_else(KnownChannels::nothing, Arc::unwrap_or_clone);
    let max_age = if shown.entries.is_empty() { "public, max-age=30" } else { "public, max-age=300" };
    if let Some(region) = params.text("region") {
        shown.entries.retain(|entry| entry.region.eq_ignore_ascii_case(region));
    }
    let mut response = json::response(&shown);
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static(max_age));
    Ok(response)
}

/// Keeps the catalogue fresh until the server stops. Does nothing while no address is configured.
pub(crate) async fn keep_fresh(app: &App) {
    loop {
        let config = app.config.load_full();
        let pause = match &config.known_channels_url {
            Some(url) if !url.trim().is_empty() => match fetch(url.trim()).await {
                Ok(mut fetched) => {
                    fetched.fetched_at = rfc3339(app.clock.now());
                    app.rest.catalogue.fetched.store(Some(Arc::new(fetched)));
                    Duration::from_millis(config.known_channels_refresh_ms).max(SOONEST)
                }
                Err(error) => {
                    tracing::warn!(url, %error, "the catalogue of channels could not be fetched; asking again in 5 min");
                    AGAIN
                }
            },
            _ => SOONEST,
        };
        tokio::time::sleep(pause).await;
    }
}

async fn fetch(url: &str) -> Result<KnownChannels, FetchError> {
    let body = fetch::get(url, MAX_BYTES).await?;
    let mut shown = parse(&body).map_err(|error| FetchError::Content(error.to_string()))?;
    url.clone_into(&mut shown.source);
    Ok(shown)
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Document {
    Bare(Vec<KnownChannel>),
    Full(Full),
}

#[derive(Deserialize)]
struct Full {
    #[serde(rename = "generatedAt", alias = "generated_at")]
    generated_at: Option<String>,
    license: Option<String>,
    #[serde(alias = "channels")]
    entries: Vec<KnownChannel>,
}

fn parse(body: &[u8]) -> serde_json::Result<KnownChannels> {
    let full = match serde_json::from_slice(body)? {
        Document::Full(full) => full,
        Document::Bare(entries) => Full { generated_at: None, license: None, entries },
    };
    let mut entries = full.entries;
    entries.retain(|entry| !entry.channel.is_empty());
    entries.truncate(MAX_ENTRIES);
    Ok(KnownChannels {
        generated_at: full.generated_at,
        license: full.license,
        entries,
        ..KnownChannels::nothing()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_forms_of_a_catalogue_are_read() {
        let full = parse(br##"{"license": "CC0", "entries": [{"channel": "#a", "region": "de", "x": 1}, {"channel": ""}]}"##)
            .unwrap();
        assert_eq!((full.license.as_deref(), full.entries.len()), (Some("CC0"), 1));
        let bare = parse(br##"[{"name": "#b", "country": "US", "psk": "00ff"}]"##).unwrap();
        assert_eq!((bare.entries[0].channel.as_str(), bare.entries[0].key.as_deref()), ("#b", Some("00ff")));
        assert!(parse(b"7").is_err() && parse(b"{").is_err());
    }
}
