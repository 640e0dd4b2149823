//! The order of packets of equal size.
//!
//! Eight packets are drawn from a list sorted by size, and many packets have the same size: which ones are drawn is
//! decided by where a sort that is not stable leaves equals. Clients that show the same samples for years notice a
//! change, so this is the sort that the original's runtime uses: pattern-defeating quicksort (O. Peters,
//! arXiv:2106.05123) as in Go's `sort` package, whose copyright notice is in this crate's `NOTICE.md`.

/// Up to here by insertion, which keeps equals in order.
const INSERTION: usize = 12;
/// From here on the pivot is the median of three medians.
const NINTHER: usize = 50;
/// So many exchanges while the pivot was sought mean that the list runs backwards.
const ALL_SWAPPED: u32 = 12;
/// Pairs out of order that are mended before a list is no longer taken for sorted.
const MENDED: usize = 5;

/// Sorts by `key`.
pub(super) fn sort_by_size<T>(list: &mut [T], key: impl Fn(&T) -> usize + Copy) {
    let bad_splits = usize::BITS - list.len().leading_zeros();
    Sort { key, marker: std::marker::PhantomData }.sort(list, None, bad_splits);
}

#[derive(Clone, Copy)]
struct Sort<T, K> {
    key: K,
    marker: std::marker::PhantomData<fn(&T)>,
}

/// What looking for the pivot told of the order.
#[derive(Clone, Copy, PartialEq)]
enum Hint {
    Rising,
    Falling,
    Unknown,
}

impl<T, K: Fn(&T) -> usize + Copy> Sort<T, K> {
    fn less(&self, list: &[T], i: usize, j: usize) -> bool {
        match (list.get(i), list.get(j)) {
            (Some(a), Some(b)) => (self.key)(a) < (self.key)(b),
            _ => false,
        }
    }

    /// `floor` is the key before the list: nothing in it is smaller.
    fn sort(&self, mut list: &mut [T], mut floor: Option<usize>, mut bad_splits: u32) {
        let (mut balanced, mut in_order) = (true, true);
        loop {
            let len = list.len();
            if len <= INSERTION {
                return self.insert_all(list);
            }
            if bad_splits == 0 {
                return list.sort_by_key(self.key);
            }
            if !balanced {
                scatter(list);
                bad_splits -= 1;
            }
            let (mut pivot, mut hint) = self.pivot(list);
            if hint == Hint::Falling {
                list.reverse();
                pivot = len - 1 - pivot;
                hint = Hint::Rising;
            }
            if balanced && in_order && hint == Hint::Rising && self.mend(list) {
                return;
            }
            let pivot_key = list.get(pivot).map_or(0, self.key);
            if floor.is_some_and(|floor| floor >= pivot_key) {
                let equals = self.split_equals(list, pivot);
                list = &mut list[equals..];
                floor = Some(pivot_key);
                continue;
            }
            let (middle, was_split) = self.split(list, pivot);
            in_order = was_split;
            let (left, right) = list.split_at_mut(middle);
            // the bound counts the pivot to the right side
            let (left_len, right_len) = (left.len(), right.len());
            let right = &mut right[1..];
            balanced = left_len.min(right_len) >= len / 8;
            if left_len < right_len {
                self.sort(left, floor, bad_splits);
                floor = Some(pivot_key);
                list = right;
            } else {
                self.sort(right, Some(pivot_key), bad_splits);
                list = left;
            }
        }
    }

    fn insert_all(&self, list: &mut [T]) {
        for end in 1..list.len() {
            self.sink(list, end, 0);
        }
    }

    /// Moves the element at `at` down to its place, not below `stop`.
    fn sink(&self, list: &mut [T], mut at: usize, stop: usize) {
        while at > stop && self.less(list, at, at - 1) {
            list.swap(at, at - 1);
            at -= 1;
        }
    }

    fn pivot(&self, list: &[T]) -> (usize, Hint) {
        let quarter = list.len() / 4;
        let mut swaps = 0;
        let mut places = [quarter, quarter * 2, quarter * 3];
        if list.len() >= NINTHER {
            places = places.map(|at| self.median(list, [at - 1, at, at + 1], &mut swaps));
        }
        let middle = self.median(list, places, &mut swaps);
        let hint = match swaps {
            0 => Hint::Rising,
            ALL_SWAPPED => Hint::Falling,
            _ => Hint::Unknown,
        };
        (middle, hint)
    }

    fn median(&self, list: &[T], [mut a, mut b, mut c]: [usize; 3], swaps: &mut u32) -> usize {
        let mut order = |x: &mut usize, y: &mut usize| {
            if self.less(list, *y, *x) {
                std::mem::swap(x, y);
                *swaps += 1;
            }
        };
        order(&mut a, &mut b);
        order(&mut b, &mut c);
        order(&mut a, &mut b);
        b
    }

    /// Mends a few pairs; true when the list is sorted then.
    fn mend(&self, list: &mut [T]) -> bool {
        let mut at = 1;
        for _ in 0..MENDED {
            while at < list.len() && !self.less(list, at, at - 1) {
                at += 1;
            }
            if at == list.len() {
                return true;
            }
            if list.len() < NINTHER {
                return false;
            }
            list.swap(at, at - 1);
            if at >= 2 {
                self.sink(list, at - 1, 0);
            }
            if list.len() - at >= 2 {
                for next in at + 1..list.len() {
                    if !self.less(list, next, next - 1) {
                        break;
                    }
                    list.swap(next, next - 1);
                }
            }
        }
        false
    }

    /// Smaller ones before the pivot, the others behind it. Where the pivot is then, and whether nothing was moved.
    fn split(&self, list: &mut [T], pivot: usize) -> (usize, bool) {
        list.swap(0, pivot);
        let (mut low, mut high) = (1, list.len() - 1);
        let mut untouched = true;
        loop {
            while low <= high && self.less(list, low, 0) {
                low += 1;
            }
            while low <= high && !self.less(list, high, 0) {
                high -= 1;
            }
            if low > high {
                break;
            }
            list.swap(low, high);
            untouched = false;
            low += 1;
            high -= 1;
        }
        list.swap(high, 0);
        (high, untouched)
    }

    /// Those equal to the pivot first. How many there are.
    fn split_equals(&self, list: &mut [T], pivot: usize) -> usize {
        list.swap(0, pivot);
        let (mut low, mut high) = (1, list.len() - 1);
        loop {
            while low <= high && !self.less(list, 0, low) {
                low += 1;
            }
            while low <= high && self.less(list, 0, high) {
                high -= 1;
            }
            if low > high {
                return low;
            }
            list.swap(low, high);
            low += 1;
            high -= 1;
        }
    }
}

/// Breaks a pattern that made for a bad split: exchanges three elements in the middle with ones drawn by xorshift.
fn scatter<T>(list: &mut [T]) {
    let len = list.len();
    let mask = (1_u64 << (usize::BITS - len.leading_zeros())) - 1;
    let mut random = len as u64;
    let middle = len / 4 * 2;
    for at in middle - 1..=middle + 1 {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        let other = (random & mask) as usize;
        list.swap(at, if other >= len { other - len } else { other });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A list of (key, position) without pattern, from a fixed seed.
    fn list(len: usize, keys: u64, mut seed: u64) -> Vec<(usize, usize)> {
        (0..len)
            .map(|at| {
                seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                (((seed >> 33) % keys) as usize, at)
            })
            .collect()
    }

    #[test]
    fn lists_of_all_kinds_come_out_sorted_and_whole() {
        for len in [0, 1, 2, 12, 13, 49, 50, 51, 200, 1000, 5000] {
            for keys in [1, 2, 7, 1 << 20] {
                let random = list(len, keys, 7 + len as u64);
                let mut rising = random.clone();
                rising.sort_by_key(|x| x.0);
                let mut falling = rising.clone();
                falling.reverse();
                let mut organ = rising.clone();
                organ.extend(falling.iter().copied());
                for mut given in [random, rising, falling, organ] {
                    let mut want: Vec<_> = given.clone();
                    sort_by_size(&mut given, |x| x.0);
                    assert!(given.windows(2).all(|w| w[0].0 <= w[1].0), "{len} {keys}");
                    want.sort_unstable();
                    given.sort_unstable();
                    assert_eq!(given, want);
                }
            }
        }
    }

    #[test]
    fn short_lists_keep_their_equals_in_order() {
        let mut short = list(12, 3, 1);
        sort_by_size(&mut short, |x| x.0);
        assert!(short.windows(2).all(|w| w[0] < w[1]));
    }
}
