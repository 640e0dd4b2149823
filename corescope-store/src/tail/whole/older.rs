//! What the rows below the floor add to sums, counts and newest rows, for answers that are no lists of packets.
//!
//! Everything here is of rows outside memory alone: whoever asks adds what memory holds. Where an index of SQLite leads
//! there, it is asked each time or remembered; what was heard of nodes takes a look at every row, which is done for all
//! keys at once.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap, HashMap};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use rusqlite::Connection;

use super::{Remembered, Whole, WholeError, go_on};
use crate::lookup::LookupError;
use crate::memory::{Heard, OwnedTransmission, Snapshot, Transmission, Want};
use crate::read::{self, Below};

/// Payload type of group text.
const GROUP_TEXT: i64 = 5;
/// Transmissions that are summed up at once.
const AT_ONCE: usize = 1024;
/// Keys that are no nodes and are summed up all the same, at most: the first that occur.
const MOST_STRANGERS: usize = 4096;
/// The newest messages that are kept of each channel.
const NEWEST_MESSAGES: usize = 4096;
/// The same of two channels that were asked for older ones: 16 MiB each.
const MOST_MESSAGES: usize = 1 << 20;

/// Findings that are kept.
#[derive(Debug)]
pub(super) struct Kept {
    /// Newest reception.
    newest: Remembered<(), Option<i64>>,
    channels: Remembered<Option<Vec<i64>>, BTreeMap<String, ChannelTally>>,
    messages: Remembered<(String, Option<Vec<i64>>), Messages>,
    /// The messages of few channels, far back.
    deep: Remembered<(String, Option<Vec<i64>>), Messages>,
    /// Of all nodes on record, and of keys that are none.
    heard: Remembered<Want, HashMap<String, Heard>>,
}

impl Default for Kept {
    fn default() -> Self {
        Self {
            newest: Remembered::new(1),
            channels: Remembered::new(64),
            messages: Remembered::new(32),
            deep: Remembered::new(2),
            heard: Remembered::new(2),
        }
    }
}

/// Messages of a channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChannelTally {
    /// How many.
    pub messages: u64,
    /// First reception (unix seconds) and id of the newest.
    pub newest: (i64, i64),
}

/// The messages of one channel.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Messages {
    /// How many, also those without a reception.
    pub total: u64,
    /// Newest reception (unix seconds) and id, the newest first: all, or at least as many as were asked for, a million at
    /// most.
    pub newest: Vec<(i64, i64)>,
}

impl Whole {
    /// The newest transmissions outside memory that a node sent (lower-case key), the highest id first.
    ///
    /// # Errors
    ///
    /// The database did not answer.
    pub fn older_of_sender(
        &self,
        moment: &Snapshot,
        key: &str,
        most: usize,
    ) -> Result<Vec<Arc<OwnedTransmission>>, LookupError> {
        let mut rows = Vec::new();
        if most > 0 && moment.lacks_rows() {
            let ids = i64::MIN..moment.floor();
            self.reader.ask(|c| {
                read::each_below(c, Below::Sender(key), ids, true, &mut |row| {
                    rows.push(Arc::new(row));
                    rows.len() < most
                })
            })?;
        }
        Ok(rows)
    }

    /// Channels of messages outside memory; only messages that one of these observers (rowids) heard.
    ///
    /// # Errors
    ///
    /// [`WholeError`].
    pub fn older_channels(
        &self,
        moment: &Snapshot,
        heard_by: Option<&[i64]>,
    ) -> Result<Arc<BTreeMap<String, ChannelTally>>, WholeError> {
        if !moment.lacks_rows() {
            return Ok(Arc::default());
        }
        self.kept.channels.get(moment, heard_by.map(<[i64]>::to_vec), |from, known| {
            let mut channels = known.cloned().unwrap_or_default();
            let look = |c: &Connection| {
                each_heard(
                    c,
                    &self.stopped,
                    Below::Type(GROUP_TEXT),
                    from..moment.floor(),
                    heard_by,
                    &mut |row| {
                        let Some(name) = row.channel_hash().filter(|name| !name.is_empty()) else {
                            return Ok(());
                        };
                        let newest = (row.first_seen_unix(), row.id());
                        let tally = ChannelTally { messages: 0, newest };
                        let tally = channels.entry(name.to_owned()).or_insert(tally);
                        tally.messages += 1;
                        tally.newest = tally.newest.max(newest);
                        Ok(())
                    },
                )
            };
            self.reader.ask(look)?;
            Ok(channels)
        })
    }

    /// Messages of a channel outside memory; only those that one of these observers (rowids) heard. Those after the
    /// newest few thousand are kept of two channels at a time: whoever asks for those of many is told to wait.
    ///
    /// # Errors
    ///
    /// [`WholeError`].
    pub fn older_messages(
        &self,
        moment: &Snapshot,
        channel: &str,
        heard_by: Option<&[i64]>,
        most: usize,
    ) -> Result<Arc<Messages>, WholeError> {
        if !moment.lacks_rows() {
            return Ok(Arc::default());
        }
        let key = (channel.to_owned(), heard_by.map(<[i64]>::to_vec));
        let messages = self.kept.messages.get(moment, key.clone(), |from, known| {
            self.find_messages(moment, channel, heard_by, from, known, NEWEST_MESSAGES)
        })?;
        if most <= messages.newest.len() || messages.newest.len() < NEWEST_MESSAGES {
            return Ok(messages);
        }
        self.kept.deep.get(moment, key, |from, known| {
            self.find_messages(moment, channel, heard_by, from, known, MOST_MESSAGES)
        })
    }

    /// Adds the messages of a channel from an id up to the floor; so many of the newest stay.
    fn find_messages(
        &self,
        moment: &Snapshot,
        channel: &str,
        heard_by: Option<&[i64]>,
        from: i64,
        known: Option<&Messages>,
        most: usize,
    ) -> Result<Messages, WholeError> {
        let Messages { mut total, newest } = known.cloned().unwrap_or_default();
        let mut best: BinaryHeap<Reverse<(i64, i64)>> = newest.into_iter().map(Reverse).collect();
        self.reader.ask(|c| {
            each_heard(
                c,
                &self.stopped,
                Below::Channel(channel),
                from..moment.floor(),
                heard_by,
                &mut |row| {
                    total += 1;
                    if let Some(at) = read::newest_reception(c, row.id())? {
                        best.push(Reverse((at, row.id())));
                        if best.len() > most {
                            best.pop();
                        }
                    }
                    Ok(())
                },
            )
        })?;
        // Of reversed places: the newest first.
        let newest = best.into_sorted_vec().into_iter().map(|Reverse(place)| place).collect();
        Ok(Messages { total, newest })
    }

    /// Receptions at this time (unix seconds) or later of transmissions outside memory, by rowid of the observer.
    ///
    /// # Errors
    ///
    /// [`WholeError`].
    pub fn older_receptions(
        &self,
        moment: &Snapshot,
        since: i64,
    ) -> Result<BTreeMap<Option<i64>, u64>, WholeError> {
        if !moment.lacks_rows() {
            return Ok(BTreeMap::new());
        }
        let newest = self.kept.newest.get(moment, (), |from, known| {
            let newest = self.reader.ask(|c| read::newest_of_range(c, from..moment.floor()))?;
            Ok(newest.max(known.copied().flatten()))
        })?;
        if newest.is_none_or(|newest| newest < since) {
            return Ok(BTreeMap::new());
        }
        Ok(self.reader.ask(|c| read::receptions_by_observer(c, moment.floor(), since))?)
    }

    /// Shows transmissions outside memory that were first heard at this time (unix seconds) or later, and some others,
    /// without their observations.
    ///
    /// # Errors
    ///
    /// The database did not answer.
    pub fn older_since(
        &self,
        moment: &Snapshot,
        since: i64,
        visit: &mut dyn FnMut(&Transmission<'_>),
    ) -> Result<(), LookupError> {
        if !moment.lacks_rows() {
            return Ok(());
        }
        self.each_older(moment.floor(), Below::SeenSince(since), i64::MIN, false, visit)
    }

    /// Shows all transmissions outside memory, without their observations. It reads every one of them each time: whoever
    /// asks remembers what it finds.
    ///
    /// # Errors
    ///
    /// The database did not answer.
    pub fn older(
        &self,
        moment: &Snapshot,
        visit: &mut dyn FnMut(&Transmission<'_>),
    ) -> Result<(), LookupError> {
        if !moment.lacks_rows() {
            return Ok(());
        }
        self.each_older(moment.floor(), Below::All, i64::MIN, false, visit)
    }

    /// Shows transmissions of a payload type outside memory, from an id on, with their observations.
    ///
    /// # Errors
    ///
    /// The database did not answer.
    pub fn older_of_type(
        &self,
        moment: &Snapshot,
        payload_type: i64,
        from: i64,
        visit: &mut dyn FnMut(&Transmission<'_>),
    ) -> Result<(), LookupError> {
        self.each_older(moment.floor(), Below::Type(payload_type), from, true, visit)
    }

    fn each_older(
        &self,
        floor: i64,
        which: Below<'_>,
        from: i64,
        with_observations: bool,
        visit: &mut dyn FnMut(&Transmission<'_>),
    ) -> Result<(), LookupError> {
        self.each_row(which, from..floor, with_observations, &mut |row| visit(&Transmission::from(&row)))
    }

    /// Shows transmissions below the floor, unless that is to end.
    fn each_row(
        &self,
        which: Below<'_>,
        ids: Range<i64>,
        with_observations: bool,
        visit: &mut dyn FnMut(OwnedTransmission),
    ) -> Result<(), LookupError> {
        self.reader.ask(|c| {
            read::each_below(c, which, ids, with_observations, &mut |row| {
                visit(row);
                go_on(&self.stopped).is_ok()
            })?;
            go_on(&self.stopped)
        })
    }

    /// What was heard of these nodes (public keys, any case) in all, in their order: in memory and outside. Outside memory
    /// the nodes on record are looked for, and up to 4096 other keys of 64 digits, the first that occur. A new node or
    /// another relay changes what hops outside memory stand for after a while, where looking again takes long.
    ///
    /// # Errors
    ///
    /// [`WholeError`].
    pub fn heard_of(&self, moment: &Snapshot, keys: &[&str], want: Want) -> Result<Vec<Heard>, WholeError> {
        let mut heard = moment.heard_of(keys, want);
        if keys.is_empty() || !moment.lacks_rows() {
            return Ok(heard);
        }
        // One look serves all kinds of questions.
        let all = Want { hops: true, everyone: true, ids: want.ids.max(MOST_IDS), ..want };
        let known = self.older_heard(moment, all)?;
        for (key, heard) in keys.iter().zip(&mut heard) {
            if let Some(older) = known.get(&key.to_ascii_lowercase()) {
                heard.add(older, want.ids);
            }
        }
        Ok(heard)
    }

    /// What was heard of all keys in rows outside memory. One that is missing was not heard of.
    fn older_heard(&self, moment: &Snapshot, want: Want) -> Result<Arc<HashMap<String, Heard>>, WholeError> {
        // Which hops stand for a node alone depends on all that relay.
        let mut membership = DefaultHasher::new();
        for node in moment.nodes().iter() {
            node.public_key.hash(&mut membership);
            moment.certain_hops(&node.public_key).for_each(|hop| hop.hash(&mut membership));
        }
        self.kept.heard.get_marked(moment, want, membership.finish(), |from, known| {
            Ok(self.sum_up(moment, want, from, known.cloned().unwrap_or_default())?)
        })
    }

    /// Adds what was heard of all keys in the rows from an id up to the floor.
    fn sum_up(
        &self,
        moment: &Snapshot,
        want: Want,
        from: i64,
        mut sums: HashMap<String, Heard>,
    ) -> Result<HashMap<String, Heard>, LookupError> {
        for node in moment.nodes().iter() {
            sums.entry(node.public_key.clone()).or_default();
        }
        let most = moment.nodes().len().saturating_add(MOST_STRANGERS);
        let mut rows: Vec<Arc<OwnedTransmission>> = Vec::new();
        let mut add = |rows: &mut Vec<Arc<OwnedTransmission>>| {
            // Once there is no room no key is added: each sum is of everything.
            for key in rows.iter().flat_map(|row| row.node_keys()).filter(|key| is_whole_key(key)) {
                if sums.len() < most && !sums.contains_key(key) {
                    sums.insert(key.to_owned(), Heard::default());
                }
            }
            let keys: Vec<&str> = sums.keys().map(String::as_str).collect();
            let found = moment.with_rows(std::mem::take(rows)).heard_of(&keys, want);
            // In the order of the keys.
            let both = sums.values_mut().zip(&found).filter(|(_, found)| found.transmissions > 0);
            both.for_each(|(sum, found)| sum.add(found, want.ids));
        };
        self.each_row(Below::All, from..moment.floor(), true, &mut |row| {
            rows.push(Arc::new(row));
            if rows.len() >= AT_ONCE {
                add(&mut rows);
            }
        })?;
        add(&mut rows);
        Ok(sums)
    }
}

/// Whether a key is one that a node may be asked for by without being on record.
fn is_whole_key(key: &str) -> bool {
    key.len() == 64 && key.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
}

/// Ids of the newest transmissions of a node that are kept.
const MOST_IDS: usize = 20;

/// Shows transmissions without observations that one of these observers heard; all without observers.
fn each_heard(
    connection: &Connection,
    stopped: &AtomicBool,
    which: Below<'_>,
    ids: Range<i64>,
    heard_by: Option<&[i64]>,
    visit: &mut dyn FnMut(&Transmission<'_>) -> rusqlite::Result<()>,
) -> rusqlite::Result<()> {
    if heard_by.is_some() && !read::tells_observers(connection)? {
        return Ok(());
    }
    let mut failed = Ok(());
    read::each_below(connection, which, ids, false, &mut |row| {
        let row = Transmission::from(&row);
        let heard = heard_by.map_or(Ok(true), |rowids| read::is_heard_by(connection, row.id(), rowids));
        failed = heard.and_then(|heard| if heard { visit(&row) } else { Ok(()) }).and(go_on(stopped));
        failed.is_ok()
    })?;
    failed
}
