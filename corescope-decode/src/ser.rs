//! How bytes are serialised: as lower-case hex.

use serde::Serializer;

use crate::hex::Hex;

pub(crate) fn hex<S: Serializer>(bytes: impl AsRef<[u8]>, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(&Hex(bytes.as_ref()))
}

pub(crate) fn hex_byte<S: Serializer>(byte: &u8, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(&Hex(&[*byte]))
}

pub(crate) fn hex_option<T: AsRef<[u8]>, S: Serializer>(
    bytes: &Option<T>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    match bytes {
        Some(bytes) => hex(bytes, serializer),
        None => serializer.serialize_none(),
    }
}
