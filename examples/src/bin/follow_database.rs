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
use corescope_store::memory::{Expression, Order, PacketFields, Query, Snapshot, Store, Transmission};
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

    let mut told = 0;
    while left.is_none_or(|left| told < left) {
        let Ok(appended) = subscription.recv_timeout(Duration::from_secs(1)) else { continue };
        if appended.snapshot.version() <= snapshot.version() {
            // It came while the rest was loaded, and is told already.
            continue;
        }
        if subscription.take_lost() > 0 {
            println!("some were missed: they are in the snapshot");
        }
        let context = filter::Context::at(now_ms()?);
        let matches =
            |row: &Transmission<'_>, at: &Snapshot| filter.matches(&PacketFields::new(*row, at), &context);
        let rows = appended.transmissions.iter().filter_map(|id| appended.snapshot.by_id(*id));
        for row in rows.filter(|row| matches(row, &appended.snapshot)) {
            print(&row);
            told += 1;
        }
    }
    Ok(())
}

fn print(row: &Transmission<'_>) {
    println!("  {} {} heard {} times", row.hash(), row.first_seen(), row.observation_count());
}

fn now_ms() -> Result<i64, Box<dyn std::error::Error>> {
    Ok(i64::try_from(SystemTime::now().duration_since(UNIX_EPOCH)?.as_millis())?)
}
