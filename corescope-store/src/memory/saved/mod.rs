//! The snapshot file: packed segments as they are, so that the next start reads them instead of the database.
//!
//! | bytes | content |
//! |---|---|
//! | 8 | `CSSNAP03`; the digits change with the layout of a segment and with what its lists hold |
//! | 4 + 4 + n | length and CRC-32 of the header, the header |
//! | 8 + 4 + n, repeated | length and CRC-32 of a part, the part; oldest first, as many as the header says |
//!
//! Numbers are little endian. The header holds the identity of the database and where its follower stood. A file
//! that is damaged, of another layout or of another database is no error: the database is loaded instead.

pub(crate) mod codec;

use std::io::{BufReader, BufWriter, Read, Write};
use std::path::Path;
use std::sync::mpsc::sync_channel;
use std::sync::{Arc, Mutex, PoisonError};

use self::codec::{Reader, Stored};
use super::part::Part;
use super::segment::Segment;
use super::snapshot::Snapshot;
use super::view::Transmission;

const MAGIC: &[u8; 8] = b"CSSNAP03";
/// Longest header, bytes: the observers are in it.
const MOST_HEADER: u32 = 64 << 20;

/// What a snapshot file says about its database.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Header {
    /// Highest transmission id that the follower had seen.
    pub(crate) transmission: i64,
    /// Highest observation id.
    pub(crate) observation: i64,
    /// Last `seq` of `cs_changes`, -1 when the file had no such table.
    pub(crate) change: i64,
    /// Transmissions in the database up to that id.
    pub(crate) count: i64,
    /// Some transmissions: id, hash, first reception.
    pub(crate) samples: Vec<(i64, Box<str>, Box<str>)>,
    /// Rowid and id of each observer.
    pub(crate) observers: Vec<(i64, Box<str>)>,
    /// Ids below are not in the file.
    pub(crate) floor: i64,
    parts: u32,
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

impl Header {
    /// The header for a snapshot of a store that followed a database.
    pub(crate) fn of(
        snapshot: &Snapshot,
        (transmission, observation): (i64, i64),
        change: Option<i64>,
        count: i64,
    ) -> Self {
        let step = (snapshot.transmission_count() as usize / 16).max(1);
        let sample = |t: Transmission<'_>| (t.id(), t.hash().into(), t.first_seen().into());
        let newest = snapshot.transmissions().next_back();
        Self {
            transmission,
            observation,
            change: change.unwrap_or(-1),
            count,
            samples: snapshot.transmissions().step_by(step).chain(newest).map(sample).collect(),
            observers: snapshot.observers().iter().map(|o| (o.rowid, o.id.as_str().into())).collect(),
            floor: snapshot.floor(),
            parts: 0,
        }
    }
}

/// Writes a snapshot file: beside its name first, then in place of it.
pub(crate) fn save(path: &Path, snapshot: &Snapshot, mut header: Header) -> std::io::Result<()> {
    let beside = crate::db::beside(path, ".tmp");
    let mut out = BufWriter::with_capacity(1 << 20, std::fs::File::create(&beside)?);
    let mut packed = snapshot.clone();
    packed.pack_whole();
    header.parts = packed.parts.len() as u32;
    out.write_all(MAGIC)?;
    let mut bytes = Vec::new();
    header.write(&mut bytes);
    out.write_all(&(bytes.len() as u32).to_le_bytes())?;
    out.write_all(&crc32fast::hash(&bytes).to_le_bytes())?;
    out.write_all(&bytes)?;
    for part in &packed.parts {
        bytes.clear();
        (part.low, part.high).write(&mut bytes);
        part.settled().write(&mut bytes);
        out.write_all(&(bytes.len() as u64).to_le_bytes())?;
        out.write_all(&crc32fast::hash(&bytes).to_le_bytes())?;
        out.write_all(&bytes)?;
    }
    let file = out.into_inner().map_err(std::io::IntoInnerError::into_error)?;
    file.sync_all()?;
    drop(file);
    std::fs::rename(&beside, path)
}

/// Reads a snapshot file whole.
pub(crate) fn open(path: &Path) -> Result<(Header, Vec<Part>), Unusable> {
    let file = std::fs::File::open(path)?;
    let left = file.metadata()?.len();
    let mut input = BufReader::with_capacity(1 << 20, file);
    if take::<8>(&mut input)? != *MAGIC {
        return Err(Unusable::Magic);
    }
    let length = u32::from_le_bytes(take(&mut input)?);
    if length > MOST_HEADER || u64::from(length) > left {
        return Err(Unusable::Form("the length of the header"));
    }
    let header = checked(&mut input, u64::from(length), "the header")?;
    let header = read_all::<Header>(&header).ok_or(Unusable::Form("the header"))?;
    let parts = parts(&mut input, left, header.parts)?;
    let ordered = parts.windows(2).all(|w| matches!(w, [a, b] if a.high < b.low));
    if ordered && parts.iter().all(|p| p.low <= p.high) {
        Ok((header, parts))
    } else {
        Err(Unusable::Form("the order of the parts"))
    }
}

/// A part as it lies in the file.
struct Unread {
    number: u32,
    sum: u32,
    bytes: Vec<u8>,
}

impl Unread {
    fn read(self) -> Result<(u32, Part), Unusable> {
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

/// Reads the parts: this thread reads the file, others check it and take it apart.
fn parts(input: &mut impl Read, mut left: u64, count: u32) -> Result<Vec<Part>, Unusable> {
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
    let mut parts: Vec<(u32, Part)> = std::thread::scope(|scope| {
        let mut workers = Vec::new();
        for _ in 0..threads {
            workers.push(std::thread::Builder::new().name("store-resume".into()).spawn_scoped(scope, work)?);
        }
        let mut read = || {
            for number in 0..count {
                let length = u64::from_le_bytes(take(input)?);
                // A length is believed as far as the file is long.
                left = left.checked_sub(length).ok_or(Unusable::Form("the length of a part"))?;
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
    Ok(parts.into_iter().map(|(_, part)| part).collect())
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

impl Stored for Header {
    fn write(&self, out: &mut Vec<u8>) {
        (self.transmission, self.observation).write(out);
        (self.change, self.count).write(out);
        self.samples.write(out);
        self.observers.write(out);
        (self.floor, self.parts).write(out);
    }

    fn read(input: &mut Reader<'_>) -> Option<Self> {
        let (transmission, observation) = Stored::read(input)?;
        let (change, count) = Stored::read(input)?;
        let (samples, observers) = (Stored::read(input)?, Stored::read(input)?);
        let (floor, parts) = Stored::read(input)?;
        Some(Self { transmission, observation, change, count, samples, observers, floor, parts })
    }
}
