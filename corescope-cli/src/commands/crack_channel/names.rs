//! The names to try.

use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

use anyhow::Context;

use crate::Failure;

/// What made-up names consist of.
const ALPHABET: &[u8] = b"abcdefghijklmnopqrstuvwxyz0123456789-_";

/// The longest name that is taken from a list, in bytes: firmware keeps 31.
const MAX_NAME: usize = 64;

/// The names of all lists, each with its `#`, without repetitions in a row.
pub(super) fn words(paths: &[PathBuf]) -> Result<Vec<String>, Failure> {
    let mut names = Vec::new();
    for path in paths {
        let input = open(path)?;
        for line in BufReader::new(input).split(b'\n') {
            let line = line.with_context(|| format!("{}", path.display()))?;
            let Ok(word) = std::str::from_utf8(line.trim_ascii()) else { continue };
            if word.is_empty() || word == "#" || word.len() > MAX_NAME {
                continue;
            }
            names.push(if word.starts_with('#') { word.to_owned() } else { format!("#{word}") });
        }
    }
    names.dedup();
    Ok(names)
}

fn open(path: &Path) -> Result<Box<dyn Read>, Failure> {
    if path.as_os_str() == "-" {
        return Ok(Box::new(std::io::stdin().lock()));
    }
    Ok(Box::new(File::open(path).with_context(|| format!("{}", path.display()))?))
}

/// How many names of up to `length` characters there are.
pub(super) fn count(length: u8) -> u64 {
    (1..=u32::from(length)).map(|n| (ALPHABET.len() as u64).pow(n)).sum()
}

/// Every name of up to `length` characters whose first character is this thread's.
pub(super) fn each(length: u8, thread: usize, threads: usize, visit: &mut impl FnMut(&str)) {
    let mut name = String::with_capacity(1 + usize::from(length));
    for &first in ALPHABET.iter().skip(thread).step_by(threads) {
        name.clear();
        name.push('#');
        name.push(char::from(first));
        visit(&name);
        extend(&mut name, length.saturating_sub(1), visit);
    }
}

fn extend(name: &mut String, more: u8, visit: &mut impl FnMut(&str)) {
    if more == 0 {
        return;
    }
    for &next in ALPHABET {
        name.push(char::from(next));
        visit(name);
        extend(name, more - 1, visit);
        name.pop();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_is_visited_once_by_one_thread() {
        let mut seen = Vec::new();
        for thread in 0..3 {
            each(2, thread, 3, &mut |name| seen.push(name.to_owned()));
        }
        assert_eq!(seen.len() as u64, count(2));
        seen.sort();
        seen.dedup();
        assert_eq!(seen.len() as u64, count(2));
        assert!(seen.contains(&"#a7".to_owned()) && seen.contains(&"#z".to_owned()));
    }
}
