//! The report as data. Its JSON is a contract: fields are added, never renamed or taken away.
//!
//! Times are RFC 3339 in UTC. Shares are fractions of one. What is unknown is `null`, never 0.

use serde::Serialize;

/// Names the form; the number grows only if a field must change its meaning.
pub const SCHEMA: &str = "corescope.report/1";

/// Everything.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Report {
    /// [`SCHEMA`].
    pub schema: &'static str,
    /// What was read, in order.
    pub sources: Vec<Source>,
    /// The filter expression, if only its matches were counted.
    pub filter: Option<String>,
    /// Distinct packets.
    pub transmissions: u64,
    /// Receptions: one for each packet, observer and path.
    pub observations: u64,
    /// Nodes: rows of the table of nodes, else distinct senders of valid adverts.
    pub nodes: u64,
    /// Observers: rows of the table of observers, else those that published.
    pub observers: u64,
    /// Receptions told more than once and counted once.
    pub duplicates: u64,
    /// From the first to the last reception; `None` when nothing is dated.
    pub span: Option<Span>,
    /// By payload type, most frequent first.
    pub types: Vec<TypeCount>,
    /// By route type.
    pub routes: Vec<Count>,
    /// By bytes per hop, of flooded packets; label `1`, `2`, `3`.
    pub hash_sizes: Vec<Count>,
    /// By scope; label empty when none of the known names fitted.
    pub scopes: Vec<Count>,
    /// How far packets travelled.
    pub hops: Hops,
    /// Frame sizes.
    pub sizes: Option<Spread>,
    /// SNR in dB.
    pub snr: Option<Spread>,
    /// RSSI in dBm.
    pub rssi: Option<Spread>,
    /// SNR in steps of 2 dB.
    pub snr_histogram: Vec<Bin>,
    /// How widely a packet is heard.
    pub reach: Reach,
    /// Time on air.
    pub airtime: Airtime,
    /// What happened when.
    pub activity: Activity,
    /// By channel, busiest first.
    pub channels: Vec<Channel>,
    /// Nodes by role.
    pub roles: Vec<Count>,
    /// Nodes that told where they are.
    pub located_nodes: u64,
    /// Who forwards most, at most 30.
    pub repeaters: Vec<Repeater>,
    /// Who heard what, busiest first.
    pub observer_list: Vec<ObserverLine>,
    /// By region of the observers.
    pub regions: Vec<Region>,
    /// What an operator should look at, gravest first.
    pub anomalies: Vec<Anomaly>,
    /// Packets and lines that are wrong, by reason, most frequent first.
    pub bad: Vec<Bad>,
}

/// Something that was read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Source {
    /// Its name as given.
    pub name: String,
    /// `database`, `capture`, or `text`.
    pub kind: &'static str,
    /// What is worth saying about it: its layout, a copy that was made.
    pub note: String,
}

/// A stretch of time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Span {
    /// First moment.
    pub first: String,
    /// Last moment.
    pub last: String,
    /// Between them.
    pub seconds: i64,
}

/// A label and how often.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Count {
    /// What was counted.
    pub label: String,
    /// How often.
    pub count: u64,
    /// Share of all.
    pub share: f64,
}

/// A payload type.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct TypeCount {
    /// Number, 0–15; 255 for packets that have none.
    pub number: u8,
    /// Wire name.
    pub name: &'static str,
    /// As people say.
    pub label: &'static str,
    /// Packets.
    pub transmissions: u64,
    /// Receptions.
    pub observations: u64,
    /// Share of the packets.
    pub share: f64,
    /// Time on air of the packets, each sent once, in ms.
    pub airtime_ms: u64,
}

/// How far packets travelled.
#[derive(Debug, Clone, PartialEq, Serialize, Default)]
pub struct Hops {
    /// Receptions of flooded packets by number of hops; label `0`, `1` ….
    pub flood: Vec<Count>,
    /// Mean number of hops of those.
    pub mean: Option<f64>,
    /// Highest.
    pub max: Option<u32>,
}

/// A distribution.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Spread {
    /// How many figures.
    pub count: u64,
    /// Lowest.
    pub min: f64,
    /// A tenth is below.
    pub p10: f64,
    /// Half is below.
    pub p50: f64,
    /// A tenth is above.
    pub p90: f64,
    /// Highest.
    pub max: f64,
    /// Mean.
    pub mean: f64,
}

/// A step of a histogram.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Bin {
    /// From here, included.
    pub from: f64,
    /// To here, excluded.
    pub to: f64,
    /// How many.
    pub count: u64,
}

/// How widely a packet is heard.
#[derive(Debug, Clone, PartialEq, Serialize, Default)]
pub struct Reach {
    /// Observers that hear one packet.
    pub observers: Option<Spread>,
    /// Seconds from the first to the last reception of one packet, of those heard twice or more.
    pub seconds: Option<Spread>,
    /// Packets that one observer alone has heard.
    pub single: u64,
    /// Packets without any reception.
    pub unheard: u64,
}

/// Time on air.
#[derive(Debug, Clone, PartialEq, Serialize, Default)]
pub struct Airtime {
    /// Radio settings that the figures are for, as most observers publish them: MHz, kHz, SF, CR.
    pub radio: String,
    /// All packets, each sent once, in ms.
    pub once_ms: u64,
    /// All packets, sent once and then once by each relay that is seen in a path, in ms.
    pub forwarded_ms: u64,
}

/// What happened when.
#[derive(Debug, Clone, PartialEq, Serialize, Default)]
pub struct Activity {
    /// Length of a step in seconds.
    pub step_seconds: i64,
    /// Steps without gaps, oldest first.
    pub steps: Vec<Step>,
}

/// A step of time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Step {
    /// Its beginning.
    pub start: String,
    /// Packets first heard in it.
    pub transmissions: u64,
    /// Receptions in it.
    pub observations: u64,
}

/// A channel.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Channel {
    /// Name, or `enc_` and the channel hash when no key fits.
    pub name: String,
    /// Messages.
    pub messages: u64,
    /// Those that were decrypted.
    pub decrypted: u64,
    /// Different senders of those.
    pub senders: u64,
}

/// A hop that was seen in paths.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Repeater {
    /// The hop as paths name it, upper-case hex.
    pub prefix: String,
    /// Name of the node, if one relay alone begins like that.
    pub name: Option<String>,
    /// Its key, likewise.
    pub key: Option<String>,
    /// Known relays that begin like that.
    pub candidates: u64,
    /// Packets it forwarded.
    pub transmissions: u64,
    /// Receptions that name it.
    pub observations: u64,
    /// Share of the flooded packets.
    pub share: f64,
}

/// An observer.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ObserverLine {
    /// Id as published.
    pub id: String,
    /// Name.
    pub name: Option<String>,
    /// Region.
    pub iata: Option<String>,
    /// Receptions.
    pub observations: u64,
    /// Packets.
    pub transmissions: u64,
    /// Packets nobody else has heard.
    pub alone: u64,
    /// First reception.
    pub first: Option<String>,
    /// Last reception.
    pub last: Option<String>,
    /// Median SNR in dB.
    pub snr_p50: Option<f64>,
}

/// A region.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Region {
    /// Code.
    pub iata: String,
    /// Observers.
    pub observers: u64,
    /// Receptions.
    pub observations: u64,
}

/// How much an anomaly matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Something is broken or forged.
    Alarm,
    /// Something should be looked at.
    Warning,
    /// Good to know.
    Note,
}

/// Something odd.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Anomaly {
    /// Stable name.
    pub kind: &'static str,
    /// How much it matters.
    pub severity: Severity,
    /// How many cases.
    pub count: u64,
    /// What it is, in a sentence.
    pub title: String,
    /// What to do about it.
    pub advice: &'static str,
    /// Examples: names, hashes; at most 8.
    pub examples: Vec<String>,
}

/// A reason for which packets or lines are wrong.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Bad {
    /// Stable name.
    pub reason: String,
    /// `frame`: no packet at all. `payload`: a packet with a flaw. `input`: no frame was found.
    pub class: &'static str,
    /// How often.
    pub count: u64,
    /// What it means.
    pub meaning: &'static str,
    /// At most 3.
    pub examples: Vec<BadExample>,
}

/// One of them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct BadExample {
    /// Where it was found.
    pub place: String,
    /// What is wrong, exactly.
    pub detail: String,
    /// Its beginning, in hex or as text; at most 64 characters.
    pub sample: String,
}
