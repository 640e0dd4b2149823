//! Random histories, and the naive store that every answer is checked against.
#![allow(dead_code, reason = "each test file uses what it needs")]

pub mod judged;

use std::collections::BTreeMap;

use corescope_store::memory::{
    Activity, Batch, Counters, Cursor, ObservationRow, Observer, Observers, Order, Query, Score, Snapshot,
    Store, Transmission, TransmissionRow, recount,
};
use proptest::prelude::*;

/// An owned row of `transmissions`.
#[derive(Clone, Debug, PartialEq)]
pub struct Tx {
    pub id: i64,
    pub raw_hex: String,
    pub hash: String,
    pub first_seen: String,
    pub last_seen: i64,
    pub route_type: Option<i64>,
    pub payload_type: Option<i64>,
    pub payload_version: Option<i64>,
    pub decoded_json: Option<String>,
    pub from_pubkey: Option<String>,
    pub channel_hash: Option<String>,
    pub scope_name: Option<String>,
}

/// An owned row of `observations`.
#[derive(Clone, Debug, PartialEq)]
pub struct Obs {
    pub id: i64,
    pub transmission_id: i64,
    pub observer: Option<i64>,
    pub direction: Option<String>,
    pub snr: Option<f64>,
    pub rssi: Option<f64>,
    pub score: Option<Score>,
    pub path_json: Option<String>,
    pub timestamp: i64,
    pub resolved_path: Option<String>,
    pub raw_hex: Option<String>,
}

impl Tx {
    pub fn row(&self) -> TransmissionRow<'_> {
        TransmissionRow {
            id: self.id,
            raw_hex: &self.raw_hex,
            hash: &self.hash,
            first_seen: &self.first_seen,
            last_seen: self.last_seen,
            route_type: self.route_type,
            payload_type: self.payload_type,
            payload_version: self.payload_version,
            decoded_json: self.decoded_json.as_deref(),
            from_pubkey: self.from_pubkey.as_deref(),
            channel_hash: self.channel_hash.as_deref(),
            scope_name: self.scope_name.as_deref(),
        }
    }
}

impl Obs {
    pub fn row(&self) -> ObservationRow<'_> {
        ObservationRow {
            id: self.id,
            transmission_id: self.transmission_id,
            observer: self.observer,
            direction: self.direction.as_deref(),
            snr: self.snr,
            rssi: self.rssi,
            score: self.score,
            path_json: self.path_json.as_deref(),
            timestamp: self.timestamp,
            resolved_path: self.resolved_path.as_deref(),
            raw_hex: self.raw_hex.as_deref(),
        }
    }
}

/// Every column of every row, kept as plainly as possible.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Oracle {
    pub rows: BTreeMap<i64, (Tx, BTreeMap<i64, Obs>)>,
}

/// Unix seconds of the first row of a random history.
pub const BEGIN: i64 = 1_780_000_000;

/// A step of a random history.
#[derive(Clone, Debug)]
pub enum Step {
    /// New rows: transmissions with their observations, and late observations of known ones.
    Append(Vec<(Tx, Vec<Obs>)>, Vec<Obs>),
    /// The nth transmission gets other columns.
    Change(usize, Tx),
    /// An observation of the nth transmission is filled in.
    Fill(usize, Obs),
    /// The nth transmission is removed.
    Remove(usize),
    /// One step of packing.
    Compact,
}

pub fn rfc3339(unix: i64) -> String {
    corescope_core::time::rfc3339(unix)
}

pub const KEYS: [&str; 4] = [
    "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff",
    "0011aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
    "ffeeffeeffeeffeeffeeffeeffeeffeeffeeffeeffeeffeeffeeffeeffeeffee",
    "sender-alice",
];

fn one_of<T: Clone + std::fmt::Debug + 'static>(values: &'static [T]) -> impl Strategy<Value = T> {
    prop::sample::select(values)
}

fn path() -> impl Strategy<Value = Option<String>> {
    prop_oneof![
        6 => prop::collection::vec(one_of(&["AB", "CD", "EF", "01"]), 0..4).prop_map(|hops| {
            Some(format!("[{}]", hops.iter().map(|h| format!("\"{h}\"")).collect::<Vec<_>>().join(",")))
        }),
        1 => one_of(&["[\"ABCD\",\"0102\"]", "[\"AB\",\"0102\"]", "[ \"AB\" ]", "[\"ab\"]", ""]).prop_map(|p| Some(p.to_owned())),
        1 => Just(None),
    ]
}

fn resolved() -> impl Strategy<Value = Option<String>> {
    prop_oneof![
        2 => Just(None),
        4 => prop::collection::vec(prop::option::of(one_of(&KEYS)), 0..4).prop_map(|keys| {
            let item = |k: Option<&str>| k.map_or("null".to_owned(), |k| format!("\"{k}\""));
            Some(format!("[{}]", keys.iter().copied().map(item).collect::<Vec<_>>().join(",")))
        }),
        1 => Just(Some(format!("[ \"{}\" ]", KEYS[0]))),
    ]
}

fn number() -> impl Strategy<Value = Option<f64>> {
    prop_oneof![
        6 => (-80..60_i32).prop_map(|q| Some(f64::from(q) / 4.0)),
        1 => Just(None),
        1 => any::<f64>().prop_filter("finite", |f| f.is_finite()).prop_map(Some),
    ]
}

/// An observation; ids are given later.
pub fn observation() -> impl Strategy<Value = Obs> {
    let parts = (
        prop::option::weighted(0.9, 1..6_i64),
        one_of(&[Some("rx"), Some("rx"), Some("tx"), None]),
        (number(), number()),
        prop_oneof![
            Just(None),
            (0..1000_i64).prop_map(|s| Some(Score::Integer(s))),
            (0..100_i32).prop_map(|s| Some(Score::Real(f64::from(s) / 8.0)))
        ],
        path(),
        prop_oneof![9 => 0..60_i64, 1 => -100_000..1_000_000_i64],
        resolved(),
        0..6_u8,
    );
    parts.prop_map(|(observer, direction, (snr, rssi), score, path_json, delay, resolved_path, raw)| Obs {
        id: 0,
        transmission_id: 0,
        observer,
        direction: direction.map(str::to_owned),
        snr,
        rssi,
        score,
        path_json,
        timestamp: delay,
        resolved_path,
        raw_hex: match raw {
            0 => None,
            1 => Some(String::new()),
            2 => Some("15C0FFEE".into()),
            // Made from the transmission's frame later.
            n => Some(format!("!{n}")),
        },
    })
}

/// A transmission; id, hash and time are given later.
pub fn transmission() -> impl Strategy<Value = Tx> {
    let parts = (
        prop::option::weighted(0.95, 0..4_i64),
        prop_oneof![9 => prop::option::weighted(0.95, prop::sample::select(vec![0, 1, 2, 3, 4, 5, 5, 9])), 1 => Just(Some(300_i64))],
        prop::collection::vec(any::<u8>(), 0..40),
        0..8_u8,
        prop::option::of(one_of(&["Public", "#test", "enc_A1", ""])),
        prop::option::of(one_of(&["", "#eu", "#norcal"])),
        one_of(&KEYS),
        (0..4_u8, -5..400_i64),
    );
    parts.prop_map(|(route, payload, body, json, channel, scope, key, (spelling, time))| {
        let header = (route.unwrap_or(1) as u8 & 3) | (payload.unwrap_or(0) as u8) << 2;
        let mut raw = vec![header];
        if matches!(header & 3, 0 | 3) {
            raw.extend([1, 2, 3, 4]);
        }
        raw.push(0x01);
        raw.push(0xAB);
        raw.extend(&body);
        let raw_hex = match spelling {
            0 => hex::encode(&raw),
            1 if json == 0 => String::new(),
            2 if json == 1 => "aB".into(),
            _ => hex::encode_upper(&raw),
        };
        let decoded_json = match json {
            0 => None,
            1 => Some("not json".to_owned()),
            2 => Some(format!(r#"{{"type":"ADVERT","pubKey":"{key}","name":"Hill \"<é>","lat":51.5,"lon":-1.25,"flags":{{"repeater":true}}}}"#)),
            3 => Some(r#"{"type":"CHAN","channel":"Public","text":"Ann: good morning","sender":"Ann","sender_timestamp":17}"#.to_owned()),
            4 => Some(format!(r#"{{"type":"ANON_REQ","destPubKey":"{key}"}}"#)),
            _ => Some(format!(r#"{{"type":"REQ","destHash":"0a","encryptedData":"{}"}}"#, hex::encode(&body))),
        };
        Tx {
            id: 0,
            raw_hex,
            hash: match json {
                6 => "26005E8A32610000".into(),
                7 => "odd".into(),
                _ => String::new(),
            },
            first_seen: match json {
                5 if spelling == 3 => ".123Z".into(),
                _ => String::new(),
            },
            last_seen: time,
            route_type: route,
            payload_type: payload,
            payload_version: Some(0),
            from_pubkey: match json {
                2 => Some(key.to_owned()),
                3 => Some(String::new()),
                _ => None,
            },
            decoded_json,
            channel_hash: channel.map(str::to_owned),
            scope_name: scope.map(str::to_owned),
        }
    })
}

pub fn step() -> impl Strategy<Value = Step> {
    let group = (transmission(), prop::collection::vec(observation(), 0..6));
    prop_oneof![
        6 => (prop::collection::vec(group, 0..8), prop::collection::vec(observation(), 0..3)).prop_map(|(new, late)| Step::Append(new, late)),
        1 => (any::<usize>(), transmission()).prop_map(|(n, t)| Step::Change(n, t)),
        1 => (any::<usize>(), observation()).prop_map(|(n, o)| Step::Fill(n, o)),
        1 => any::<usize>().prop_map(Step::Remove),
        1 => Just(Step::Compact),
    ]
}

/// The naive store and the real one, fed with the same rows.
#[derive(Debug, Default)]
pub struct Pair {
    pub store: Store,
    pub oracle: Oracle,
    next_tx: i64,
    next_obs: i64,
}

impl Pair {
    pub fn new() -> Self {
        let observer = |rowid: i64| Observer {
            rowid,
            id: format!("OBS{rowid}"),
            name: (rowid != 3).then(|| format!("Observer {rowid}")),
            iata: Some(if rowid % 2 == 0 { "SJC" } else { "AMS" }.to_owned()),
            ..Observer::default()
        };
        let store = Store::new();
        store.set_observers(Observers::new((1..6).map(observer)));
        Self { store, oracle: Oracle::default(), next_tx: 1, next_obs: 1 }
    }

    fn place_tx(&mut self, tx: &mut Tx, id: i64) {
        tx.id = id;
        tx.hash = if tx.hash.is_empty() { usual_hash(id) } else { format!("{}{id}", tx.hash) };
        tx.first_seen = first_seen(id, &tx.first_seen);
        tx.last_seen += BEGIN + id * 40;
    }

    fn place_obs(obs: &mut Obs, of: &Tx) {
        obs.transmission_id = of.id;
        obs.timestamp += BEGIN + of.id * 40;
        if let Some(mark) = obs.raw_hex.as_deref().and_then(|r| r.strip_prefix('!')) {
            obs.raw_hex = Some(match (mark, of.raw_hex.get(2..4)) {
                ("3", _) => of.raw_hex.clone(),
                ("4", Some(_)) if matches!(of.route_type, Some(1 | 2)) => {
                    let hops: String = obs
                        .path_json
                        .as_deref()
                        .unwrap_or("")
                        .chars()
                        .filter(char::is_ascii_hexdigit)
                        .collect();
                    format!(
                        "{}{:02X}{hops}{}",
                        &of.raw_hex[..2],
                        hops.len() / 2,
                        of.raw_hex.get(6..).unwrap_or("")
                    )
                }
                _ => format!("11{}", of.raw_hex.get(2..).unwrap_or("00")),
            });
        }
    }

    fn nth(&self, n: usize) -> Option<i64> {
        let len = self.oracle.rows.len();
        (len > 0).then(|| *self.oracle.rows.keys().nth(n % len).expect("in range"))
    }

    pub fn apply(&mut self, step: Step) {
        let mut append = self.store.begin();
        match step {
            Step::Append(new, late) => {
                drop(append);
                let (mut transmissions, mut observations) = (Vec::new(), Vec::new());
                for (mut tx, list) in new {
                    let id = self.next_tx;
                    // Ids have gaps now and then.
                    self.next_tx += 1 + i64::from(id % 7 == 0);
                    self.place_tx(&mut tx, id);
                    for mut obs in list {
                        Self::place_obs(&mut obs, &tx);
                        observations.push(obs);
                    }
                    self.oracle.rows.insert(id, (tx.clone(), BTreeMap::new()));
                    transmissions.push(tx);
                }
                for (n, mut obs) in late.into_iter().enumerate() {
                    let Some(of) = self.nth(n * 31) else { continue };
                    Self::place_obs(&mut obs, &self.oracle.rows[&of].0);
                    observations.push(obs);
                }
                for obs in &mut observations {
                    obs.id = self.next_obs;
                    self.next_obs += 1 + i64::from(self.next_obs % 11 == 0);
                    let (tx, list) = self.oracle.rows.get_mut(&obs.transmission_id).expect("there");
                    tx.last_seen = tx.last_seen.max(obs.timestamp);
                    list.insert(obs.id, obs.clone());
                }
                let transmissions: Vec<_> = transmissions.iter().map(Tx::row).collect();
                let observations: Vec<_> = observations.iter().map(Obs::row).collect();
                let outcome =
                    self.store.append(&Batch { transmissions: &transmissions, observations: &observations });
                assert_eq!(
                    (outcome.skipped, outcome.new_observations),
                    (0, observations.len() as u64),
                    "{:?}",
                    self.store.defects()
                );
                return;
            }
            Step::Change(n, mut tx) => {
                if let Some(id) = self.nth(n) {
                    self.next_tx = self.next_tx.max(id + 1);
                    let hash = self.oracle.rows[&id].0.hash.clone();
                    let last_seen = self.oracle.rows[&id].0.last_seen;
                    let first_seen = first_seen(id, &tx.first_seen);
                    tx = Tx { id, hash, first_seen, last_seen, ..tx };
                    append.transmission(&tx.row());
                    // Frames of observations refer to the frame they came with: both keep theirs.
                    self.oracle.rows.get_mut(&id).expect("there").0 = tx;
                }
            }
            Step::Fill(n, mut obs) => {
                if let Some(id) = self.nth(n) {
                    let (tx, list) = self.oracle.rows.get_mut(&id).expect("there");
                    if let Some(old) = list.values().nth(n % list.len().max(1)).cloned() {
                        Self::place_obs(&mut obs, tx);
                        obs.id = old.id;
                        append.observation(&obs.row());
                        list.insert(obs.id, obs);
                    }
                }
            }
            Step::Remove(n) => {
                if let Some(id) = self.nth(n) {
                    assert!(append.remove_transmission(id));
                    self.oracle.rows.remove(&id);
                }
            }
            Step::Compact => {
                drop(append);
                self.store.compact();
                return;
            }
        }
        append.publish();
    }
}

/// When a transmission was first heard; `end` is what its time ends with, if that is not a plain `Z`.
fn first_seen(id: i64, end: &str) -> String {
    let text = rfc3339(BEGIN + id * 40);
    if end.is_empty() { text } else { text.replace('Z', end) }
}

/// Every column of every row as the store gives them back.
pub fn read_all(snapshot: &Snapshot) -> Oracle {
    Oracle { rows: snapshot.transmissions().map(|t| (t.id(), read_row(&t))).collect() }
}

/// That what moved with the rows is what counting all of them anew gives.
pub fn aggregates_agree(snapshot: &Snapshot) -> Result<(), TestCaseError> {
    let (counters, activity): (Counters, Activity) = recount(snapshot);
    let ours = snapshot.counters();
    prop_assert_eq!((ours.transmissions, ours.observations), (counters.transmissions, counters.observations));
    prop_assert_eq!(&ours.by_payload_type, &counters.by_payload_type);
    prop_assert_eq!(&ours.by_route_type, &counters.by_route_type);
    let newest = snapshot.newest().max(0);
    for back in [0, 10, 3600, 80_000] {
        prop_assert_eq!(ours.observations_since(newest - back), counters.observations_since(newest - back));
    }
    prop_assert_eq!(&**snapshot.activity(), &activity);
    Ok(())
}

/// Every column of a row and of its observations.
pub fn read_row(t: &Transmission<'_>) -> (Tx, BTreeMap<i64, Obs>) {
    let own = |text: Option<std::borrow::Cow<'_, str>>| text.map(std::borrow::Cow::into_owned);
    let tx = Tx {
        id: t.id(),
        raw_hex: t.raw_hex().into_owned(),
        hash: t.hash().into_owned(),
        first_seen: t.first_seen().into_owned(),
        last_seen: t.last_seen(),
        route_type: t.route_type(),
        payload_type: t.payload_type(),
        payload_version: t.payload_version(),
        decoded_json: own(t.decoded_json()),
        from_pubkey: own(t.from_pubkey()),
        channel_hash: t.channel_hash().map(str::to_owned),
        scope_name: t.scope_name().map(str::to_owned),
    };
    let observations = t.observations().map(|o| Obs {
        id: o.id(),
        transmission_id: o.transmission().id(),
        observer: o.observer(),
        direction: o.direction().map(str::to_owned),
        snr: o.snr(),
        rssi: o.rssi(),
        score: o.score(),
        path_json: own(o.path_json()),
        timestamp: o.timestamp(),
        resolved_path: own(o.resolved_path()),
        raw_hex: own(o.raw_hex()),
    });
    (tx, observations.map(|o| (o.id, o)).collect())
}

/// The hash of a transmission that asks for none of its own.
fn usual_hash(id: i64) -> String {
    format!("{:016x}", id.wrapping_mul(0x1E37_79B9_7F4A_7C15))
}

pub fn query() -> impl Strategy<Value = Query> {
    let sets = (
        prop::option::weighted(0.3, prop::collection::vec(0..10_i64, 1..3)),
        prop::option::weighted(0.2, prop::collection::vec(0..4_i64, 1..3)),
        prop::option::weighted(0.2, prop::collection::vec(1..8_i64, 1..3)),
        prop::option::weighted(0.2, one_of(&["sjc", "AMS", "XXX"])),
        prop::option::weighted(0.2, one_of(&KEYS)),
        prop::option::weighted(0.1, one_of(&KEYS)),
        prop::option::weighted(0.1, one_of(&["Public", "#test", "enc_A1"])),
        prop::option::weighted(0.1, one_of(&[None, Some(""), Some("#eu")])),
    );
    let rest = (
        prop::option::weighted(0.2, 0..4000_i64),
        prop::option::weighted(0.2, 0..4000_i64),
        prop::option::weighted(0.3, one_of(&judged::EXPRESSIONS)),
        prop::option::weighted(0.2, 0..40_i64),
        one_of(&[Order::NewestId, Order::OldestId, Order::Latest]),
        0..12_usize,
        0..12_usize,
        prop::option::weighted(0.3, (0..4000_i64, 0..60_i64)),
        (prop::option::weighted(0.1, 0..40_i64), prop::bool::ANY),
    );
    (sets, rest).prop_map(|(sets, rest)| {
        let (types, routes, observers, region, node, from, channel, scope) = sets;
        let (since, until, filter, after_id, order, offset, limit, after, (hash, with_damaged)) = rest;
        Query {
            hash: hash.map(|id| usual_hash(id).to_ascii_uppercase()),
            with_damaged,
            payload_types: types,
            route_types: routes,
            observers: observers.map(|list| list.iter().map(|n| format!("OBS{n}")).collect()),
            regions: region.map(|r| vec![r.to_owned()]),
            nodes: node.map(|k| vec![k.to_ascii_uppercase()]),
            originators: from.map(|k| vec![k.to_owned()]),
            channel: channel.map(str::to_owned),
            scope: scope.map(|s| s.map(str::to_owned)),
            since: since.map(|s| BEGIN + s),
            until: until.map(|u| BEGIN + u),
            filter: filter.map(judged::expression),
            after_id,
            order,
            offset,
            limit,
            after: after.map(|(latest, id)| Cursor { latest: BEGIN + latest, id }),
        }
    })
}

/// Whether a text begins and ends as a JSON object does.
fn is_object(json: &str) -> bool {
    json.trim_ascii().starts_with('{') && json.trim_ascii().ends_with('}')
}

impl Oracle {
    fn latest(&self, id: i64) -> i64 {
        let (tx, list) = &self.rows[&id];
        let first =
            corescope_core::time::parse_rfc3339_millis(&tx.first_seen).expect("a time").div_euclid(1000);
        list.values().map(|o| o.timestamp).fold(first, i64::max)
    }

    /// The ids a query finds: all, and those of the page. Written from the documentation of [`Query`], not from its code.
    pub fn query(&self, q: &Query, snapshot: &Snapshot) -> (u64, Vec<i64>) {
        let mut found: Vec<i64> = self
            .rows
            .iter()
            .filter(|(id, row)| self.matches(q, **id, row, snapshot))
            .map(|(id, _)| *id)
            .collect();
        match q.order {
            Order::NewestId => found.reverse(),
            Order::OldestId => {}
            Order::Latest => found.sort_by_key(|id| std::cmp::Reverse((self.latest(*id), *id))),
        }
        let total = found.len() as u64;
        let behind = |id: i64| match (&q.after, q.order) {
            (None, _) => true,
            (Some(c), Order::NewestId) => id < c.id,
            (Some(c), Order::OldestId) => id > c.id,
            (Some(c), Order::Latest) => (self.latest(id), id) < (c.latest, c.id),
        };
        let page = found.into_iter().filter(|id| behind(*id)).skip(q.offset).take(q.limit).collect();
        (total, page)
    }

    fn matches(&self, q: &Query, id: i64, row: &(Tx, BTreeMap<i64, Obs>), snapshot: &Snapshot) -> bool {
        let (tx, list) = row;
        let first =
            corescope_core::time::parse_rfc3339_millis(&tx.first_seen).expect("a time").div_euclid(1000);
        let latest = self.latest(id);
        let inside = |t: i64| q.since.is_none_or(|s| t > s) && q.until.is_none_or(|u| t < u);
        let heard_by = |wanted: &dyn Fn(&Observer) -> bool| {
            list.values().any(|o| {
                let observer = o.observer.and_then(|rowid| snapshot.observers().by_rowid(rowid));
                observer.is_some_and(|o| wanted(o))
            })
        };
        q.hash.as_ref().is_none_or(|hash| tx.hash.eq_ignore_ascii_case(hash))
            && q.payload_types.as_ref().is_none_or(|set| tx.payload_type.is_some_and(|t| set.contains(&t)))
            && q.route_types.as_ref().is_none_or(|set| tx.route_type.is_some_and(|t| set.contains(&t)))
            && q.observers.as_ref().is_none_or(|ids| heard_by(&|o| ids.contains(&o.id)))
            && q.regions.as_ref().is_none_or(|regions| {
                heard_by(&|o| {
                    o.iata.as_ref().is_some_and(|i| regions.iter().any(|r| r.eq_ignore_ascii_case(i)))
                })
            })
            && q.nodes.as_ref().is_none_or(|keys| {
                keys.iter().any(|key| {
                    let key = key.to_ascii_lowercase();
                    let quoted = format!("\"{key}\"");
                    tx.from_pubkey.as_ref() == Some(&key)
                        || tx.decoded_json.as_ref().is_some_and(|j| j.contains(&format!("ubKey\":{quoted}")))
                        || list
                            .values()
                            .any(|o| o.resolved_path.as_ref().is_some_and(|p| p.contains(&quoted)))
                })
            })
            && q.originators
                .as_ref()
                .is_none_or(|keys| tx.from_pubkey.as_ref().is_some_and(|f| keys.contains(f)))
            && q.channel
                .as_ref()
                .is_none_or(|c| tx.payload_type == Some(5) && tx.channel_hash.as_ref() == Some(c))
            && (q.channel.is_none() || q.with_damaged || tx.decoded_json.as_deref().is_none_or(is_object))
            && q.scope.as_ref().is_none_or(|s| tx.scope_name == *s)
            && ((q.since.is_none() && q.until.is_none()) || inside(first) || inside(latest))
            && q.after_id.is_none_or(|after| id > after)
            && q.filter.as_ref().is_none_or(|expression| judged::verdict(expression, row, snapshot))
    }
}
