//! The server against recorded answers of the original, where they lie beside the project.
//!
//! The recordings are no part of the project: without them, or without Python, the tests say so and pass.

use std::net::TcpListener;
use std::path::PathBuf;
use std::process::Command;

/// Runs the given checker against the server for every configuration of a folder of recordings.
fn check(folder: &str) {
    let here = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../shared/fixtures/golden-api");
    let script = here.join("check-all.sh");
    if !script.is_file() || !here.join(folder).is_dir() {
        println!("skipped: no recorded answers at {}", here.display());
        return;
    }
    if Command::new("python3").arg("--version").output().is_err() {
        println!("skipped: python3 is not there, which compares the answers");
        return;
    }
    let server = format!(
        "'{}' serve --data \"$DATA\" --listen 127.0.0.1:$PORT --at \"$AT\"",
        env!("CARGO_BIN_EXE_corescope-cli")
    );
    let checked = Command::new("sh")
        .arg(&script)
        .args([&server, "--scope", "scope-api.json"])
        .env("DIR", folder)
        .env("PORT", free_port().to_string())
        .output()
        .expect("sh runs the checker");
    let told = String::from_utf8_lossy(&checked.stdout);
    let failures: Vec<&str> = told.lines().filter(|line| line.starts_with("FAIL")).collect();
    let summaries: Vec<&str> = told.lines().filter(|line| line.ends_with(" failed")).collect();
    println!("{folder}: {}", summaries.join("; "));
    assert!(
        !summaries.is_empty(),
        "nothing was compared:\n{told}\n{}",
        String::from_utf8_lossy(&checked.stderr)
    );
    assert!(
        failures.is_empty() && checked.status.success(),
        "{} answers differ:\n{}",
        failures.len(),
        failures.join("\n")
    );
}

fn free_port() -> u16 {
    let taken = TcpListener::bind("127.0.0.1:0").expect("a free port");
    taken.local_addr().expect("its address").port()
}

#[test]
fn a_small_real_mesh_in_four_configurations_and_the_socket() {
    check(".");
}

#[test]
fn a_dense_mesh() {
    check("../golden-mesh");
}
