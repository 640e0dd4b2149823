//! What a topic says: kind of message, region, observer.

/// A topic, taken apart by position.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Topic<'a> {
    /// What is published there.
    pub kind: TopicKind,
    /// Second segment, where it is a region.
    pub region: Option<&'a str>,
    /// Third segment, where it is an observer; placeholders (`UNKNOWN`, `DEVICE`) are none.
    pub observer: Option<&'a str>,
    /// Last segment of a bridge topic: channel number or key prefix.
    pub tail: &'a str,
    /// The observer's segment is there, but empty.
    pub empty_observer: bool,
}

/// What is published on a topic.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum TopicKind {
    /// `…/<REGION>/<OBSERVER>/status`
    Status,
    /// `…/<REGION>/<OBSERVER>/packets`, and `…/packets` without a region.
    Packets,
    /// `…/client/<KEY>/packets`
    Client,
    /// `meshcore/message/channel/<n>`
    BridgeChannel,
    /// `meshcore/message/direct/<prefix>`
    BridgeDirect,
    /// `meshcore/advertisement`, `meshcore/self_info`: a node that a companion heard, or is.
    BridgeNode,
    /// Other events of a companion bridge.
    BridgeOther,
    /// `…/raw`: a copy of what `…/packets` carries.
    Raw,
    /// `…/debug`
    Debug,
    /// `…/neighbors`
    Neighbors,
    /// `…/decoded`: the packet again, with more about it.
    Decoded,
    /// `…/serial/…`: not JSON.
    Serial,
    /// Anything else: a packet if its message has `raw`.
    Other,
}

/// Events of a companion bridge that describe a node, directly below the prefix.
const BRIDGE_NODE: &[&str] = &["advertisement", "self_info"];

/// Its other events, directly below the prefix.
const BRIDGE: &[&str] = &[
    "status",
    "events",
    "login",
    "device_info",
    "battery",
    "new_contact",
    "telemetry",
    "contacts",
    "channel_info",
    "traceroute",
    "command",
    "event",
];

impl<'a> Topic<'a> {
    /// Takes it apart; every text is a topic.
    pub fn parse(topic: &'a str) -> Self {
        let mut segments = topic.split('/');
        let [first, second, third, fourth] = std::array::from_fn(|_| segments.next());
        let plain = |kind| Self { kind, region: None, observer: None, tail: "", empty_observer: false };
        match (first, second, third, fourth) {
            (_, Some("client"), Some(key), Some("packets")) => {
                return Self { observer: Some(key), ..plain(TopicKind::Client) };
            }
            (Some("meshcore"), Some("message"), Some("channel"), Some(tail)) => {
                return Self { tail, ..plain(TopicKind::BridgeChannel) };
            }
            (Some("meshcore"), Some("message"), Some("direct"), Some(tail)) => {
                return Self { tail, ..plain(TopicKind::BridgeDirect) };
            }
            (Some("meshcore"), Some(event), None, None) if BRIDGE_NODE.contains(&event) => {
                return plain(TopicKind::BridgeNode);
            }
            (Some("meshcore"), Some(event), _, None) if BRIDGE.contains(&event) => {
                return plain(TopicKind::BridgeOther);
            }
            // `meshcore/packets`: a publisher without a region.
            (_, Some(last), None, None) => return plain(kind_of(last)),
            // `meshcore/SJC/packets`: a publisher that does not say who it is.
            (_, Some(region), Some(last), None) if kind_of(last) != TopicKind::Other => {
                return Self { region: filled(region), ..plain(kind_of(last)) };
            }
            _ => {}
        }
        let observer = third.map(str::trim);
        Self {
            kind: fourth.map_or(TopicKind::Other, kind_of),
            region: second.and_then(filled),
            observer: observer.filter(|id| !id.is_empty() && !is_placeholder(id)),
            tail: "",
            empty_observer: observer == Some(""),
        }
    }
}

/// What publishers write that do not know their own key.
pub(super) fn is_placeholder(id: &str) -> bool {
    matches!(id, "UNKNOWN" | "DEVICE")
}

fn filled(segment: &str) -> Option<&str> {
    Some(segment.trim()).filter(|segment| !segment.is_empty())
}

fn kind_of(segment: &str) -> TopicKind {
    match segment {
        "status" => TopicKind::Status,
        "packets" => TopicKind::Packets,
        "raw" => TopicKind::Raw,
        "debug" => TopicKind::Debug,
        "neighbors" => TopicKind::Neighbors,
        "decoded" => TopicKind::Decoded,
        "serial" => TopicKind::Serial,
        _ => TopicKind::Other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn topics_are_taken_apart_by_position() {
        use TopicKind::*;
        for (topic, kind, region, observer) in [
            ("meshcore/SJC/7E76/packets", Packets, Some("SJC"), Some("7E76")),
            ("meshcore/SJC/7E76/status", Status, Some("SJC"), Some("7E76")),
            ("mesh2/SJC/7E76/packets", Packets, Some("SJC"), Some("7E76")),
            ("meshcore/SJC/7E76/decoded", Decoded, Some("SJC"), Some("7E76")),
            ("meshcore/SJC/7E76/serial/commands", Serial, Some("SJC"), Some("7E76")),
            ("meshcore/SJC/UNKNOWN/packets", Packets, Some("SJC"), None),
            ("meshcore/SJC//packets", Packets, Some("SJC"), None),
            ("meshcore/client/a1b2/packets", Client, None, Some("a1b2")),
            ("meshcore/client/a1b2/status", Status, Some("client"), Some("a1b2")),
            ("meshcore/packets", Packets, None, None),
            ("meshcore/SJC/packets", Packets, Some("SJC"), None),
            ("meshcore/status", BridgeOther, None, None),
            ("meshcore/events/connection", BridgeOther, None, None),
            ("meshcore/traceroute/17", BridgeOther, None, None),
            ("meshcore/advertisement", BridgeNode, None, None),
            ("meshcore/self_info", BridgeNode, None, None),
            ("meshcore/message/channel/0", BridgeChannel, None, None),
            ("meshcore/message/direct/a1b2c3d4e5f6", BridgeDirect, None, None),
            ("some/custom/topic", Other, Some("custom"), Some("topic")),
            ("", Other, None, None),
            ("////////", Other, None, None),
        ] {
            let parsed = Topic::parse(topic);
            assert_eq!((parsed.kind, parsed.region, parsed.observer), (kind, region, observer), "{topic}");
        }
        assert!(Topic::parse("meshcore/SJC//packets").empty_observer);
    }
}
