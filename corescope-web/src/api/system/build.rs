//! Which program this is.

/// Always `rust`: clients of the original show it.
pub const ENGINE: &str = "rust";
/// Version of this program.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");
/// Commit it was built from, given to the build as `GIT_COMMIT`.
pub const COMMIT: &str = match option_env!("GIT_COMMIT") {
    Some(commit) => commit,
    None => "unknown",
};
/// When it was built, given to the build as `BUILD_TIME`.
pub const BUILD_TIME: &str = match option_env!("BUILD_TIME") {
    Some(time) => time,
    None => "unknown",
};
