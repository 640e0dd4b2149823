//! `GET /api/config/theme`: names, colours and the home page.
//!
//! Built-in values, the configuration over them, `theme.json` over both: key by key, one level deep.

use std::io::Read;
use std::path::Path;

use corescope_core::config::Config;
use serde::Serialize;
use serde_json::{Map, Value, json};
use utoipa::ToSchema;

use super::client::of;

/// Largest `theme.json` that is read, bytes.
const MAX_THEME: u64 = 4 << 20;

/// Names, colours and the home page. Values may be extended by the operator.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Theme {
    /// Name, tagline, logo, links.
    #[schema(value_type = Object)]
    pub branding: Map<String, Value>,
    /// Colours of the light theme, by name.
    #[schema(value_type = Object)]
    pub theme: Map<String, Value>,
    /// Colours of the dark theme, by name.
    #[schema(value_type = Object)]
    pub theme_dark: Map<String, Value>,
    /// Colours of roles.
    #[schema(value_type = Object)]
    pub node_colors: Map<String, Value>,
    /// Colours of payload types; `REQUEST` is an old name of `REQ`.
    #[schema(value_type = Object)]
    pub type_colors: Map<String, Value>,
    /// The home page.
    #[schema(value_type = Object)]
    pub home: Map<String, Value>,
    /// Outline of map markers.
    #[schema(value_type = Object)]
    pub marker_stroke: Map<String, Value>,
}

/// The theme now. `theme_json` is read on every call, so that an edit shows at once; a file that is missing or no
/// JSON object is passed over.
pub fn theme(config: &Config, theme_json: &Path) -> Theme {
    let file = read(theme_json);
    let laid_over = |key: &str, built_in: Value| {
        let mut out = object(&built_in).cloned().unwrap_or_default();
        for layer in [object(of(config, key)), file.get(key).and_then(object)].into_iter().flatten() {
            out.extend(layer.iter().map(|(k, v)| (k.clone(), v.clone())));
        }
        out
    };
    // the old name counts as the new one, whichever layer it stands in
    let mut type_colors = object(&TYPES.value()).cloned().unwrap_or_default();
    for layer in
        [object(of(config, "typeColors")), file.get("typeColors").and_then(object)].into_iter().flatten()
    {
        for (name, colour) in layer {
            let name = if name == "REQUEST" && !layer.contains_key("REQ") { "REQ" } else { name };
            type_colors.insert(name.to_owned(), colour.clone());
        }
    }
    let request = type_colors.get("REQ").cloned().unwrap_or_default();
    type_colors.insert("REQUEST".to_owned(), request);
    Theme {
        branding: laid_over(
            "branding",
            json!({"siteName": "CoreScope", "tagline": "Real-time MeshCore LoRa mesh network analyzer"}),
        ),
        theme: laid_over("theme", LIGHT.value()),
        theme_dark: laid_over("themeDark", DARK.value()),
        node_colors: laid_over("nodeColors", ROLES.value()),
        type_colors,
        home: laid_over("home", home()),
        marker_stroke: laid_over(
            "markerStroke",
            json!({"color": "rgba(255,255,255,0.85)", "width": 1, "opacity": 1}),
        ),
    }
}

fn object(value: &Value) -> Option<&Map<String, Value>> {
    value.as_object()
}

fn read(path: &Path) -> Map<String, Value> {
    let mut bytes = Vec::new();
    let read = std::fs::File::open(path).and_then(|file| file.take(MAX_THEME).read_to_end(&mut bytes));
    match read.map(|_| serde_json::from_slice(bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&bytes))) {
        Ok(Ok(Value::Object(map))) => map,
        _ => Map::new(),
    }
}

struct Colours(&'static [(&'static str, &'static str)]);

impl Colours {
    fn value(&self) -> Value {
        self.0.iter().map(|(name, colour)| ((*name).to_owned(), json!(colour))).collect::<Map<_, _>>().into()
    }
}

const ROLES: Colours = Colours(&[
    ("repeater", "#dc2626"),
    ("companion", "#2563eb"),
    ("room", "#16a34a"),
    ("sensor", "#d97706"),
    ("observer", "#8b5cf6"),
]);

const TYPES: Colours = Colours(&[
    ("ADVERT", "#22c55e"),
    ("GRP_TXT", "#3b82f6"),
    ("TXT_MSG", "#f59e0b"),
    ("ACK", "#6b7280"),
    ("REQ", "#a855f7"),
    ("RESPONSE", "#06b6d4"),
    ("TRACE", "#ec4899"),
    ("PATH", "#14b8a6"),
    ("ANON_REQ", "#f43f5e"),
    ("UNKNOWN", "#6b7280"),
]);

const LIGHT: Colours = Colours(&[
    ("accent", "#4a9eff"),
    ("accentHover", "#6db3ff"),
    ("navBg", "#0f0f23"),
    ("navBg2", "#1a1a2e"),
    ("navText", "#ffffff"),
    ("navTextMuted", "#cbd5e1"),
    ("background", "#f4f5f7"),
    ("text", "#1a1a2e"),
    ("textMuted", "#5b6370"),
    ("statusGreen", "#22c55e"),
    ("statusYellow", "#eab308"),
    ("statusRed", "#ef4444"),
    ("border", "#e2e5ea"),
    ("surface1", "#ffffff"),
    ("surface2", "#ffffff"),
    ("surface3", "#ffffff"),
    ("cardBg", "#ffffff"),
    ("contentBg", "#f4f5f7"),
    ("detailBg", "#ffffff"),
    ("inputBg", "#ffffff"),
    ("rowStripe", "#f9fafb"),
    ("rowHover", "#eef2ff"),
    ("selectedBg", "#dbeafe"),
    ("sectionBg", "#eef2ff"),
]);

const DARK: Colours = Colours(&[
    ("accent", "#4a9eff"),
    ("accentHover", "#6db3ff"),
    ("navBg", "#0f0f23"),
    ("navBg2", "#1a1a2e"),
    ("navText", "#ffffff"),
    ("navTextMuted", "#cbd5e1"),
    ("background", "#0f0f23"),
    ("text", "#e2e8f0"),
    ("textMuted", "#a8b8cc"),
    ("statusGreen", "#22c55e"),
    ("statusYellow", "#eab308"),
    ("statusRed", "#ef4444"),
    ("border", "#334155"),
    ("surface1", "#1a1a2e"),
    ("surface2", "#232340"),
    ("surface3", "#2d2d50"),
    ("cardBg", "#1a1a2e"),
    ("contentBg", "#0f0f23"),
    ("detailBg", "#232340"),
    ("inputBg", "#1e1e34"),
    ("rowStripe", "#1e1e34"),
    ("rowHover", "#2d2d50"),
    ("selectedBg", "#1e3a5f"),
    ("sectionBg", "#1e1e34"),
]);

/// The home page of an installation that configures none.
fn home() -> Value {
    json!({
        "heroTitle": "Your mesh, seen from outside",
        "heroSubtitle": "Find your node and see who hears it, over which repeaters, and how well.",
        "steps": [
            {"emoji": "🔎", "title": "Find your node", "description": "Search for its name or key and add it to *My mesh*."},
            {"emoji": "📡", "title": "Send an advert", "description": "A flood advert makes the mesh learn of you; it shows here within seconds."},
            {"emoji": "🗺️", "title": "Look at the map", "description": "Repeaters, rooms and companions, with the paths packets took."},
            {"emoji": "📊", "title": "Watch its health", "description": "When a node was heard last, by whom, and with which signal."}
        ],
        "footerLinks": [
            {"label": "MeshCore", "url": "https://meshcore.co.uk"},
            {"label": "Packets", "url": "#/packets"}
        ]
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use corescope_core::config::{self, Input};

    fn config(text: &str) -> Config {
        config::load(&Input { file: Some(("config.json", text)), ..Input::default() }).unwrap().config
    }

    #[test]
    fn the_file_lies_over_the_configuration_key_by_key() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("theme.json");
        let c = config(
            r##"{"branding": {"siteName": "Mine", "logoUrl": "x"}, "typeColors": {"REQUEST": "#010203"}}"##,
        );
        let before = theme(&c, &file);
        assert_eq!(before.branding["siteName"], "Mine");
        assert_eq!(
            (&before.type_colors["REQ"], &before.type_colors["REQUEST"]),
            (&json!("#010203"), &json!("#010203"))
        );
        std::fs::write(
            &file,
            r##"{"branding": {"siteName": "File"}, "typeColors": {"REQ": "#ffffff"}, "theme": 7}"##,
        )
        .unwrap();
        let after = theme(&c, &file);
        assert_eq!((&after.branding["siteName"], &after.branding["logoUrl"]), (&json!("File"), &json!("x")));
        assert_eq!(after.type_colors["REQUEST"], "#ffffff");
        assert_eq!(after.theme.len(), LIGHT.0.len());
        std::fs::write(&file, "not json").unwrap();
        assert_eq!(theme(&c, &file).branding["siteName"], "Mine");
    }
}
