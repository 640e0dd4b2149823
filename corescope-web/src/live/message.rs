//! A message of version 2, written at most once in each form, however many sockets get it.

use std::sync::OnceLock;

use axum::body::Bytes;
use axum::extract::ws::{Message, Utf8Bytes};

/// How messages of version 2 are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wire {
    /// Text frames.
    Json,
    /// Binary frames, a `LiveEvent` each.
    Protobuf,
}

/// The message as JSON, and as protobuf from when the first socket asks for that.
#[derive(Debug)]
pub(super) struct Written {
    json: Utf8Bytes,
    /// None inside where it cannot be written so.
    protobuf: OnceLock<Option<Bytes>>,
}

impl Written {
    pub(super) fn new(json: Utf8Bytes) -> Self {
        Self { json, protobuf: OnceLock::new() }
    }

    /// The frame of a socket; its bytes are shared with the other sockets of its kind. None where the JSON does not
    /// have the shape of the protobuf message, which our own always has.
    pub(super) fn frame(&self, wire: Wire) -> Option<Message> {
        match wire {
            Wire::Json => Some(Message::Text(self.json.clone())),
            Wire::Protobuf => {
                let encode = || crate::protobuf::live_event(&self.json).ok().map(Bytes::from);
                self.protobuf.get_or_init(encode).clone().map(Message::Binary)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_sockets_of_a_kind_share_the_bytes() {
        let json = r#"{"type":"transmission","cursor":"1.2","data":{"id":7,"hash":"ab"}}"#;
        let written = Written::new(Utf8Bytes::from_static(json));
        assert!(written.protobuf.get().is_none(), "nobody asked for it yet");
        for wire in [Wire::Json, Wire::Protobuf] {
            let (one, two) =
                (written.frame(wire).unwrap().into_data(), written.frame(wire).unwrap().into_data());
            assert_eq!(one.as_ptr(), two.as_ptr());
            assert_eq!(one, two);
        }
        let odd = Written::new(Utf8Bytes::from_static(r#"{"type":"transmission","data":7}"#));
        assert!(odd.frame(Wire::Protobuf).is_none() && odd.frame(Wire::Json).is_some());
    }
}
