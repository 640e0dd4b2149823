//! Who hears whom, and how well: log-distance path loss with shadowing.
//!
//! Chosen so that two antennas at street level reach about 3 km and two hilltops about 20 km, which
//! is what operators report for SF 8 at 62.5 kHz.

use super::dice::Dice;

/// SNR at 1 km between two antennas at street level, in dB.
const SNR_AT_1_KM: f64 = 7.0;
/// Path-loss exponent.
const EXPONENT: f64 = 3.5;
/// Lowest SNR that still decodes at SF 8, in dB.
const FLOOR_DB: f64 = -10.0;
/// Receivers cannot report more than this, in dB.
const CEILING_DB: f64 = 13.0;
/// Noise floor in dBm.
const NOISE_DBM: f64 = -117.0;
/// Deviation of the fading from packet to packet, in dB.
const FADING_DB: f64 = 1.8;

/// A radio link in one direction.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Link {
    /// The node that hears.
    pub(super) to: u32,
    /// Mean SNR there, in dB, not capped.
    pub(super) snr_db: f32,
    /// Probability that a packet gets through.
    pub(super) probability: f32,
}

/// What a receiver reports about one packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Signal {
    /// SNR in quarter dB.
    pub(super) snr_quarters: i8,
    /// RSSI in dBm.
    pub(super) rssi_dbm: i16,
}

/// Mean SNR over a distance; `gain_db` is what height and antennas of both ends add.
pub(super) fn mean_snr_db(distance_km: f64, gain_db: f64) -> f64 {
    SNR_AT_1_KM + gain_db - 10.0 * EXPONENT * distance_km.max(0.05).log10()
}

/// Probability that a packet gets over a link of this mean SNR: half at the floor.
pub(super) fn delivery(snr_db: f64) -> f64 {
    1.0 / (1.0 + (-(snr_db - FLOOR_DB) / FADING_DB).exp())
}

/// One packet over a link: how it is heard, or `None` if it is lost.
pub(super) fn receive(dice: &mut Dice, link: &Link) -> Option<Signal> {
    if !dice.chance(f64::from(link.probability)) {
        return None;
    }
    let snr = dice.normal(f64::from(link.snr_db), FADING_DB).max(FLOOR_DB - 1.5);
    let reported = snr.min(CEILING_DB + dice.between(-0.75, 0.75));
    Some(Signal {
        snr_quarters: (reported * 4.0).round() as i8,
        rssi_dbm: (NOISE_DBM + snr).clamp(-132.0, -24.0).round() as i16,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn near_is_sure_and_far_is_lost() {
        assert!(delivery(mean_snr_db(1.0, 0.0)) > 0.99);
        assert!(delivery(mean_snr_db(60.0, 0.0)) < 0.001);
        assert!((delivery(FLOOR_DB) - 0.5).abs() < 1e-9);
        // Two hilltops, 14 dB each, lose half at about 20 km.
        let hills = mean_snr_db(20.0, 28.0);
        assert!((-12.0..-8.0).contains(&hills), "{hills}");
    }

    #[test]
    fn what_is_reported_stays_in_a_receiver_s_range() {
        let mut dice = Dice::new(1, 1);
        let loud = Link { to: 0, snr_db: 60.0, probability: 1.0 };
        for _ in 0..200 {
            let signal = receive(&mut dice, &loud).unwrap();
            assert!((48..=56).contains(&signal.snr_quarters), "{signal:?}");
            assert!((-132..=-24).contains(&signal.rssi_dbm), "{signal:?}");
        }
        assert_eq!(receive(&mut dice, &Link { probability: 0.0, ..loud }), None);
    }
}
