//! Forms that other programs and old databases use.

#[cfg(feature = "alloc")]
pub mod go;
#[cfg(feature = "alloc")]
pub(crate) mod json;
#[cfg(all(feature = "alloc", feature = "crypto"))]
pub mod vector;
#[cfg(all(feature = "alloc", feature = "crypto"))]
mod vector_inner;
