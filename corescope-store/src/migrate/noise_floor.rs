//! Noise floors are real numbers. Files born in the Node edition declare the column
//! INTEGER, which turns `-112.0` back into `-112`: there nothing can be done, and nothing
//! needs to be, because readers take either.

use rusqlite::Connection;

pub(super) fn run(db: &Connection) -> rusqlite::Result<()> {
    let declared: String = db.query_row(
        "SELECT upper(type) FROM pragma_table_info('observers') WHERE name = 'noise_floor'",
        [],
        |r| r.get(0),
    )?;
    if declared == "REAL" {
        db.execute_batch(
            "UPDATE observers SET noise_floor = CAST(noise_floor AS REAL) WHERE typeof(noise_floor) IN ('integer', 'text')",
        )?;
    }
    Ok(())
}
