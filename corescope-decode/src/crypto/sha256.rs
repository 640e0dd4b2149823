//! SHA-256 of short messages in one go.

use sha2::block_api::compress256;

/// The state SHA-256 starts with (FIPS 180-4, 5.3.3).
pub(super) const INITIAL: [u32; 8] =
    [0x6a09_e667, 0xbb67_ae85, 0x3c6e_f372, 0xa54f_f53a, 0x510e_527f, 0x9b05_688c, 0x1f83_d9ab, 0x5be0_cd19];

/// The longest message [`finish`] takes; no frame is longer.
pub(super) const MAX_SHORT: usize = 4 * 64 - 9;

/// SHA-256 of the parts, one after another.
pub fn sha256(parts: &[&[u8]]) -> [u8; 32] {
    let len: usize = parts.iter().map(|part| part.len()).sum();
    if len <= MAX_SHORT {
        return to_bytes(&finish(INITIAL, 0, parts));
    }
    use sha2::Digest;
    let mut hasher = sha2::Sha256::new();
    for part in parts {
        hasher.update(part);
    }
    hasher.finalize().into()
}

/// Continues from `state`, into which `before` bytes have gone, with `parts` of at most
/// [`MAX_SHORT`] bytes, pads, and returns the final state. Bytes beyond that are ignored.
#[inline]
pub(super) fn finish(mut state: [u32; 8], before: usize, parts: &[&[u8]]) -> [u32; 8] {
    let len: usize = parts.iter().map(|part| part.len()).sum();
    if len < 56 {
        finish_in::<1>(&mut state, before, parts);
    } else {
        finish_in::<4>(&mut state, before, parts);
    }
    state
}

/// The same in at most `N` blocks: one is the common case, and clearing four costs as much as
/// hashing one.
#[inline(always)]
fn finish_in<const N: usize>(state: &mut [u32; 8], before: usize, parts: &[&[u8]]) {
    let mut blocks = [[0_u8; 64]; N];
    let buffer = blocks.as_flattened_mut();
    let mut len = 0;
    for part in parts {
        let end = len + part.len();
        if let Some(place) = buffer.get_mut(len..end) {
            place.copy_from_slice(part);
            len = end;
        }
    }
    if let Some(mark) = buffer.get_mut(len) {
        *mark = 0x80;
    }
    let used = (len + 9).div_ceil(64).min(N);
    let bits = ((before + len) as u64) * 8;
    if let Some(place) = buffer.get_mut(used * 64 - 8..used * 64) {
        place.copy_from_slice(&bits.to_be_bytes());
    }
    compress256(state, blocks.get(..used).unwrap_or_default());
}

/// The state as digest.
pub(super) fn to_bytes(state: &[u32; 8]) -> [u8; 32] {
    let mut out = [0; 32];
    for (place, word) in out.chunks_exact_mut(4).zip(state) {
        place.copy_from_slice(&word.to_be_bytes());
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use sha2::Digest;

    #[test]
    fn every_length_agrees_with_the_streaming_form() {
        let bytes: alloc::vec::Vec<u8> = (0..400_u32).map(|n| (n * 7 % 251) as u8).collect();
        for len in 0..bytes.len() {
            let (head, tail) = bytes[..len].split_at(len / 3);
            let expected: [u8; 32] = sha2::Sha256::digest(&bytes[..len]).into();
            assert_eq!(sha256(&[head, tail]), expected, "{len}");
        }
    }
}
