//! `corescope-cli completions`.

use clap::CommandFactory;

use crate::{Cli, Failure, Global};

/// Print completions for a shell.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The shell they are for
    #[arg(value_enum)]
    shell: clap_complete::Shell,
}

/// Writes the completions to standard output.
pub fn run(args: Args, _global: &Global) -> Result<(), Failure> {
    let mut command = Cli::command();
    let name = command.get_name().to_owned();
    clap_complete::generate(args.shell, &mut command, name, &mut std::io::stdout());
    Ok(())
}
