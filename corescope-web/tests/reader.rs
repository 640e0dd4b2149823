//! The server never writes: the crate cannot name a writer, and no SQL in it writes. (That a walk
//! over all routes leaves the database as it was is a test of the binary.)

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that fails says where")]

use std::path::{Path, PathBuf};

#[test]
fn the_manifest_does_not_enable_the_write_side() {
    let manifest = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml")).unwrap();
    let line = manifest.lines().find(|l| l.starts_with("corescope-store")).unwrap();
    assert!(!line.contains("write"), "{line}");
}

#[test]
fn no_statement_in_the_crate_writes() {
    let mut seen = 0;
    for file in sources(&PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/src"))) {
        let text = std::fs::read_to_string(&file).unwrap();
        // Tests build databases of their own.
        let text = text.split("#[cfg(test)]").next().unwrap_or_default();
        for literal in literals(text) {
            seen += 1;
            for word in [
                "INSERT ",
                "UPDATE ",
                "DELETE ",
                "REPLACE ",
                "CREATE ",
                "ALTER ",
                "DROP ",
                "VACUUM",
                "wal_checkpoint",
                "READ_WRITE",
            ] {
                assert!(!literal.contains(word), "{}: {word} in {literal:?}", file.display());
            }
        }
    }
    assert!(seen > 500, "the scan found only {seen} literals");
}

fn sources(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(sources(&path));
        } else if path.extension().is_some_and(|e| e == "rs") {
            found.push(path);
        }
    }
    found
}

/// What stands between quotes; comments are left out line by line.
fn literals(text: &str) -> Vec<&str> {
    let lines = text.lines().filter(|l| !l.trim_start().starts_with("//"));
    lines.flat_map(|l| l.split('"').skip(1).step_by(2)).collect()
}
