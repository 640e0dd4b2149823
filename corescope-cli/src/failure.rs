//! How a subcommand fails: one line for the person, one code for the supervisor.

use std::fmt;
use std::io::IsTerminal;
use std::process::ExitCode;

/// Exit codes, after `sysexits.h`; service files and scripts rely on them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Exit {
    /// It failed, and no other code says why.
    Failure = 1,
    /// The command line is wrong.
    Usage = 64,
    /// The configuration or the input data is wrong.
    Data = 65,
    /// Another process holds the writer lock.
    OtherWriter = 73,
    /// A file, a disk or a network end failed.
    Io = 74,
    /// The schema is not ready yet; try again later.
    NotReady = 75,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        ExitCode::from(exit as u8)
    }
}

/// Why a subcommand ended early: an exit code and the error that is told.
#[derive(Debug)]
pub struct Failure {
    exit: Exit,
    error: anyhow::Error,
}

impl Failure {
    /// A failure with a code that says more than "it failed".
    pub fn new(exit: Exit, error: impl Into<anyhow::Error>) -> Self {
        Self { exit, error: error.into() }
    }

    /// The same from a plain sentence.
    pub fn msg(exit: Exit, message: impl fmt::Display) -> Self {
        Self { exit, error: anyhow::anyhow!("{message}") }
    }

    /// The code that the process ends with.
    pub fn exit(&self) -> Exit {
        self.exit
    }

    /// Prints the one line and returns the code. Whoever closed our output (`| head`) has seen
    /// enough: that is no failure.
    pub fn report(&self) -> ExitCode {
        let io_errors = self.error.chain().filter_map(|error| error.downcast_ref::<std::io::Error>());
        if io_errors.into_iter().any(|error| error.kind() == std::io::ErrorKind::BrokenPipe) {
            return ExitCode::SUCCESS;
        }
        let (red, plain) = if std::io::stderr().is_terminal() { ("\x1b[31;1m", "\x1b[0m") } else { ("", "") };
        eprintln!("{red}error:{plain} {:#}", self.error);
        self.exit.into()
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:#}", self.error)
    }
}

impl<E: Into<anyhow::Error>> From<E> for Failure {
    fn from(error: E) -> Self {
        let error = error.into();
        let exit = if error.chain().any(|e| e.is::<std::io::Error>()) { Exit::Io } else { Exit::Failure };
        Self { exit, error }
    }
}
