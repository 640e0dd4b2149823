//! From the Ed25519 key of a node to the Curve25519 coordinate that X25519 multiplies.
//!
//! ```text
//! u = (1 + y) / (1 − y) mod 2²⁵⁵ − 19,  y = the key, little endian, without its top bit
//! ```
//!
//! Firmware does this to any 32 bytes: it looks neither whether `y` belongs to a point of the curve
//! nor whether it is below the prime. Half of all `y` do not, and two nodes still agree on what
//! comes out, so the map of the dalek crates, which refuses those, is not enough here. Only public
//! keys go in, so nothing needs to take the same time for all of them.
//!
//! Source of fact: MeshCore `lib/ed25519/key_exchange.c`, `ed25519_key_exchange`, and `fe.c`,
//! `fe_frombytes`.

/// A number modulo 2²⁵⁵ − 19, not always reduced: four words, the lowest first.
type Field = [u64; 4];

/// The Curve25519 coordinate of an Ed25519 key: 0 for the key whose `y` is 1.
pub(super) fn coordinate(key: &[u8; 32]) -> [u8; 32] {
    let (words, _) = key.as_chunks::<8>();
    let mut y: Field = core::array::from_fn(|n| u64::from_le_bytes(words[n]));
    y[3] &= u64::MAX >> 1;
    let above = add(y, [1, 0, 0, 0]);
    // Twice the prime and one is above every y.
    let below = subtract([u64::MAX - 36, u64::MAX, u64::MAX, u64::MAX], y);
    let u = reduce(multiply(above, invert(below)));
    let mut bytes = [0; 32];
    for (place, word) in bytes.as_chunks_mut::<8>().0.iter_mut().zip(u) {
        *place = word.to_le_bytes();
    }
    bytes
}

/// The sum, where it is known to fit 256 bits.
fn add(a: Field, b: Field) -> Field {
    let mut carry = false;
    core::array::from_fn(|n| {
        let (sum, one) = a[n].overflowing_add(b[n]);
        let (sum, two) = sum.overflowing_add(carry.into());
        carry = one || two;
        sum
    })
}

/// The difference, where it is known not to be negative.
fn subtract(a: Field, b: Field) -> Field {
    let mut borrow = false;
    core::array::from_fn(|n| {
        let (left, one) = a[n].overflowing_sub(b[n]);
        let (left, two) = left.overflowing_sub(borrow.into());
        borrow = one || two;
        left
    })
}

/// The product, below 2²⁵⁶.
fn multiply(a: Field, b: Field) -> Field {
    let mut wide = [0_u64; 8];
    for (i, &a) in a.iter().enumerate() {
        let mut carry = 0_u128;
        for (j, &b) in b.iter().enumerate() {
            carry += u128::from(wide[i + j]) + u128::from(a) * u128::from(b);
            wide[i + j] = carry as u64;
            carry >>= 64;
        }
        wide[i + 4] = carry as u64;
    }
    // 2²⁵⁶ is 38 modulo the prime.
    let mut carry = 0_u128;
    let folded = core::array::from_fn(|n| {
        carry += u128::from(wide[n]) + 38 * u128::from(wide[n + 4]);
        let word = carry as u64;
        carry >>= 64;
        word
    });
    fold(folded, carry as u64)
}

/// Adds `above` × 2²⁵⁶, and once more what that carries out.
fn fold(mut number: Field, above: u64) -> Field {
    let mut carry = 38 * u128::from(above);
    for word in &mut number {
        carry += u128::from(*word);
        *word = carry as u64;
        carry >>= 64;
    }
    // At most one is carried, and then the number is small.
    number[0] += 38 * carry as u64;
    number
}

/// One over the number, by its power of the prime less two; 0 for 0.
fn invert(number: Field) -> Field {
    let mut power = [1, 0, 0, 0];
    for bit in (0..255).rev() {
        power = multiply(power, power);
        // 2²⁵⁵ − 21 has all its bits but these.
        if !matches!(bit, 2 | 4) {
            power = multiply(power, number);
        }
    }
    power
}

/// The same number, below the prime.
fn reduce(mut number: Field) -> Field {
    for _ in 0..2 {
        let above = number[3] >> 63;
        number[3] &= u64::MAX >> 1;
        number = add(number, [19 * above, 0, 0, 0]);
    }
    // Now below 2²⁵⁵: if adding 19 passes that, it is the prime or above.
    let more = add(number, [19, 0, 0, 0]);
    if more[3] >> 63 == 1 { [more[0], more[1], more[2], more[3] & (u64::MAX >> 1)] } else { number }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hex;
    use alloc::string::ToString;

    /// Worked out by another program, with numbers of any length.
    #[test]
    fn keys_of_the_curve_and_others_are_mapped_alike() {
        for (key, u) in [
            // No points of the curve.
            (
                "0200000000000000000000000000000000000000000000000000000000000000",
                "eaffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
            ),
            (
                "abababababababababababababababababababababababababababababababab",
                "30af281793dd4ed23082b0d6912fd4353a9b486ccb73df538a1bf48a7231d96d",
            ),
            // The prime and three: 3 in another way. The top bit is not of the number.
            (
                "f0ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
                "ebffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
            ),
            (
                "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
                "3f4b4b4b4b4b4b4b4b4b4b4b4b4b4b4b4b4b4b4b4b4b4b4b4b4b4b4b4b4b4b4b",
            ),
            // 0, as the prime; −1; and 1, which has no coordinate, in both its ways.
            (
                "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
                "0100000000000000000000000000000000000000000000000000000000000000",
            ),
            (
                "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
                "0000000000000000000000000000000000000000000000000000000000000000",
            ),
            (
                "0100000000000000000000000000000000000000000000000000000000000080",
                "0000000000000000000000000000000000000000000000000000000000000000",
            ),
            (
                "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
                "0000000000000000000000000000000000000000000000000000000000000000",
            ),
        ] {
            let came = coordinate(&hex::parse_array(key).unwrap());
            assert_eq!(hex::Hex(&came).to_string(), u, "{key}");
        }
    }

    #[test]
    fn for_points_of_the_curve_it_is_the_map_of_the_dalek_crates() {
        for seed in 0..64 {
            let key = ed25519_dalek::SigningKey::from_bytes(&[seed; 32]).verifying_key();
            assert_eq!(coordinate(key.as_bytes()), key.to_montgomery().to_bytes());
        }
    }
}
