//! Who maps the most: a score that shares each hexagon among those who were there.

use std::collections::{HashMap, HashSet};

use corescope_store::lookup::Reception;
use serde::Serialize;
use utoipa::ToSchema;

use super::grid::{Cell, LEADERBOARD_ZOOM};

/// The leaderboard.
#[derive(Debug, Serialize, ToSchema)]
pub struct Leaderboard {
    /// Days looked at, 1 to 30.
    pub days: i64,
    /// Best score first.
    pub observers: Vec<Contributor>,
}

/// One mobile client.
#[derive(Debug, Serialize, ToSchema)]
pub struct Contributor {
    /// Its key.
    pub pubkey: String,
    /// Its name, empty when unknown or hidden.
    pub name: String,
    /// Receptions.
    pub receptions: u64,
    /// Distinct keys heard.
    pub nodes: usize,
    /// Distinct hexagons visited.
    pub cells: usize,
    /// Sum over its hexagons of one divided by the number of contributors there.
    pub score: f64,
}

#[derive(Default)]
struct Tally<'a> {
    receptions: u64,
    nodes: HashSet<&'a str>,
    cells: HashSet<Cell>,
}

/// Ranks the contributors of `rows`; `shown` leaves out those that are not to be seen, `name` names the others.
pub fn leaderboard(
    rows: &[Reception],
    days: i64,
    limit: usize,
    shown: impl Fn(&str) -> bool,
    name: impl Fn(&str) -> String,
) -> Leaderboard {
    let mut by_client: HashMap<&str, Tally<'_>> = HashMap::new();
    let mut visitors: HashMap<Cell, u32> = HashMap::new();
    for row in rows.iter().filter(|row| shown(&row.rx_pubkey)) {
        let tally = by_client.entry(&row.rx_pubkey).or_default();
        let cell = Cell::at(row.lat, row.lon, i64::from(LEADERBOARD_ZOOM));
        tally.receptions += 1;
        tally.nodes.insert(&row.heard_key);
        if tally.cells.insert(cell) {
            *visitors.entry(cell).or_default() += 1;
        }
    }
    let mut observers: Vec<Contributor> = by_client
        .into_iter()
        .map(|(pubkey, tally)| {
            let mut cells: Vec<&Cell> = tally.cells.iter().collect();
            cells.sort_unstable(); // a fixed order of summing, so that equal data give equal figures
            let score = cells.iter().map(|c| 1.0 / f64::from(visitors.get(c).copied().unwrap_or(1))).sum();
            Contributor {
                pubkey: pubkey.to_owned(),
                name: String::new(),
                receptions: tally.receptions,
                nodes: tally.nodes.len(),
                cells: tally.cells.len(),
                score,
            }
        })
        .collect();
    observers.sort_by(|a, b| {
        b.score.total_cmp(&a.score).then(b.receptions.cmp(&a.receptions)).then(a.pubkey.cmp(&b.pubkey))
    });
    observers.truncate(limit);
    for one in &mut observers {
        one.name = name(&one.pubkey);
    }
    Leaderboard { days, observers }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn heard(client: &str, lat: f64) -> Reception {
        Reception {
            rx_pubkey: client.to_owned(),
            heard_key: "abcd".to_owned(),
            snr: None,
            rssi: None,
            lat,
            lon: 7.0,
            rx_at: String::new(),
        }
    }

    #[test]
    fn a_shared_cell_counts_half() {
        let rows = [heard("a", 50.0), heard("b", 50.0), heard("b", 51.0), heard("b", 51.0), heard("c", 50.0)];
        let got = leaderboard(&rows, 7, 20, |k| k != "c", |k| k.to_uppercase());
        let seen: Vec<_> =
            got.observers.iter().map(|o| (o.name.as_str(), o.receptions, o.cells, o.score)).collect();
        assert_eq!(seen, [("B", 3, 2, 1.5), ("A", 1, 1, 0.5)]);
        assert_eq!(leaderboard(&rows, 7, 1, |_| true, |_| String::new()).observers.len(), 1);
    }
}
