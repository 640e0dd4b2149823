//! Columns to bytes and back.

use crate::memory::record::Score;

/// Bytes still to be read.
#[derive(Debug)]
pub(crate) struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    pub(crate) fn new(rest: &'a [u8]) -> Self {
        Self { rest }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.rest.split_at_checked(count)?;
        self.rest = rest;
        Some(taken)
    }

    /// A number of items, of which each takes at least one byte.
    fn count(&mut self) -> Option<usize> {
        let count = usize::try_from(u64::read(self)?).ok()?;
        (count <= self.rest.len()).then_some(count)
    }
}

/// Something that can be written to a snapshot file.
pub(crate) trait Stored: Sized {
    /// Appends its bytes.
    fn write(&self, out: &mut Vec<u8>);

    /// Reads it; `None` when the bytes do not fit.
    fn read(input: &mut Reader<'_>) -> Option<Self>;

    /// Appends the bytes of many.
    fn write_all(list: &[Self], out: &mut Vec<u8>) {
        for item in list {
            item.write(out);
        }
    }

    /// Reads many.
    fn read_all(count: usize, input: &mut Reader<'_>) -> Option<Vec<Self>> {
        (0..count).map(|_| Self::read(input)).collect()
    }
}

macro_rules! number {
    ($($number:ty),*) => {$(
        impl Stored for $number {
            fn write(&self, out: &mut Vec<u8>) {
                out.extend_from_slice(&self.to_le_bytes());
            }

            fn read(input: &mut Reader<'_>) -> Option<Self> {
                Some(Self::from_le_bytes(*input.take(size_of::<Self>())?.first_chunk()?))
            }

            fn read_all(count: usize, input: &mut Reader<'_>) -> Option<Vec<Self>> {
                let bytes = input.take(count.checked_mul(size_of::<Self>())?)?;
                let (items, _) = bytes.as_chunks::<{ size_of::<Self>() }>();
                Some(items.iter().map(|item| Self::from_le_bytes(*item)).collect())
            }
        }
    )*};
}

number!(u16, u32, u64, i64, f64);

impl Stored for u8 {
    fn write(&self, out: &mut Vec<u8>) {
        out.push(*self);
    }

    fn read(input: &mut Reader<'_>) -> Option<Self> {
        input.take(1)?.first().copied()
    }

    fn write_all(list: &[Self], out: &mut Vec<u8>) {
        out.extend_from_slice(list);
    }

    fn read_all(count: usize, input: &mut Reader<'_>) -> Option<Vec<Self>> {
        input.take(count).map(<[u8]>::to_vec)
    }
}

impl<const N: usize> Stored for [u8; N] {
    fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(self);
    }

    fn read(input: &mut Reader<'_>) -> Option<Self> {
        input.take(N)?.first_chunk().copied()
    }
}

impl<T: Stored> Stored for Vec<T> {
    fn write(&self, out: &mut Vec<u8>) {
        (self.len() as u64).write(out);
        T::write_all(self, out);
    }

    fn read(input: &mut Reader<'_>) -> Option<Self> {
        let count = input.count()?;
        T::read_all(count, input)
    }
}

impl<T: Stored> Stored for Box<[T]> {
    fn write(&self, out: &mut Vec<u8>) {
        (self.len() as u64).write(out);
        T::write_all(self, out);
    }

    fn read(input: &mut Reader<'_>) -> Option<Self> {
        Vec::read(input).map(Into::into)
    }
}

impl Stored for Box<str> {
    fn write(&self, out: &mut Vec<u8>) {
        (self.len() as u64).write(out);
        out.extend_from_slice(self.as_bytes());
    }

    fn read(input: &mut Reader<'_>) -> Option<Self> {
        let count = input.count()?;
        std::str::from_utf8(input.take(count)?).ok().map(Into::into)
    }
}

impl<T: Stored> Stored for Option<T> {
    fn write(&self, out: &mut Vec<u8>) {
        u8::from(self.is_some()).write(out);
        if let Some(value) = self {
            value.write(out);
        }
    }

    fn read(input: &mut Reader<'_>) -> Option<Self> {
        match u8::read(input)? {
            0 => Some(None),
            1 => Some(Some(T::read(input)?)),
            _ => None,
        }
    }
}

impl<A: Stored, B: Stored> Stored for (A, B) {
    fn write(&self, out: &mut Vec<u8>) {
        self.0.write(out);
        self.1.write(out);
    }

    fn read(input: &mut Reader<'_>) -> Option<Self> {
        Some((A::read(input)?, B::read(input)?))
    }
}

impl<A: Stored, B: Stored, C: Stored> Stored for (A, B, C) {
    fn write(&self, out: &mut Vec<u8>) {
        self.0.write(out);
        self.1.write(out);
        self.2.write(out);
    }

    fn read(input: &mut Reader<'_>) -> Option<Self> {
        Some((A::read(input)?, B::read(input)?, C::read(input)?))
    }
}

impl Stored for Score {
    fn write(&self, out: &mut Vec<u8>) {
        match self {
            Self::Integer(value) => (0_u8, *value as u64).write(out),
            Self::Real(value) => (1_u8, value.to_bits()).write(out),
        }
    }

    fn read(input: &mut Reader<'_>) -> Option<Self> {
        match Stored::read(input)? {
            (0_u8, bits) => Some(Self::Integer(u64::cast_signed(bits))),
            (1, bits) => Some(Self::Real(f64::from_bits(bits))),
            _ => None,
        }
    }
}

/// Implements [`Stored`] for a struct, field by field in the given order.
macro_rules! stored_fields {
    ($name:ident $(<$generic:ident>)? { $($field:ident),* $(,)? }) => {
        impl$(<$generic: $crate::memory::saved::codec::Stored>)? $crate::memory::saved::codec::Stored for $name$(<$generic>)? {
            fn write(&self, out: &mut Vec<u8>) {
                $($crate::memory::saved::codec::Stored::write(&self.$field, out);)*
            }

            fn read(input: &mut $crate::memory::saved::codec::Reader<'_>) -> Option<Self> {
                Some(Self { $($field: $crate::memory::saved::codec::Stored::read(input)?),* })
            }
        }
    };
}

pub(crate) use stored_fields;
