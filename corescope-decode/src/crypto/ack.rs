//! Which ACK a message should get.
//!
//! Source of fact: MeshCore `src/helpers/BaseChatMesh.cpp`, `composeMsgPacket` and `onPeerDataRecv`.

use super::sha256;

/// The checksum that acknowledges a text message: SHA-256 over the plaintext up to the text's end
/// and a public key, cut to four bytes.
///
/// `covered` is the plaintext from its timestamp to before the text's first NUL; `key` is the
/// sender's for a plain message and the receiver's for a signed one.
pub fn expected_ack(covered: &[u8], key: &[u8; 32]) -> [u8; 4] {
    cut(sha256(&[covered, key]))
}

/// The same, covering time, type byte, author and text.
pub(crate) fn expected_text_ack(parts: [&[u8]; 4], key: &[u8; 32]) -> [u8; 4] {
    let [time, kind, author, text] = parts;
    cut(sha256(&[time, kind, author, text, key]))
}

const fn cut(digest: [u8; 32]) -> [u8; 4] {
    let [a, b, c, d, ..] = digest;
    [a, b, c, d]
}

/// The checksum that acknowledges a keep-alive: over the first nine bytes of its plaintext and the
/// sender's key. `None` if it is shorter.
pub fn expected_keep_alive_ack(plaintext: &[u8], sender: &[u8; 32]) -> Option<[u8; 4]> {
    plaintext.get(..9).map(|covered| expected_ack(covered, sender))
}
