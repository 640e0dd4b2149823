//! A report on a pile of packets: what was heard, by whom, when, how well, and what is odd.
//!
//! Feed a [`Collector`] with nodes, observers and [`Heard`] packets in any order and from any
//! source, then [`finish`](Collector::finish) it into a [`Report`]: plain data with a stable JSON
//! form, a text for people ([`text`](Report::to_text)) and a page of its own
//! ([`html`](Report::to_html)).
//!
//! ```
//! use corescope_core::report::{Collector, Heard};
//!
//! let mut collector = Collector::new();
//! let frame = hex::decode("0A00D69FD7A5A7475DB07337749AE61FA53A4788E976").unwrap();
//! collector.hear(&Heard::frame(&frame));
//! let report = collector.finish();
//! assert_eq!((report.transmissions, report.observations), (1, 1));
//! assert_eq!(report.types[0].name, "TXT_MSG");
//! ```

mod anomalies;
mod bad;
mod chart;
mod collect;
mod fields;
mod finish;
mod histogram;
mod html;
mod input;
mod model;
mod nodes;
mod tallies;
mod text;

pub use bad::meaning;
pub use collect::Collector;
pub use fields::HeardFields;
pub use input::{Heard, Hearing, ListedNode, ListedObserver};
pub use model::*;
