//! Forms that other programs and old databases use.

#[cfg(feature = "alloc")]
pub mod go;
#[cfg(feature = "alloc")]
mod json;
