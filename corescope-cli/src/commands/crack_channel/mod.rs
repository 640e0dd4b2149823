//! `corescope-cli crack-channel`: names of hashtag channels, found over one's own captures.

mod captures;
mod names;

use std::io::{IsTerminal, Write};
use std::path::PathBuf;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use anyhow::Context;
use corescope_decode::crypto::{ChannelSearch, Hit};
use corescope_decode::hex::Hex;
use indicatif::{ProgressBar, ProgressState, ProgressStyle};
use serde_json::json;

use crate::{Exit, Failure, Global};

const EXAMPLES: &str = "\
Examples:
  Try the words of a list on the messages of a database:
      corescope-cli crack-channel meshcore.db --words /usr/share/dict/words
  Try all names of up to four letters and digits on a file of hex lines:
      corescope-cli crack-channel capture.hex --up-to 4

A two-byte MAC fits a wrong key once in 65 536, so each name that fits is weighed: by how many
packets of its channel hash it opens and by how many of those read like messages. `found` is beyond
what chance brings, `possible` is not; a name that opens nothing readable is only counted. Only
hashtag channels have names that can be found so; a channel with a random key cannot.

Exit codes: 0 a name was found; 1 none was; 65 the captures hold no group message.";

/// Search channel names for captured group messages.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// Databases, hex lines, or JSON lines with raw_hex; `-` is standard input
    #[arg(value_name = "CAPTURE", required = true)]
    captures: Vec<PathBuf>,
    /// A file of names, one a line, with or without #; `-` is standard input
    #[arg(long, value_name = "FILE")]
    words: Vec<PathBuf>,
    /// Try every name of a–z, 0–9, - and _ with up to so many characters
    #[arg(long, value_name = "LENGTH", value_parser = clap::value_parser!(u8).range(1..=8))]
    up_to: Option<u8>,
    /// Print one JSON object for each name that is found, and one at the end
    #[arg(long)]
    json: bool,
    /// Threads; by default one for each core
    #[arg(long, value_name = "COUNT")]
    threads: Option<usize>,
}

/// Runs it.
pub fn run(args: Args, _global: &Global) -> Result<(), Failure> {
    if args.words.is_empty() && args.up_to.is_none() {
        return Err(Failure::msg(Exit::Usage, "give names to try: --words FILE or --up-to LENGTH"));
    }
    let mut search = ChannelSearch::new();
    for path in &args.captures {
        captures::read(path, &mut search)?;
    }
    if search.packets() == 0 {
        return Err(Failure::msg(Exit::Data, "the captures hold no group message that can be decrypted"));
    }
    let words = names::words(&args.words)?;
    let total = words.len() as u64 + args.up_to.map_or(0, names::count);
    let started = Instant::now();
    let found = scan(&search, &words, &args, total);
    report(&found, &search, started.elapsed().as_secs_f64(), args.json)?;
    if found.hits.iter().any(|hit| hit.is_confirmed(found.tried)) {
        return Ok(());
    }
    let why = if found.hits.is_empty() { "no name fits" } else { "no name fits beyond what chance brings" };
    Err(Failure::msg(Exit::Failure, why))
}

/// What a search brought.
struct Found {
    /// Names that open something readable, the surest first.
    hits: Vec<Hit>,
    /// Names that fit a packet whose plaintext reads like nothing: chance.
    unreadable: u64,
    /// Names tried.
    tried: u64,
}

/// Tries every name, in as many threads as asked for.
fn scan(search: &ChannelSearch, words: &[String], args: &Args, total: u64) -> Found {
    let threads = args.threads.unwrap_or_else(|| std::thread::available_parallelism().map_or(1, usize::from));
    let threads = threads.clamp(1, 256);
    let bar = progress(total, args.json);
    let hits = Mutex::new(Vec::new());
    let (tried, unreadable) = (AtomicU64::new(0), AtomicU64::new(0));
    std::thread::scope(|scope| {
        for thread in 0..threads {
            let (bar, hits, tried, unreadable) = (&bar, &hits, &tried, &unreadable);
            scope.spawn(move || {
                let mut count = 0;
                let mut try_name = |name: &str| {
                    let hit = search.try_name(name);
                    if hit.as_ref().is_some_and(|hit| hit.readable == 0) {
                        unreadable.fetch_add(1, Ordering::Relaxed);
                    } else if let Some(hit) = hit {
                        let mut hits = hits.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
                        hits.push(hit);
                    }
                    count += 1;
                    if count % 65_536 == 0 {
                        bar.inc(65_536);
                    }
                };
                words.iter().skip(thread).step_by(threads).for_each(|name| try_name(name));
                if let Some(length) = args.up_to {
                    names::each(length, thread, threads, &mut try_name);
                }
                tried.fetch_add(count, Ordering::Relaxed);
            });
        }
    });
    bar.finish_and_clear();
    let mut hits = hits.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
    let tried = tried.into_inner();
    hits.sort_by(|a, b| {
        let key = |hit: &Hit| (hit.is_confirmed(tried), hit.readable, hit.opened);
        key(b).cmp(&key(a)).then_with(|| a.name.cmp(&b.name))
    });
    hits.dedup_by(|a, b| a.name == b.name);
    Found { hits, unreadable: unreadable.into_inner(), tried }
}

/// A bar on a terminal, nothing in a pipe.
fn progress(total: u64, json: bool) -> ProgressBar {
    if json || !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let bar = ProgressBar::new(total);
    let style = ProgressStyle::with_template("{bar:40} {percent}% {human_pos} names, {rate}, {eta} left")
        .unwrap_or_else(|_| ProgressStyle::default_bar());
    // A terminal that takes no text is none to fail for.
    let rate = |state: &ProgressState, out: &mut dyn std::fmt::Write| {
        let _ = write!(out, "{:.2} million/s", state.per_sec() / 1e6);
    };
    bar.set_style(style.with_key("rate", rate));
    bar
}

fn report(found: &Found, search: &ChannelSearch, seconds: f64, json: bool) -> Result<(), Failure> {
    let &Found { ref hits, unreadable, tried } = found;
    let mut out = std::io::stdout().lock();
    let rate = tried as f64 / seconds.max(1e-9);
    for hit in hits {
        let (chance, confirmed) = (hit.expected_by_chance(tried), hit.is_confirmed(tried));
        if json {
            let line = json!({
                "name": hit.name,
                "key": Hex(hit.key.as_bytes()).to_string(),
                "channel_hash": Hex(&[hit.key.hash()]).to_string(),
                "confirmed": confirmed,
                "opened": hit.opened,
                "with_hash": hit.with_hash,
                "readable": hit.readable,
                "expected_by_chance": chance,
                "sample": hit.sample,
            });
            writeln!(out, "{line}").context("standard output")?;
            continue;
        }
        writeln!(
            out,
            "{} {}  key {}  opens {} of {} packets with hash {}, {} read like messages; by chance {chance:.2e}",
            if confirmed { "found   " } else { "possible" },
            hit.name,
            Hex(hit.key.as_bytes()),
            hit.opened,
            hit.with_hash,
            Hex(&[hit.key.hash()]),
            hit.readable,
        )
        .context("standard output")?;
        if let Some(sample) = &hit.sample {
            writeln!(out, "         {sample}").context("standard output")?;
        }
    }
    let expected = tried as f64 * search.packets() as f64 / 256.0 / 65_536.0;
    if json {
        let line = json!({
            "tried": tried,
            "names_per_s": rate.round(),
            "packets": search.packets(),
            "unreadable_hits": unreadable,
            "expected_false_hits": expected,
        });
        writeln!(out, "{line}").context("standard output")?;
    } else {
        eprintln!(
            "{tried} names on {} packets of {} channel hashes, {:.2} million names a second; \
             {unreadable} fit a packet that does not read like a message, {expected:.2} were to be expected by chance",
            search.packets(),
            search.channel_hashes(),
            rate / 1e6,
        );
    }
    Ok(())
}
