//! Environment variables: the names of the original, and `CORESCOPE_<PATH>` for every key.

use serde_json::Value;

use super::keys::KEYS;
use super::layers::{Layers, Origin};
use super::nearest::nearest;

/// Variables of ours that are no keys.
const RESERVED: &[&str] = &[
    "CORESCOPE_INGESTOR_STATS",
    "CORESCOPE_DB_SLOW_WRITER_MS",
    "CORESCOPE_UI_DIST",
    "CORESCOPE_LOG_FORMAT",
    "CORESCOPE_DATA",
    "CORESCOPE_CONFIG",
];

/// Lays the environment over what is there.
///
/// `read` reads the file that a `…_FILE` variable names.
pub(super) fn apply(
    layers: &mut Layers,
    variables: &[(String, String)],
    read: &dyn Fn(&str) -> Result<String, std::io::Error>,
) {
    original_names(layers, variables);
    for (name, text) in variables {
        let Some(path) = name.strip_prefix("CORESCOPE_") else { continue };
        if RESERVED.contains(&name.as_str()) {
            continue;
        }
        let origin = Origin::Env(name.clone());
        if let Some(path) = path_of(path) {
            layers.set_text(&path, text, origin);
        } else if let Some(path) = path.strip_suffix("_FILE").and_then(path_of) {
            match read(text) {
                Ok(content) => layers.set_text(&path, content.trim(), origin),
                Err(error) => layers.warn(origin, format!("cannot read {text}: {error}; {path} stays unset")),
            }
        } else {
            let names: Vec<String> = KEYS.iter().map(|key| variable_of(key.path)).collect();
            let hint = nearest(path, names.iter().map(String::as_str))
                .map_or(String::new(), |near| format!("; did you mean CORESCOPE_{near}?"));
            layers.warn(origin, format!("no key has this name{hint}"));
        }
    }
}

fn original_names(layers: &mut Layers, variables: &[(String, String)]) {
    let value = |wanted: &str| {
        variables
            .iter()
            .find(|(name, text)| name == wanted && !text.trim().is_empty())
            .map(|(_, text)| text.trim())
    };
    for (name, path) in [
        ("PORT", "port"),
        ("DB_PATH", "dbPath"),
        ("CHANNEL_KEYS_PATH", "channelKeysPath"),
        ("CORS_ALLOWED_ORIGINS", "corsAllowedOrigins"),
    ] {
        if let Some(text) = value(name) {
            layers.set_text(path, text, Origin::Env(name.to_owned()));
        }
    }
    if let Some(broker) = value("MQTT_BROKER") {
        let origin = Origin::Env("MQTT_BROKER".to_owned());
        let replaced = layers.indices("mqttSources").len();
        if replaced > 0 || layers.get("mqtt.broker").is_some() {
            layers.warn(origin.clone(), format!("replaces all {} sources of the file", replaced.max(1)));
        }
        layers.remove_list("mqttSources");
        layers.set("mqttSources[0].name", Value::from("env"), origin.clone());
        layers.set("mqttSources[0].broker", Value::from(broker), origin.clone());
        let topic = value("MQTT_TOPIC").unwrap_or("meshcore/#");
        layers.set("mqttSources[0].topics", Value::from(vec![topic]), origin);
    } else if value("MQTT_TOPIC").is_some() {
        layers.warn(Origin::Env("MQTT_TOPIC".to_owned()), "has no effect without MQTT_BROKER");
    }
    if let Some(text) = value("GOMEMLIMIT") {
        let origin = Origin::Env("GOMEMLIMIT".to_owned());
        match go_memory(text) {
            Some(0) => {}
            Some(mb) => {
                layers.set("runtime.maxMemoryMB", Value::from(mb), origin.clone());
                layers.warn(origin, format!("taken as memory budget: runtime.maxMemoryMB = {mb}"));
            }
            None => layers.warn(origin, "expected a size such as 850MiB; it has no effect"),
        }
    }
    if value("ENABLE_PPROF") == Some("true") {
        layers.warn(
            Origin::Env("ENABLE_PPROF".to_owned()),
            "not needed because there is no Go runtime to profile; see --metrics-listen",
        );
    }
}

/// `RETENTION__PACKETDAYS` → `retention.packetDays`, `MQTTSOURCES__0__BROKER` → `mqttSources[0].broker`.
fn path_of(variable: &str) -> Option<String> {
    let mut index = None;
    let mut wanted = String::new();
    for part in variable.split("__") {
        if part.bytes().all(|b| b.is_ascii_digit()) && !part.is_empty() && index.is_none() {
            index = Some(part.parse::<u16>().ok()?);
            wanted.push_str("[]");
        } else {
            if !wanted.is_empty() {
                wanted.push('.');
            }
            wanted.push_str(part);
        }
    }
    let key = KEYS.iter().find(|key| key.path.eq_ignore_ascii_case(&wanted))?;
    Some(match index {
        Some(index) => key.path.replace("[]", &format!("[{index}]")),
        None => key.path.to_owned(),
    })
}

/// The variable (after `CORESCOPE_`) of a key's path.
pub(super) fn variable_of(path: &str) -> String {
    path.replace("[]", ".0").replace('.', "__").to_ascii_uppercase()
}

/// Go's memory limit (`850MiB`, `1GiB`, bytes, `off`) in MB, at least 1.
fn go_memory(text: &str) -> Option<i64> {
    if text == "off" {
        return Some(0);
    }
    let digits = text.trim_end_matches(|c: char| !c.is_ascii_digit());
    let unit: u64 = match text.get(digits.len()..)? {
        "" | "B" => 1,
        "KiB" => 1 << 10,
        "MiB" => 1 << 20,
        "GiB" => 1 << 30,
        "TiB" => 1 << 40,
        _ => return None,
    };
    let bytes = digits.parse::<u64>().ok()?.checked_mul(unit)?;
    i64::try_from((bytes >> 20).max(1)).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_key_has_a_variable_and_back() {
        for key in KEYS {
            let path = path_of(&variable_of(key.path)).unwrap_or_else(|| panic!("{}", key.path));
            assert_eq!(path, key.path.replace("[]", "[0]"));
        }
        assert_eq!(path_of("MQTTSOURCES__3__PASSWORD").unwrap(), "mqttSources[3].password");
        assert_eq!(path_of("NOTHING"), None);
    }

    #[test]
    fn memory_limits_are_go_s() {
        for (text, mb) in [
            ("850MiB", Some(850)),
            ("2GiB", Some(2048)),
            ("1048576", Some(1)),
            ("off", Some(0)),
            ("2GB", None),
            ("", None),
        ] {
            assert_eq!(go_memory(text), mb, "{text}");
        }
    }
}
