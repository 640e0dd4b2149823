//! Messages into a capture, one JSON object a line.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;

use anyhow::Context;
use corescope_core::capture::Recorded;

use super::{Delivered, Sink};
use crate::Failure;

/// Writes a capture.
pub struct FileSink {
    out: Box<dyn Write>,
    sent: u64,
}

impl FileSink {
    /// Into a file, or to standard output for `-`.
    ///
    /// # Errors
    ///
    /// When the file cannot be made.
    pub fn create(path: &Path) -> Result<Self, Failure> {
        let out: Box<dyn Write> = if path.as_os_str() == "-" {
            Box::new(BufWriter::new(io::stdout().lock()))
        } else {
            let file = File::create(path).with_context(|| format!("cannot write {}", path.display()))?;
            Box::new(BufWriter::new(file))
        };
        Ok(Self { out, sent: 0 })
    }
}

impl Sink for FileSink {
    fn send(&mut self, time_ms: i64, topic: &str, payload: &str, _retain: bool) -> Result<(), Failure> {
        let line =
            Recorded { time_ms: Some(time_ms), topic: topic.into(), payload: payload.into() }.to_line();
        writeln!(self.out, "{line}").context("cannot write the capture")?;
        self.sent += 1;
        Ok(())
    }

    fn finish(mut self: Box<Self>) -> Result<Delivered, Failure> {
        self.out.flush().context("cannot write the capture")?;
        Ok(Delivered { sent: self.sent, confirmed: self.sent, refused: 0 })
    }
}
