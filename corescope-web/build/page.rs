//! Makes the page and writes `page.rs`: a table of its files with their compressed forms.
//!
//! `ui/dist` is used as it is when nothing in `ui/` is newer; else npm builds it. The environment
//! variable `CORESCOPE_UI_DIST` names a ready page instead. The published crate carries `dist`
//! without the sources, so that it needs no Node.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::SystemTime;

/// What the page is made from, below `ui/`.
const SOURCES: [&str; 8] = [
    "src",
    "public",
    "scripts",
    "index.html",
    "package.json",
    "package-lock.json",
    "tsconfig.json",
    "vite.config.ts",
];

/// Makes the page if need be and writes the table into `out`. Without the feature `ui` it is empty.
pub fn generate(manifest: &Path, out: &Path) -> Result<(), String> {
    println!("cargo:rerun-if-env-changed=CORESCOPE_UI_DIST");
    let table = if std::env::var_os("CARGO_FEATURE_UI").is_some() {
        let dist = dist(manifest)?;
        copy(&dist, &out.join("page"))
            .map_err(|e| format!("cannot copy the page from {}: {e}", dist.display()))?
    } else {
        Vec::new()
    };
    fs::write(out.join("page.rs"), source(&table))
        .map_err(|e| format!("cannot write the table of the page: {e}"))
}

/// The folder of the finished page.
fn dist(manifest: &Path) -> Result<PathBuf, String> {
    if let Some(ready) = std::env::var_os("CORESCOPE_UI_DIST").filter(|value| !value.is_empty()) {
        let ready = PathBuf::from(ready);
        println!("cargo:rerun-if-changed={}", ready.display());
        if ready.join("index.html").is_file() {
            return Ok(ready);
        }
        return Err(format!("CORESCOPE_UI_DIST is {}, but there is no index.html in it", ready.display()));
    }
    let ui = manifest.join("ui");
    let sources: Vec<PathBuf> =
        SOURCES.iter().map(|name| ui.join(name)).filter(|path| path.exists()).collect();
    for path in &sources {
        println!("cargo:rerun-if-changed={}", path.display());
    }
    let dist = ui.join("dist");
    let built = modified(&dist.join("index.html"));
    let newest = sources.iter().filter_map(|path| newest(path)).max();
    if built.is_none() || newest > built {
        if !ui.join("package.json").is_file() {
            return Err("the page is missing: there is neither ui/dist nor ui/package.json".into());
        }
        npm(&ui, &["ci"])?;
        npm(&ui, &["run", "build"])?;
    }
    Ok(dist)
}

fn npm(ui: &Path, arguments: &[&str]) -> Result<(), String> {
    let line = format!("npm {}", arguments.join(" "));
    let output = Command::new(if cfg!(windows) { "npm.cmd" } else { "npm" })
        .args(arguments)
        .current_dir(ui)
        .output()
        .map_err(|e| {
            format!(
                "`{line}` cannot start ({e}): install Node 20.19 or newer with npm, or set CORESCOPE_UI_DIST to a built page, \
                 or build with --no-default-features for a server without a page"
            )
        })?;
    if output.status.success() {
        return Ok(());
    }
    let tail = |bytes: &[u8]| {
        let text = String::from_utf8_lossy(bytes).into_owned();
        text.lines().rev().take(30).collect::<Vec<_>>().into_iter().rev().collect::<Vec<_>>().join("\n")
    };
    Err(format!("`{line}` in {} failed:\n{}\n{}", ui.display(), tail(&output.stdout), tail(&output.stderr)))
}

fn modified(path: &Path) -> Option<SystemTime> {
    fs::metadata(path).and_then(|meta| meta.modified()).ok()
}

fn newest(path: &Path) -> Option<SystemTime> {
    if !path.is_dir() {
        return modified(path);
    }
    let entries = fs::read_dir(path).ok()?;
    entries.flatten().filter_map(|entry| newest(&entry.path())).max()
}

/// A file of the page: its address below `/`, and where it lies now.
struct Entry {
    address: String,
    path: PathBuf,
    brotli: bool,
    gzip: bool,
}

/// Copies the page into the build's own folder, so that the program does not depend on `dist` staying.
fn copy(dist: &Path, into: &Path) -> io::Result<Vec<Entry>> {
    if into.exists() {
        fs::remove_dir_all(into)?;
    }
    let mut found = Vec::new();
    copy_folder(dist, into, "", &mut found)?;
    found.sort_by(|a: &Entry, b| a.address.cmp(&b.address));
    Ok(found)
}

fn copy_folder(from: &Path, into: &Path, prefix: &str, found: &mut Vec<Entry>) -> io::Result<()> {
    fs::create_dir_all(into)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let (source, target) = (entry.path(), into.join(&name));
        if source.is_dir() {
            copy_folder(&source, &target, &format!("{prefix}{name}/"), found)?;
            continue;
        }
        fs::copy(&source, &target)?;
        if !has_extension(&name, "br") && !has_extension(&name, "gz") {
            let beside = |suffix: &str| from.join(format!("{name}.{suffix}")).is_file();
            let (brotli, gzip) = (beside("br"), beside("gz"));
            found.push(Entry { address: format!("{prefix}{name}"), path: target, brotli, gzip });
        }
    }
    Ok(())
}

fn has_extension(name: &str, extension: &str) -> bool {
    Path::new(name).extension().is_some_and(|e| e.eq_ignore_ascii_case(extension))
}

fn source(table: &[Entry]) -> String {
    let mut text = String::from("pub(super) static FILES: &[File] = &[\n");
    for entry in table {
        let packed = |there: bool, suffix: &str| {
            if there {
                format!("Some(include_bytes!({:?}))", format!("{}.{suffix}", entry.path.display()))
            } else {
                "None".into()
            }
        };
        text.push_str(&format!(
            "    File {{ address: {:?}, body: include_bytes!({:?}), brotli: {}, gzip: {} }},\n",
            entry.address,
            entry.path.display().to_string(),
            packed(entry.brotli, "br"),
            packed(entry.gzip, "gz"),
        ));
    }
    text.push_str("];\n");
    text
}
