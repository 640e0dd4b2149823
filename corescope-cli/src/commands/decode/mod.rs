//! `corescope-cli decode`: packets as trees, or as lines of JSON.

pub mod jsonl;
mod keys;

use std::io::{self, BufRead, IsTerminal, Write};
use std::path::PathBuf;

use anyhow::Context;
use corescope_decode::{Dissector, Packet, Tree, hex};

use crate::{Exit, Failure, Global};

const EXAMPLES: &str = "\
Examples:
  A packet as a tree of its fields:
      corescope-cli decode 0A00D69FD7A5A7475DB07337749AE61FA53A4788E976
  With channels that are not public:
      corescope-cli decode --channel '#test' --key team=8b3387e9c5cdea6ac9e5edbaa115cd72 15033D…
  A message to a node whose key is yours:
      corescope-cli decode --private-key 7065… --peer 813c… 0984…
  Packets of a file, one a line, as JSON:
      corescope-cli decode --json - < capture.hex
  Test vectors, or objects with raw_hex and keys, one a line:
      corescope-cli decode --jsonl vectors.jsonl

Exit codes: 0 all are packets; 65 something is not hex or not a packet; 74 a file cannot be read.";

/// Take packets apart.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// Packets as hex; `-` reads one a line from standard input
    #[arg(value_name = "HEX", required_unless_present = "jsonl")]
    hex: Vec<String>,
    /// A channel's key: 32 or 64 hex digits
    #[arg(long, value_name = "NAME=HEX", conflicts_with = "jsonl")]
    key: Vec<String>,
    /// A hashtag channel, whose key follows from its name
    #[arg(long, value_name = "#NAME", conflicts_with = "jsonl")]
    channel: Vec<String>,
    /// A region that a packet may be scoped to
    #[arg(long, value_name = "NAME", conflicts_with = "jsonl")]
    region: Vec<String>,
    /// Your node's private key, 128 hex digits as the radio exports it
    #[arg(long, value_name = "HEX", conflicts_with = "jsonl")]
    private_key: Option<String>,
    /// The public key of somebody you write with: 64 hex digits
    #[arg(long, value_name = "HEX", requires = "private_key")]
    peer: Vec<String>,
    /// The secret of a packet's two ends, if you have it: 64 hex digits
    #[arg(long, value_name = "HEX", conflicts_with = "jsonl")]
    secret: Vec<String>,
    /// The kind of node that requests are for
    #[arg(long, value_enum, conflicts_with = "jsonl")]
    target: Option<keys::Target>,
    /// The request that responses answer
    #[arg(long, value_enum, conflicts_with = "jsonl")]
    request: Option<keys::Asked>,
    /// Print each tree as one line of JSON
    #[arg(long, conflicts_with = "jsonl")]
    json: bool,
    /// Read JSON objects, one a line, and print one vector-form object for each
    #[arg(long, value_name = "FILE", num_args = 0..=1, default_missing_value = "-", conflicts_with = "hex")]
    jsonl: Option<PathBuf>,
}

/// Runs it.
pub fn run(args: Args, _global: &Global) -> Result<(), Failure> {
    if let Some(path) = &args.jsonl {
        return jsonl::run(path);
    }
    let known = keys::Known::read(&args)?;
    let mut tally = Tally::default();
    for text in &args.hex {
        if text == "-" {
            for line in io::stdin().lock().lines() {
                let line = line.context("standard input")?;
                if !line.trim().is_empty() {
                    one(&line, &args, &known, &mut tally)?;
                }
            }
        } else {
            one(text, &args, &known, &mut tally)?;
        }
    }
    tally.end()
}

#[derive(Default)]
struct Tally {
    all: usize,
    bad: usize,
    first: Option<String>,
}

impl Tally {
    fn fail(&mut self, why: String) {
        self.bad += 1;
        self.first.get_or_insert(why);
    }

    fn end(self) -> Result<(), Failure> {
        match self.first {
            None => Ok(()),
            Some(why) if self.all == 1 => Err(Failure::msg(Exit::Data, why)),
            Some(why) => {
                let message = format!("{} of {} are not packets; the first: {why}", self.bad, self.all);
                Err(Failure::msg(Exit::Data, message))
            }
        }
    }
}

fn one(text: &str, args: &Args, known: &keys::Known, tally: &mut Tally) -> Result<(), Failure> {
    tally.all += 1;
    let mut out = io::stdout().lock();
    let bytes = match hex::parse(text) {
        Ok(bytes) => bytes,
        Err(error) => {
            if args.json {
                let line = serde_json::json!({ "error": "bad_hex", "message": error.to_string() });
                writeln!(out, "{line}").context("standard output")?;
            }
            tally.fail(format!("not hex: {error}"));
            return Ok(());
        }
    };
    let secrets = known.secrets_for(&bytes);
    let mut dissector = Dissector::new().with_ring(&known.ring).with_secrets(&secrets).verifying();
    if let Some(target) = args.target {
        dissector = dissector.with_target(target.node_type());
    }
    if let Some(asked) = args.request {
        dissector = dissector.with_request(asked.reply_to(args.target));
    }
    let tree = dissector.dissect(&bytes);
    if args.json {
        serde_json::to_writer(&mut out, &tree).context("standard output")?;
        writeln!(out).context("standard output")?;
    } else {
        if tally.all > 1 {
            writeln!(out).context("standard output")?;
        }
        print(&tree, &mut out).context("standard output")?;
        if let Ok(packet) = Packet::parse(&bytes) {
            for region in known.regions.matches(&packet) {
                writeln!(out, "scope fits region {region}").context("standard output")?;
            }
        }
    }
    if let Some(error) = tree.error {
        tally.fail(error.to_string());
    }
    Ok(())
}

/// The tree; on a terminal its first line and its faults stand out.
fn print(tree: &Tree, out: &mut impl Write) -> io::Result<()> {
    let text = tree.to_string();
    if !io::stdout().is_terminal() {
        return out.write_all(text.as_bytes());
    }
    for (number, line) in text.lines().enumerate() {
        let colour = match line {
            _ if number == 0 => "\x1b[1m",
            line if line.starts_with("error") => "\x1b[31;1m",
            line if line.starts_with("issue") => "\x1b[33m",
            _ => "",
        };
        let plain = if colour.is_empty() { "" } else { "\x1b[0m" };
        writeln!(out, "{colour}{line}{plain}")?;
    }
    Ok(())
}
