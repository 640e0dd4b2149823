//! A column of small whole numbers in the narrowest width that holds the largest.

use crate::memory::bits::Bits;
use crate::memory::saved::codec::{Reader, Stored};

/// An immutable column of `u32` values. Constant columns cost nothing a row, others one to four bytes.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Packed {
    Constant {
        value: u32,
        len: u32,
    },
    U8(Box<[u8]>),
    U16(Box<[u16]>),
    /// Little endian.
    U24(Box<[[u8; 3]]>),
    U32(Box<[u32]>),
}

impl Packed {
    pub(crate) fn new(values: &[u32]) -> Self {
        let max = values.iter().copied().max().unwrap_or(0);
        let first = values.first().copied().unwrap_or(0);
        if values.iter().all(|v| *v == first) {
            Self::Constant { value: first, len: values.len() as u32 }
        } else if max <= 0xFF {
            Self::U8(values.iter().map(|v| *v as u8).collect())
        } else if max <= 0xFFFF {
            Self::U16(values.iter().map(|v| *v as u16).collect())
        } else if max <= 0xFF_FFFF {
            Self::U24(
                values
                    .iter()
                    .map(|v| {
                        let [a, b, c, _] = v.to_le_bytes();
                        [a, b, c]
                    })
                    .collect(),
            )
        } else {
            Self::U32(values.into())
        }
    }

    pub(crate) fn len(&self) -> usize {
        match self {
            Self::Constant { len, .. } => *len as usize,
            Self::U8(v) => v.len(),
            Self::U16(v) => v.len(),
            Self::U24(v) => v.len(),
            Self::U32(v) => v.len(),
        }
    }

    /// The value at a row; 0 behind the end.
    #[inline]
    pub(crate) fn get(&self, row: usize) -> u32 {
        match self {
            Self::Constant { value, .. } => *value,
            Self::U8(v) => v.get(row).map_or(0, |x| u32::from(*x)),
            Self::U16(v) => v.get(row).map_or(0, |x| u32::from(*x)),
            Self::U24(v) => v.get(row).map_or(0, |[a, b, c]| u32::from_le_bytes([*a, *b, *c, 0])),
            Self::U32(v) => v.get(row).copied().unwrap_or(0),
        }
    }

    /// Adds every row whose value satisfies `wanted`. It is asked once a value for narrow columns, once a row for wide
    /// ones.
    pub(crate) fn select(&self, wanted: impl Fn(u32) -> bool, rows: &mut Bits) {
        match self {
            Self::Constant { value, .. } => {
                if wanted(*value) {
                    rows.fill_words(|_, len| u64::MAX >> (64 - len));
                }
            }
            Self::U8(v) => {
                let table: [u64; 256] = std::array::from_fn(|x| u64::from(wanted(x as u32)));
                let word = |x: &[u8]| {
                    x.iter().enumerate().fold(0, |word, (bit, x)| word | table[usize::from(*x)] << bit)
                };
                rows.fill_words(|from, len| v.get(from..from + len).map_or(0, word));
            }
            _ => rows.fill_words(|from, len| {
                (0..len).fold(0, |word, bit| word | u64::from(wanted(self.get(from + bit))) << bit)
            }),
        }
    }

    pub(crate) fn bytes(&self) -> usize {
        match self {
            Self::Constant { .. } => 0,
            Self::U8(v) => v.len(),
            Self::U16(v) => v.len() * 2,
            Self::U24(v) => v.len() * 3,
            Self::U32(v) => v.len() * 4,
        }
    }
}

impl Stored for Packed {
    fn write(&self, out: &mut Vec<u8>) {
        match self {
            Self::Constant { value, len } => (0_u8, (*value, *len)).write(out),
            Self::U8(v) => {
                out.push(1);
                v.write(out);
            }
            Self::U16(v) => {
                out.push(2);
                v.write(out);
            }
            Self::U24(v) => {
                out.push(3);
                v.write(out);
            }
            Self::U32(v) => {
                out.push(4);
                v.write(out);
            }
        }
    }

    fn read(input: &mut Reader<'_>) -> Option<Self> {
        Some(match u8::read(input)? {
            0 => {
                let (value, len) = Stored::read(input)?;
                Self::Constant { value, len }
            }
            1 => Self::U8(Stored::read(input)?),
            2 => Self::U16(Stored::read(input)?),
            3 => Self::U24(Stored::read(input)?),
            4 => Self::U32(Stored::read(input)?),
            _ => return None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_width_gives_back_what_was_put_in() {
        for values in
            [vec![], vec![7; 3], vec![0, 255], vec![1, 65_535], vec![2, 70_000, 0xFF_FFFF], vec![0, u32::MAX]]
        {
            let packed = Packed::new(&values);
            assert_eq!(packed.len(), values.len());
            assert_eq!((0..values.len()).map(|r| packed.get(r)).collect::<Vec<_>>(), values);
            let mut even = Bits::none(values.len());
            packed.select(|v| v % 2 == 0, &mut even);
            assert_eq!(
                even.iter().collect::<Vec<_>>(),
                (0..values.len()).filter(|r| values[*r] % 2 == 0).collect::<Vec<_>>()
            );
        }
    }
}
