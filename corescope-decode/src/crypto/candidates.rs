//! Which keys a packet may be encrypted with, found without a look at the others.

use super::hmac::{HmacKey, Message};

/// Keys by channel hash. The midstates of one hash lie together, so that a trial reads nothing
/// else.
#[derive(Clone)]
pub(super) struct Candidates {
    buckets: alloc::vec::Vec<Bucket>,
}

#[derive(Clone, Default)]
struct Bucket {
    macs: alloc::vec::Vec<HmacKey>,
    rows: alloc::vec::Vec<u32>,
}

impl Candidates {
    pub(super) fn new() -> Self {
        Self { buckets: alloc::vec![Bucket::default(); 256] }
    }

    pub(super) fn push(&mut self, hash: u8, mac: HmacKey, row: u32) {
        if let Some(bucket) = self.buckets.get_mut(usize::from(hash)) {
            bucket.macs.push(mac);
            bucket.rows.push(row);
        }
    }

    /// The rows of a channel hash, in the order they were added.
    pub(super) fn rows(&self, hash: u8) -> &[u32] {
        self.buckets.get(usize::from(hash)).map_or(&[], |bucket| &bucket.rows)
    }

    /// The rows whose MAC over `ciphertext` is `mac`.
    pub(super) fn matching(
        &self,
        hash: u8,
        mac: [u8; 2],
        ciphertext: &[u8],
    ) -> impl Iterator<Item = u32> + use<'_> {
        let bucket = self.buckets.get(usize::from(hash)).filter(|bucket| !bucket.rows.is_empty());
        let tried = bucket.map(|bucket| (bucket, Message::new(ciphertext)));
        tried.into_iter().flat_map(move |(bucket, message)| {
            let keys = bucket.macs.iter().zip(&bucket.rows);
            keys.filter(move |(key, _)| key.mac2_of(&message) == mac).map(|(_, &row)| row)
        })
    }
}
