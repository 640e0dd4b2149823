//! The index store without a database: append, query, subscribe.
//!
//!     cargo run -p corescope-examples --bin index_store

use corescope_core::filter;
use corescope_store::memory::{
    Batch, Expression, ObservationRow, Observer, Observers, Order, Query, Store, TransmissionRow,
};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let store = Store::new();
    store.set_observers(Observers::new([Observer {
        rowid: 1,
        id: "A1B2".to_owned(),
        name: Some("Harbour East".to_owned()),
        iata: Some("AMS".to_owned()),
        ..Observer::default()
    }]));

    // Whoever wants to know of new rows takes a subscription; a slow one is told what it missed.
    let subscription = store.subscribe(64);

    // Rows come as SQLite would hold them.
    let transmissions = [
        transmission(1, "1500C0FFEE01", "00000000000000a1", "2026-06-01T12:00:00Z"),
        transmission(2, "1500C0FFEE02", "00000000000000a2", "2026-06-01T12:00:05Z"),
    ];
    let observations = [observation(1, 1, 8.5), observation(2, 2, -3.25), observation(3, 2, 1.0)];
    let outcome = store.append(&Batch { transmissions: &transmissions, observations: &observations });
    println!(
        "{} transmissions, {} observations are new",
        outcome.new_transmissions, outcome.new_observations
    );

    let appended = subscription.try_recv()?;
    println!("told of {:?}", appended.observations);

    // A snapshot never changes, however much is appended meanwhile.
    let snapshot = store.snapshot();
    let filter = filter::parse("type == GRP_TXT && snr > 0 && iata == ams")?;
    let query = Query {
        filter: Some(Expression::at(filter, 1_780_315_210_000)),
        order: Order::Latest,
        ..Query::default()
    };
    let page = snapshot.query(&query);
    println!("{} match:", page.total);
    for row in page.rows {
        let best = row.display().and_then(|o| o.snr());
        println!(
            "  {} {} heard {} times, SNR {best:?} dB",
            row.hash(),
            row.first_seen(),
            row.observation_count()
        );
    }
    println!("{} bytes held", store.memory_use().total());
    Ok(())
}

fn transmission<'a>(id: i64, raw_hex: &'a str, hash: &'a str, first_seen: &'a str) -> TransmissionRow<'a> {
    TransmissionRow {
        id,
        raw_hex,
        hash,
        first_seen,
        last_seen: 0,
        route_type: Some(1),
        payload_type: Some(5),
        payload_version: Some(0),
        decoded_json: Some(r#"{"type":"CHAN","channel":"Public","text":"Ann: good morning","sender":"Ann"}"#),
        from_pubkey: None,
        channel_hash: Some("Public"),
        scope_name: None,
    }
}

fn observation(id: i64, transmission_id: i64, snr: f64) -> ObservationRow<'static> {
    ObservationRow {
        id,
        transmission_id,
        observer: Some(1),
        direction: Some("rx"),
        snr: Some(snr),
        rssi: Some(-97.0),
        score: None,
        path_json: Some(if id == 2 { "[]" } else { r#"["3F"]"# }),
        timestamp: 1_780_315_200 + id,
        resolved_path: None,
        raw_hex: None,
    }
}
