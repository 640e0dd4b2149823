//! Builds a synthetic mesh and tells how far its packets travel.
//!
//! ```text
//! cargo run --bin synthetic_mesh -- region 7
//! ```

use corescope_core::sim::{Mesh, Preset, Traffic};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut args = std::env::args().skip(1);
    let preset: Preset = args.next().as_deref().unwrap_or("town").parse()?;
    let seed = args.next().map_or(Ok(1), |seed| seed.parse())?;
    let mesh = Mesh::new(preset, seed);
    println!("{preset}: {} nodes, {} observers", mesh.nodes().len(), mesh.observers().len());
    // A packet every second, from noon on.
    for emission in Traffic::new(&mesh, 1_780_315_200_000, 1000.0).take(20) {
        let sender = &mesh.nodes()[emission.origin].name;
        let farthest = emission.receptions.iter().map(|reception| reception.via.len()).max().unwrap_or(0);
        println!(
            "type {:>2} from {sender:<24} {:>3} receptions, up to {farthest} hops, {} ms",
            emission.payload_type,
            emission.receptions.len(),
            emission.receptions.last().map_or(0, |reception| reception.delay_ms)
        );
    }
    Ok(())
}
