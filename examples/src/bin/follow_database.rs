//! Follows a database that an ingestor writes: waits until it is loaded, tells which packets an expression of the filter
//! language matches, then prints each new one that does.
//!
//! ```sh
//! cargo run -p corescope-examples --bin follow_database -- meshcore.db 'type == ADVERT && hops > 2'
//! ```
//!
//! A third argument is the number of new packets to end after.

use std::env::args;
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use corescope_core::filter;
use corescope_store::memory::{Expression, Order, Query, Snapshot, Store, Transmission};
use corescope_store::tail::{self, Options};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut args = args().skip(1);
    let (Some(path), Some(expression)) = (args.next(), args.next()) else {
        return Err("usage: follow_database FILE EXPRESSION [NUMBER OF NEW PACKETS]".into());
    };
    let left = args.next().map(|count| count.parse::<u64>()).transpose()?;
    let filter = filter::parse(&expression)?;
    if !Path::new(&path).exists() {
        return Err(format!("there is no {path}").into());
    }

    // Whoever subscribes before the load misses nothing that comes after it.
    let store = Store::new();
    let subscription = store.subscribe(1024);
    let _follower = tail::follow(Path::new(&path), store.clone(), Options::default())?;
    let snapshot = loop {
        let snapshot = store.snapshot();
        if let Some(error) = &snapshot.loading().error {
            return Err(error.clone().into());
        }
        if snapshot.loading().complete {
            break snapshot;
        }
        std::thread::sleep(Duration::from_millis(20));
    };

    // A snapshot answers always the same, however much is appended meanwhile.
    let query = Query {
        filter: Some(Expression::at(filter.clone(), now_ms()?)),
        order: Order::Latest,
        limit: 10,
        ..Query::default()
    };
    let page = snapshot.query(&query);
    println!("{} of {} packets match, the last are:", page.total, snapshot.transmission_count());
    page.rows.iter().for_each(print);
    println!("waiting for more");

    let newest_id = |moment: &Snapshot| {
        let newest = Query { order: Order::NewestId, limit: 1, ..Query::default() };
        moment.query(&newest).rows.first().map_or(i64::MIN, Transmission::id)
    };
    let (mut told, mut last) = (0, newest_id(&snapshot));
    while left.is_none_or(|left| told < left) {
        let Ok(appended) = subscription.recv_timeout(Duration::from_secs(1)) else { continue };
        // Ids grow. Asking for those behind the last tells also what the queue had no room for, and nothing twice.
        let query = Query {
            filter: Some(Expression::at(filter.clone(), now_ms()?)),
            after_id: Some(last),
            order: Order::OldestId,
            limit: usize::MAX,
            ..Query::default()
        };
        let rows = appended.snapshot.query(&query).rows;
        rows.iter().for_each(print);
        told += rows.len() as u64;
        last = last.max(newest_id(&appended.snapshot));
    }
    Ok(())
}

fn print(row: &Transmission<'_>) {
    println!("  {} {} heard {} times", row.hash(), row.first_seen(), row.observation_count());
}

fn now_ms() -> Result<i64, Box<dyn std::error::Error>> {
    Ok(i64::try_from(SystemTime::now().duration_since(UNIX_EPOCH)?.as_millis())?)
}
