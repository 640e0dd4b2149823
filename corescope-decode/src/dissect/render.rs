//! The tree as text, for terminals.

use core::fmt;

use super::tree::{Node, Tree};
use crate::hex::Hex;

impl fmt::Display for Tree {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{} ({} bytes)", self.summary, self.bytes.len())?;
        if let Some(hash) = self.hash {
            writeln!(f, "hash {hash}")?;
        }
        nodes(f, &self.fields, 0)?;
        if let Some(error) = &self.error {
            writeln!(f, "error {}: {error}", error.code())?;
        }
        for issue in &self.issues {
            writeln!(f, "issue {}: {issue}", issue.kind)?;
        }
        Ok(())
    }
}

fn nodes(f: &mut fmt::Formatter<'_>, list: &[Node], depth: usize) -> fmt::Result {
    for node in list {
        line(f, node, depth)?;
        nodes(f, &node.children, depth + 1)?;
        if let Some(plain) = &node.decrypted {
            let indent = depth * 2 + 2;
            writeln!(f, "           {:indent$}decrypted with {}", "", plain.key)?;
            nodes(f, &plain.fields, depth + 2)?;
        }
    }
    Ok(())
}

fn line(f: &mut fmt::Formatter<'_>, node: &Node, depth: usize) -> fmt::Result {
    let (start, last) = (node.range.start, node.range.end.saturating_sub(1));
    match node.bits {
        Some((high, low)) if high == low => write!(f, "{start:>4} .{low:<5}")?,
        Some((high, low)) => write!(f, "{start:>4} .{:<5}", Bits(high, low))?,
        None if start == last => write!(f, "{start:>4}       ")?,
        None => write!(f, "{start:>4}-{last:<6}")?,
    }
    write!(f, "{:indent$}{}", "", node.name, indent = depth * 2)?;
    if node.children.is_empty() {
        if node.bits.is_none() {
            write!(f, "  {}", node.raw)?;
        }
        if !node.meaning.is_empty() {
            write!(f, "  {}", Quiet(&node.meaning))?;
        }
    }
    writeln!(f)
}

/// A range of bits, padded like text.
struct Bits(u8, u8);

impl fmt::Display for Bits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match (self.0, self.1) {
            (7, 6) => "7-6",
            (7, 5) => "7-5",
            (7, 4) => "7-4",
            (7, 3) => "7-3",
            (7, 2) => "7-2",
            (6, 2) => "6-2",
            (5, 2) => "5-2",
            (5, 0) => "5-0",
            (3, 0) => "3-0",
            (3, 1) => "3-1",
            (1, 0) => "1-0",
            _ => "bits",
        })
    }
}

/// Text of others, without what would command a terminal.
struct Quiet<'a>(&'a str);

impl fmt::Display for Quiet<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for c in self.0.chars() {
            if c.is_control() {
                let mut bytes = [0; 4];
                write!(f, "\\x{}", Hex(c.encode_utf8(&mut bytes).as_bytes()))?;
            } else {
                fmt::Write::write_char(f, c)?;
            }
        }
        Ok(())
    }
}
