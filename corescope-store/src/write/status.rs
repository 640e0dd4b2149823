//! An observer's report about itself: its row, and a sample in `observer_metrics`.

use corescope_core::time::rfc3339;
use rusqlite::params;

use super::accepted::{Accepted, ObserverMark, StatusMessage};
use super::batch::Batch;
use super::observers::Sign;
use super::outcome::{Outcome, Rejected};

impl Batch<'_> {
    pub(super) fn status(
        &mut self,
        accepted: &Accepted,
        status: &StatusMessage,
    ) -> rusqlite::Result<Outcome> {
        let Some(mark) = &accepted.observer else { return Ok(Outcome::Rejected(Rejected::Observer)) };
        let offline = status.status.as_deref().is_some_and(|s| s.eq_ignore_ascii_case("offline"));
        // A last will is sent by the broker: the observer is gone, not alive.
        let sign = if offline || status.stale { Sign::Stale } else { Sign::Other };
        let at = accepted.received_at_ms.div_euclid(1000);
        let (_, rowid) = self.books.observers.note(self.db, mark, accepted.received_at_ms, sign)?;
        self.naive_clock(mark, rowid, at)?;
        if let Some(word) = &status.status {
            self.db
                .prepare_cached(
                    "INSERT INTO cs_observer_state(observer_id, status, status_at) VALUES (?1, ?2, ?3)
                     ON CONFLICT(observer_id) DO UPDATE SET status = excluded.status, status_at = excluded.status_at",
                )?
                .execute(params![mark.id, word, at])?;
        }
        if status.describes_hardware() {
            self.describe(rowid, status)?;
            self.changes.observer(rowid, &mark.id);
        }
        if status.has_sample() && !status.stale {
            self.sample(&mark.id, at, status)?;
        }
        Ok(Outcome::Noted)
    }

    fn describe(&self, rowid: i64, s: &StatusMessage) -> rusqlite::Result<()> {
        self.db
            .prepare_cached(
                "UPDATE observers SET model = COALESCE(?2, model), firmware = COALESCE(?3, firmware),
                   client_version = COALESCE(?4, client_version), radio = COALESCE(?5, radio),
                   battery_mv = COALESCE(?6, battery_mv), uptime_secs = COALESCE(?7, uptime_secs),
                   noise_floor = COALESCE(?8, noise_floor), can_relay = COALESCE(?9, can_relay),
                   can_relay_seen = CASE WHEN ?9 IS NULL THEN can_relay_seen ELSE 1 END
                 WHERE rowid = ?1",
            )?
            .execute(params![
                rowid,
                s.model,
                s.firmware,
                s.client_version,
                s.radio,
                s.battery_mv,
                s.uptime_secs,
                s.noise_floor,
                s.can_relay,
            ])?;
        Ok(())
    }

    /// One row per observer and slot. A later message of the slot adds what it has and
    /// keeps what it lacks.
    fn sample(&self, observer: &str, at: i64, s: &StatusMessage) -> rusqlite::Result<()> {
        let width = i64::from(self.rules.metrics_interval_s.max(1));
        let slot = (at + width / 2).div_euclid(width) * width;
        self.db
            .prepare_cached(
                "INSERT INTO observer_metrics(observer_id, timestamp, noise_floor, tx_air_secs, rx_air_secs,
                   recv_errors, battery_mv, packets_sent, packets_recv)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)
                 ON CONFLICT(observer_id, timestamp) DO UPDATE SET
                   noise_floor = COALESCE(excluded.noise_floor, noise_floor),
                   tx_air_secs = COALESCE(excluded.tx_air_secs, tx_air_secs),
                   rx_air_secs = COALESCE(excluded.rx_air_secs, rx_air_secs),
                   recv_errors = COALESCE(excluded.recv_errors, recv_errors),
                   battery_mv = COALESCE(excluded.battery_mv, battery_mv),
                   packets_sent = COALESCE(excluded.packets_sent, packets_sent),
                   packets_recv = COALESCE(excluded.packets_recv, packets_recv)",
            )?
            .execute(params![
                observer,
                rfc3339(slot),
                s.noise_floor,
                s.tx_air_secs,
                s.rx_air_secs,
                s.recv_errors,
                s.battery_mv,
                s.packets_sent,
                s.packets_recv,
            ])?;
        Ok(())
    }

    /// Records that an observer's zone-less time had to be replaced. The count covers a
    /// rolling day: it starts again when the event before is older than that.
    pub(super) fn naive_clock(&self, mark: &ObserverMark, rowid: i64, at: i64) -> rusqlite::Result<()> {
        let Some(skew) = mark.naive_clock_skew_s else { return Ok(()) };
        self.db
            .prepare_cached(
                "UPDATE observers SET clock_skew_seconds = ?2,
                   clock_skew_count_24h = CASE WHEN clock_last_naive_at >= ?4
                     THEN COALESCE(clock_skew_count_24h, 0) + 1 ELSE 1 END,
                   clock_last_naive_at = ?3
                 WHERE rowid = ?1",
            )?
            .execute(params![rowid, skew, rfc3339(at), rfc3339(at - 86_400)])?;
        Ok(())
    }
}

impl StatusMessage {
    fn describes_hardware(&self) -> bool {
        self.model.is_some()
            || self.firmware.is_some()
            || self.client_version.is_some()
            || self.radio.is_some()
            || self.battery_mv.is_some()
            || self.uptime_secs.is_some()
            || self.noise_floor.is_some()
            || self.can_relay.is_some()
    }

    fn has_sample(&self) -> bool {
        self.noise_floor.is_some()
            || self.tx_air_secs.is_some()
            || self.rx_air_secs.is_some()
            || self.recv_errors.is_some()
            || self.battery_mv.is_some()
            || self.packets_sent.is_some()
            || self.packets_recv.is_some()
    }
}
