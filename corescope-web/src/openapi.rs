//! The API's description, made from the types that the handlers write.

use axum::response::Response;
use http::{HeaderValue, header};
use serde_json::{Map, Value, json};
use utoipa::openapi::security::{ApiKey, ApiKeyValue, SecurityScheme};
use utoipa::{Modify, OpenApi};

use crate::api::planned::PLANNED;
use crate::api::{
    admin, audio_lab, channels, config, coverage, decode, ledger, nodes, observers, packets, scope_stats,
    system,
};
use crate::live;

/// Everything that is built.
#[derive(OpenApi)]
#[openapi(
    info(
        title = "CoreScope",
        description = "Packets, nodes and observers of a MeshCore mesh. The live feed is described in LIVE.md; its messages are the schemas ServerMessage and ClientMessage. Packet, node and observer routes also answer application/x-protobuf.",
        license(name = "MIT OR Apache-2.0", identifier = "MIT OR Apache-2.0")
    ),
    paths(
        packets::list::list, packets::detail::detail, packets::timestamps::timestamps,
        packets::observations::observations, packets::submit::submit, packets::traces::traces,
        decode::decode, decode::dissect,
        nodes::list::list, nodes::search::search, nodes::search::resolve, nodes::health::bulk_health,
        nodes::status::network_status, nodes::detail::detail, nodes::health::health, nodes::battery::battery,
        coverage::routes::of_node, coverage::routes::all, coverage::routes::board,
        observers::list::list, observers::list::detail, observers::metrics::metrics, observers::summary::summary,
        channels::list::list, channels::messages::messages, channels::known::known,
        config::routes::cache, config::routes::client, config::routes::regions, config::routes::theme,
        config::routes::map, config::routes::areas, config::routes::polygons, config::routes::airports,
        config::geo_filter::get, config::geo_filter::put,
        system::ready::livez, system::ready::readyz, system::health::healthz, system::health::health, system::stats::stats, system::perf::perf,
        system::perf::io, system::perf::sqlite, system::perf::reset,
        system::write_sources::get_write_sources, system::write_sources::get_mqtt_status,
        scope_stats::scope_stats, audio_lab::buckets, ledger::ledger,
        admin::prune::prune, admin::prune::status, admin::dropped::dropped, admin::backup::backup,
    ),
    components(schemas(live::ServerMessage, live::ClientMessage, crate::error::ErrorBody, crate::decode_service::DecryptedSchema)),
    modifiers(&Keys)
)]
struct Document;

/// The key of write and admin routes.
struct Keys;

impl Modify for Keys {
    fn modify(&self, document: &mut utoipa::openapi::OpenApi) {
        let components = document.components.get_or_insert_default();
        let key = ApiKey::Header(ApiKeyValue::new("X-API-Key"));
        components.add_security_scheme("ApiKeyAuth", SecurityScheme::ApiKey(key));
    }
}

/// The whole document: what is built, and what is planned and answers 501.
pub fn document() -> Value {
    let mut document = serde_json::to_value(Document::openapi()).unwrap_or_default();
    if let Some(paths) = document.get_mut("paths").and_then(Value::as_object_mut) {
        for (path, item) in paths.iter_mut() {
            for (method, operation) in item.as_object_mut().into_iter().flatten() {
                complete(method, path, operation);
            }
        }
        for (method, path) in PLANNED {
            let known = paths.entry(path).or_insert_with(|| Value::Object(Map::new()));
            if let Some(known) = known.as_object_mut() {
                known.entry(method).or_insert_with(|| planned(method, path));
            }
        }
        paths.sort_keys();
    }
    if let Some(schemas) = document.pointer_mut("/components/schemas").and_then(Value::as_object_mut) {
        schemas.values_mut().for_each(let_forms_overlap);
    }
    document
}

/// Forms without a tag may overlap (an empty list is one of packets and one of groups): any of them, not just one.
fn let_forms_overlap(schema: &mut Value) {
    let Some(schema) = schema.as_object_mut() else { return };
    let untagged =
        |forms: &Value| forms.as_array().is_some_and(|f| f.iter().all(|f| f.get("$ref").is_some()));
    if schema.get("oneOf").is_some_and(untagged)
        && let Some(forms) = schema.remove("oneOf")
    {
        schema.insert("anyOf".to_owned(), forms);
    }
}

/// Gives an operation a name of its own and the answer that any of them may give.
fn complete(method: &str, path: &str, operation: &mut Value) {
    operation["operationId"] = Value::from(name_of(method, path));
    let responses = operation.get_mut("responses").and_then(Value::as_object_mut);
    if let Some(responses) = responses {
        responses.entry("default").or_insert_with(|| error("Anything that went wrong"));
    }
}

fn error(description: &str) -> Value {
    json!({
        "description": description,
        "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}}
    })
}

/// `get_nodes_pubkey_health` for `GET /api/nodes/{pubkey}/health`.
fn name_of(method: &str, path: &str) -> String {
    let words = path.trim_start_matches("/api").split(|c: char| !c.is_ascii_alphanumeric());
    words.filter(|word| !word.is_empty()).fold(method.to_owned(), |name, word| name + "_" + word)
}

fn planned(method: &str, path: &str) -> Value {
    let parameters: Vec<Value> = path
        .split('/')
        .filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'))
        .map(|name| json!({"name": name, "in": "path", "required": true, "schema": {"type": "string"}}))
        .collect();
    json!({
        "tags": ["planned"],
        "summary": "Not built yet",
        "operationId": name_of(method, path),
        "parameters": parameters,
        "responses": {"501": error("Not built yet")},
        "x-planned": true
    })
}

/// The document as it is served and committed: indented, with a newline at the end.
pub fn text() -> String {
    let mut text = serde_json::to_string_pretty(&document()).unwrap_or_default();
    text.push('\n');
    text
}

/// `GET /api/spec`.
pub(crate) async fn spec() -> Response {
    static TEXT: std::sync::OnceLock<bytes::Bytes> = std::sync::OnceLock::new();
    let mut response = crate::json::response_of(TEXT.get_or_init(|| text().into()).clone());
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json; charset=utf-8"));
    headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_planned_operation_is_marked_and_operations_have_names_of_their_own() {
        let document = document();
        assert_eq!(document["openapi"], "3.1.0");
        let mut names = hashbrown::HashSet::new();
        let mut planned = 0;
        for (path, item) in document["paths"].as_object().unwrap() {
            for (method, operation) in item.as_object().unwrap() {
                let name = operation["operationId"].as_str().unwrap();
                assert!(names.insert(name.to_owned()), "{method} {path}: {name} is there twice");
                planned += usize::from(operation["x-planned"] == true);
            }
        }
        assert_eq!(planned, PLANNED.len());
    }

    /// The committed document is what the types say. `CORESCOPE_WRITE_OPENAPI=1` writes it anew.
    #[test]
    fn the_committed_document_is_current() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/ui/openapi.json");
        if std::env::var_os("CORESCOPE_WRITE_OPENAPI").is_some() {
            std::fs::write(path, text()).unwrap();
        }
        let committed = std::fs::read_to_string(path).unwrap_or_default();
        assert!(
            committed == text(),
            "ui/openapi.json is not current: run CORESCOPE_WRITE_OPENAPI=1 cargo test -p corescope-web openapi, then npm run api in ui/"
        );
    }
}
