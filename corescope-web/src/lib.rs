//! The HTTP and WebSocket side of CoreScope.
//!
//! [`server::serve`] listens, speaks HTTP/1.1 and (over TLS) HTTP/2, keeps limits, compresses and
//! answers conditional requests; [`api::router`] holds the routes; [`AppState`] is what they share.
//!
//! The crate is a reader: it is built without the write side of `corescope-store`, so that no type
//! in it can change a database.
#![forbid(unsafe_code)]

pub mod api;
pub mod clock;
pub mod decode_service;
mod error;
pub mod json;
mod keys;
mod legacy;
pub mod live;
pub mod openapi;
pub mod page;
pub mod perf;
pub mod protobuf;
pub mod query;
pub mod server;
mod state;
pub mod veil;

pub use clock::Clock;
pub use error::ApiError;
pub use keys::{is_weak_key, require_key};
pub use state::{App, AppState};
