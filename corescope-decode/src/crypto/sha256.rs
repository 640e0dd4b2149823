//! SHA-256 of short messages in one go.

use sha2::block_api::compress256;

/// The state SHA-256 starts with (FIPS 180-4, 5.3.3).
pub(super) const INITIAL: [u32; 8] =
    [0x6a09_e667, 0xbb67_ae85, 0x3c6e_f372, 0xa54f_f53a, 0x510e_527f, 0x9b05_688c, 0x1f83_d9ab, 0x5be0_cd19];

/// SHA-256 of the parts, one after another.
pub fn sha256(parts: &[&[u8]]) -> [u8; 32] {
    use sha2::Digest;
    let mut hasher = sha2::Sha256::new();
    for part in parts {
        hasher.update(part);
    }
    hasher.finalize().into()
}

/// SHA-256 of one short part, quicker.
#[inline]
pub(super) fn sha256_of(bytes: &[u8]) -> [u8; 32] {
    let state = finish(INITIAL, 0, &[], bytes);
    let mut out = [0; 32];
    for (place, word) in out.chunks_exact_mut(4).zip(state) {
        place.copy_from_slice(&word.to_be_bytes());
    }
    out
}

/// SHA-256 of `head` and `body`, cut to its first eight bytes.
#[inline]
pub(crate) fn first_eight(head: &[u8], body: &[u8]) -> [u8; 8] {
    let [a, b, ..] = finish(INITIAL, 0, head, body);
    (u64::from(a) << 32 | u64::from(b)).to_be_bytes()
}

/// Continues from `state`, into which `before` bytes have gone (whole blocks), with `head` of less
/// than a block and `body`; pads, and returns the final state.
///
/// Packets are short, so the streaming form of the sha2 crate spends more on its buffer than on a
/// block. The one part that needs putting together, the head, is known where this is called.
#[inline(always)]
pub(super) fn finish(mut state: [u32; 8], before: usize, head: &[u8], body: &[u8]) -> [u32; 8] {
    match head.len() + body.len() {
        ..56 => compress256(&mut state, Padded::<1>::new(before, head, body).blocks()),
        56..=MAX_SHORT => compress256(&mut state, Padded::<4>::new(before, head, body).blocks()),
        _ => finish_long(&mut state, before, head, body),
    }
    state
}

/// The longest message that [`Padded`] takes; no frame is longer.
const MAX_SHORT: usize = 4 * 64 - 9;

/// The end of a message with its padding, in at most `N` blocks, ready to go into any state.
#[derive(Clone)]
pub(super) struct Padded<const N: usize> {
    blocks: [[u8; 64]; N],
    used: usize,
}

impl<const N: usize> Padded<N> {
    /// `before` bytes have gone into the state; `head` and `body` have at most 64 × `N` − 9.
    #[inline(always)]
    pub(super) fn new(before: usize, head: &[u8], body: &[u8]) -> Self {
        let mut blocks = [[0_u8; 64]; N];
        let buffer = blocks.as_flattened_mut();
        let len = head.len() + body.len();
        if let Some(place) = buffer.get_mut(..head.len()) {
            place.copy_from_slice(head);
        }
        // Sixteen bytes at a time: calling for a copy of so few takes longer than copying them.
        let (mut at, mut rest) = (head.len(), body);
        while let Some((chunk, more)) = rest.split_first_chunk::<16>() {
            if let Some(place) = buffer.get_mut(at..at + 16) {
                place.copy_from_slice(chunk);
            }
            (at, rest) = (at + 16, more);
        }
        if !rest.is_empty()
            && let Some(place) = buffer.get_mut(at..len)
        {
            place.copy_from_slice(rest);
        }
        if let Some(mark) = buffer.get_mut(len) {
            *mark = 0x80;
        }
        let used = (len + 9).div_ceil(64).min(N);
        let bits = ((before + len) as u64) * 8;
        if let Some(place) = buffer.get_mut(used * 64 - 8..used * 64) {
            place.copy_from_slice(&bits.to_be_bytes());
        }
        Self { blocks, used }
    }

    #[inline(always)]
    pub(super) fn blocks(&self) -> &[[u8; 64]] {
        self.blocks.get(..self.used).unwrap_or_default()
    }
}

/// The same for a message longer than any packet: its whole blocks first.
#[cold]
fn finish_long(state: &mut [u32; 8], before: usize, head: &[u8], body: &[u8]) {
    let (first, rest) = body.split_at_checked(64 - head.len()).unwrap_or_default();
    let mut block = [0; 64];
    for (place, byte) in block.iter_mut().zip(head.iter().chain(first)) {
        *place = *byte;
    }
    compress256(state, &[block]);
    let (whole, rest) = rest.as_chunks::<64>();
    compress256(state, whole);
    let before = before + 64 * (1 + whole.len());
    compress256(state, Padded::<2>::new(before, &[], rest).blocks());
}

#[cfg(test)]
mod tests {
    use super::*;
    use sha2::Digest;

    #[test]
    fn every_length_agrees_with_the_streaming_form() {
        let bytes: alloc::vec::Vec<u8> = (0..600_u32).map(|n| (n * 7 % 251) as u8).collect();
        for len in 0..bytes.len() {
            let expected: [u8; 32] = sha2::Sha256::digest(&bytes[..len]).into();
            assert_eq!(sha256_of(&bytes[..len]), expected, "{len}");
            for split in [0, 1, 3] {
                let Some((head, body)) = bytes[..len].split_at_checked(split) else { continue };
                assert_eq!(sha256(&[head, body]), expected, "{len}");
                assert_eq!(first_eight(head, body), expected[..8], "{split} {len}");
            }
        }
    }
}
