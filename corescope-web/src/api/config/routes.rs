//! The routes that only read the configuration.

use axum::extract::State;
use axum::response::Response;

use super::{airports, areas, client, theme};
use crate::{ApiError, AppState, json};

/// Settings of the page.
#[utoipa::path(get, path = "/api/config/client", tag = "config", responses((status = 200, body = client::ClientConfig)))]
pub(crate) async fn client(State(app): State<AppState>) -> Response {
    json::response(&client::client_config(&app.config.load()))
}

/// Lifetimes of the page's caches, as configured.
#[utoipa::path(get, path = "/api/config/cache", tag = "config", responses((status = 200, body = Object)))]
pub(crate) async fn cache(State(app): State<AppState>) -> Response {
    json::response(&client::cache_ttl(&app.config.load()))
}

/// Where the map starts.
#[utoipa::path(get, path = "/api/config/map", tag = "config", responses((status = 200, body = client::MapView)))]
pub(crate) async fn map(State(app): State<AppState>) -> Response {
    json::response(&client::map_view(&app.config.load()))
}

/// Names, colours and the home page.
#[utoipa::path(get, path = "/api/config/theme", tag = "config", responses((status = 200, body = theme::Theme)))]
pub(crate) async fn theme(State(app): State<AppState>) -> Result<Response, ApiError> {
    let (config, path) = (app.config.load_full(), app.paths.theme.clone());
    let shown = tokio::task::spawn_blocking(move || theme::theme(&config, &path))
        .await
        .map_err(|error| ApiError::internal("theme", &error))?;
    Ok(json::response(&shown))
}

/// Names of regions, by code.
#[utoipa::path(get, path = "/api/config/regions", tag = "config",
    responses((status = 200, body = std::collections::BTreeMap<String, String>)))]
pub(crate) async fn regions(State(app): State<AppState>) -> Response {
    let moment = app.moment();
    let seen = moment
        .data
        .observers()
        .iter()
        .filter(|o| !moment.veil.hides_observer(&o.id))
        .filter_map(|o| o.iata.as_deref());
    json::response(&areas::regions(&moment.config, seen))
}

/// Names of the configured areas.
#[utoipa::path(get, path = "/api/config/areas", tag = "config", responses((status = 200, body = Vec<areas::AreaName>)))]
pub(crate) async fn areas(State(app): State<AppState>) -> Response {
    json::response(&areas::area_names(&app.config.load()))
}

/// The configured areas with their geometry.
#[utoipa::path(get, path = "/api/config/areas/polygons", tag = "config",
    responses((status = 200, body = Vec<areas::AreaShape>)))]
pub(crate) async fn polygons(State(app): State<AppState>) -> Response {
    json::response(&areas::area_shapes(&app.config.load()))
}

/// Positions of airports, by IATA code.
#[utoipa::path(get, path = "/api/iata-coords", tag = "config", responses((status = 200, body = airports::Airports)))]
pub(crate) async fn airports() -> Response {
    json::response(&airports::airports())
}
