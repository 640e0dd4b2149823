//! The snapshot file: packed segments as they are, so that the next start reads them instead of the database.
//!
//! | bytes | content |
//! |---|---|
//! | 8 + 4 | `CSSNAP05`; the digits change with the layout of a segment and with what its lists hold. CRC-32 of the skeleton of payload texts |
//! | 4 + 4 + n | length and CRC-32 of the header, the header |
//! | 8 + 4 + n, repeated | length and CRC-32 of a part, the part; newest first, as many as the header says, and no more |
//!
//! Numbers are little endian. The header holds the identity of the database and where its follower stood. A file
//! that is damaged, of another layout or of another database is no error: the database is loaded instead.

pub(crate) mod codec;

use std::collections::BTreeMap;
use std::io::{BufReader, BufWriter, Read, Write};
use std::path::Path;
use std::sync::mpsc::sync_channel;
use std::sync::{Arc, Mutex, PoisonError};

use self::codec::{Reader, Stored, stored_fields};
use super::checks::Defect;
use super::part::Part;
use super::segment::{Segment, skeleton_sum};
use super::snapshot::Snapshot;

const MAGIC: &[u8; 8] = b"CSSNAP05";
/// Longest header, bytes: the observers are in it.
const MOST_HEADER: u32 = 64 << 20;

/// What a snapshot file says about its database.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Header {
    /// Highest transmission id that the follower had seen.
    pub(crate) transmission: i64,
    /// Highest observation id.
    pub(crate) observation: i64,
    /// Last `seq` of `cs_changes`; `None` when the file had no such table.
    pub(crate) change: Option<i64>,
    /// Its `kind`, `id` and `key`.
    pub(crate) notice: Option<(Box<str>, Option<i64>, Option<Box<str>>)>,
    /// Transmissions in the database up to that id, and those of which it was told later that they were removed.
    pub(crate) count: i64,
    /// Transmission and timestamp of the observation with that id.
    pub(crate) newest: Option<(Option<i64>, Option<i64>)>,
    /// Some transmissions.
    pub(crate) samples: Vec<Sample>,
    /// Rowid and id of each observer.
    pub(crate) observers: Vec<(i64, Box<str>)>,
    /// Rows that were left out: [`Defect::word`] and how many.
    pub(crate) defects: Vec<(Box<str>, u64)>,
    /// Ids below are not in the file.
    pub(crate) floor: i64,
    /// Bytes that each part holds in memory, newest first.
    pub(crate) parts: Vec<u64>,
}

/// A transmission by which a database is known again.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Sample {
    pub(crate) id: i64,
    pub(crate) hash: Box<str>,
    pub(crate) first_seen: Box<str>,
    /// Its observations: how many, and checksums of their ids and timestamps.
    pub(crate) observations: (i64, i64, i64),
}

stored_fields!(Sample { id, hash, first_seen, observations });
stored_fields!(Header {
    transmission,
    observation,
    change,
    notice,
    count,
    newest,
    samples,
    observers,
    defects,
    floor,
    parts
});

const DEFECTS: [Defect; 8] = [
    Defect::Hex,
    Defect::Hash,
    Defect::Time,
    Defect::Json,
    Defect::Payload,
    Defect::Type,
    Defect::Size,
    Defect::Dangling,
];

impl Header {
    /// The rows that were left out, by reason.
    pub(crate) fn defects(&self) -> BTreeMap<Defect, u64> {
        let named = |word: &str| DEFECTS.into_iter().find(|defect| defect.word() == word);
        self.defects.iter().filter_map(|(word, count)| Some((named(word)?, *count))).collect()
    }

    pub(crate) fn set_defects(&mut self, defects: &BTreeMap<Defect, u64>) {
        self.defects = defects.iter().map(|(defect, count)| (defect.word().into(), *count)).collect();
    }
}

/// Why a snapshot file is not used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum Unusable {
    #[error("it cannot be read: {0}")]
    Io(#[from] std::io::Error),
    #[error("it is no snapshot, or of another version")]
    Magic,
    #[error("it is damaged: the checksum of {0} does not match")]
    Checksum(&'static str),
    #[error("it is damaged: {0} does not have the expected form")]
    Form(&'static str),
}

/// Writes a snapshot file: beside its name first, then in place of it.
pub(crate) fn save(path: &Path, snapshot: &Snapshot, mut header: Header) -> std::io::Result<()> {
    let beside = crate::db::beside(path, ".tmp");
    let mut out = BufWriter::with_capacity(1 << 20, std::fs::File::create(&beside)?);
    let mut packed = snapshot.clone();
    packed.pack_whole();
    let parts: Vec<_> = packed.parts.iter().rev().map(|part| (part.low, part.high, part.settled())).collect();
    header.parts = parts.iter().map(|(_, _, segment)| segment.bytes() as u64).collect();
    out.write_all(MAGIC)?;
    out.write_all(&skeleton_sum().to_le_bytes())?;
    let mut bytes = Vec::new();
    header.write(&mut bytes);
    out.write_all(&(bytes.len() as u32).to_le_bytes())?;
    out.write_all(&crc32fast::hash(&bytes).to_le_bytes())?;
    out.write_all(&bytes)?;
    for (low, high, segment) in &parts {
        bytes.clear();
        (*low, *high).write(&mut bytes);
        segment.write(&mut bytes);
        out.write_all(&(bytes.len() as u64).to_le_bytes())?;
        out.write_all(&crc32fast::hash(&bytes).to_le_bytes())?;
        out.write_all(&bytes)?;
    }
    let file = out.into_inner().map_err(std::io::IntoInnerError::into_error)?;
    file.sync_all()?;
    drop(file);
    std::fs::rename(&beside, path)
}

/// Reads a snapshot file: the newest parts that `budget` bytes have room for. The header tells of the floor above which
/// everything is there.
pub(crate) fn open(path: &Path, budget: Option<usize>) -> Result<(Header, Vec<Part>), Unusable> {
    let file = std::fs::File::open(path)?;
    let mut left = file.metadata()?.len();
    let mut input = BufReader::with_capacity(1 << 20, file);
    if take::<8>(&mut input)? != *MAGIC || u32::from_le_bytes(take(&mut input)?) != skeleton_sum() {
        return Err(Unusable::Magic);
    }
    let length = u32::from_le_bytes(take(&mut input)?);
    left = left.saturating_sub(8 + 4 + 4 + 4);
    if length > MOST_HEADER || u64::from(length) > left {
        return Err(Unusable::Form("the length of the header"));
    }
    left -= u64::from(length);
    let header = checked(&mut input, u64::from(length), "the header")?;
    let mut header = read_all::<Header>(&header).ok_or(Unusable::Form("the header"))?;
    let mut room = budget.map_or(u64::MAX, |bytes| bytes as u64);
    let fits = |bytes: &&u64| {
        let rest = room.checked_sub(**bytes);
        room = rest.unwrap_or(0);
        rest.is_some()
    };
    let wanted = header.parts.iter().take_while(fits).count();
    let parts = parts(&mut input, &mut left, wanted)?;
    for _ in wanted..header.parts.len() {
        let length = part_length(&mut input, &mut left)?;
        input
            .seek_relative(i64::try_from(length).map_err(|_| Unusable::Form("a part"))?.saturating_add(4))?;
    }
    if left > 0 {
        return Err(Unusable::Form("what follows the last part"));
    }
    if wanted < header.parts.len() {
        header.floor = parts.first().map_or(header.transmission.saturating_add(1), |part| part.low);
    }
    let ordered = parts.windows(2).all(|w| matches!(w, [a, b] if a.high < b.low));
    if ordered && parts.iter().all(|p| p.low <= p.high) {
        Ok((header, parts))
    } else {
        Err(Unusable::Form("the order of the parts"))
    }
}

/// The length of the part that follows. It is believed as far as the file is long.
fn part_length(input: &mut impl Read, left: &mut u64) -> Result<u64, Unusable> {
    let length = u64::from_le_bytes(take(input)?);
    let rest = left.checked_sub(8 + 4).and_then(|left| left.checked_sub(length));
    *left = rest.ok_or(Unusable::Form("the length of a part"))?;
    Ok(length)
}

/// A part as it lies in the file.
struct Unread {
    number: usize,
    sum: u32,
    bytes: Vec<u8>,
}

impl Unread {
    fn read(self) -> Result<(usize, Part), Unusable> {
        if crc32fast::hash(&self.bytes) != self.sum {
            return Err(Unusable::Checksum("a part"));
        }
        let ((low, high), segment) = read_all(&self.bytes).ok_or(Unusable::Form("a part"))?;
        let segment: Segment = segment;
        if !segment.is_sound() {
            return Err(Unusable::Form("a segment"));
        }
        Ok((self.number, Part::new(low, high, Arc::new(segment))))
    }
}

/// Reads the first parts, which are the newest, and gives them in ascending order: this thread reads the file, others check it and take it apart.
fn parts(input: &mut impl Read, left: &mut u64, count: usize) -> Result<Vec<Part>, Unusable> {
    let threads = std::thread::available_parallelism().map_or(1, usize::from).min(8);
    let (sender, queue) = sync_channel::<Unread>(threads);
    let queue = Mutex::new(queue);
    let next = || queue.lock().unwrap_or_else(PoisonError::into_inner).recv();
    let work = || {
        let mut done = Vec::new();
        // The queue is emptied even after a failure, so that nobody waits at it.
        while let Ok(unread) = next() {
            done.push(unread.read());
        }
        done
    };
    let mut parts: Vec<(usize, Part)> = std::thread::scope(|scope| {
        let mut workers = Vec::new();
        for _ in 0..threads {
            workers.push(std::thread::Builder::new().name("store-resume".into()).spawn_scoped(scope, work)?);
        }
        let mut read = || {
            for number in 0..count {
                let length = part_length(input, left)?;
                let (sum, bytes) = summed(input, length, "a part")?;
                if sender.send(Unread { number, sum, bytes }).is_err() {
                    break;
                }
            }
            Ok(())
        };
        let read: Result<(), Unusable> = read();
        drop(sender);
        let mut parts = Vec::new();
        for worker in workers {
            match worker.join() {
                Ok(done) => parts.extend(done),
                Err(panic) => std::panic::resume_unwind(panic),
            }
        }
        read?;
        parts.into_iter().collect::<Result<_, Unusable>>()
    })?;
    parts.sort_unstable_by_key(|(number, _)| *number);
    Ok(parts.into_iter().rev().map(|(_, part)| part).collect())
}

fn take<const N: usize>(input: &mut impl Read) -> std::io::Result<[u8; N]> {
    let mut bytes = [0; N];
    input.read_exact(&mut bytes)?;
    Ok(bytes)
}

fn checked(input: &mut impl Read, length: u64, what: &'static str) -> Result<Vec<u8>, Unusable> {
    let (sum, bytes) = summed(input, length, what)?;
    if crc32fast::hash(&bytes) == sum { Ok(bytes) } else { Err(Unusable::Checksum(what)) }
}

/// A checksum and the bytes that it should be of.
fn summed(input: &mut impl Read, length: u64, what: &'static str) -> Result<(u32, Vec<u8>), Unusable> {
    let sum = u32::from_le_bytes(take(input)?);
    let mut bytes = vec![0; usize::try_from(length).map_err(|_| Unusable::Form(what))?];
    input.read_exact(&mut bytes)?;
    Ok((sum, bytes))
}

/// Reads a value that takes up all bytes.
fn read_all<T: Stored>(bytes: &[u8]) -> Option<T> {
    let mut reader = Reader::new(bytes);
    let value = T::read(&mut reader)?;
    reader.is_empty().then_some(value)
}
