//! `corescope-cli man`.

use std::path::PathBuf;

use anyhow::Context as _;
use clap::CommandFactory;

use crate::{Cli, Failure, Global};

/// Print the manual page, or write those of all subcommands.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Write one page per subcommand into this folder instead of printing the first
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
}

/// Renders the manual from the same definitions as `--help`.
pub fn run(args: Args, _global: &Global) -> Result<(), Failure> {
    let command = Cli::command();
    match args.out {
        Some(dir) => {
            std::fs::create_dir_all(&dir).with_context(|| format!("cannot create {}", dir.display()))?;
            clap_mangen::generate_to(command, &dir)
                .with_context(|| format!("cannot write to {}", dir.display()))?;
        }
        None => clap_mangen::Man::new(command).render(&mut std::io::stdout())?,
    }
    Ok(())
}
