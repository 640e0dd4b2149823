//! Units of radio: signal to noise in quarter decibels and decibels, signal strength, frequency.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Signal-to-noise ratio in quarter decibels, as it travels on the wire: −32 … +31.75 dB.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SnrQuarters(pub i8);

impl SnrQuarters {
    /// In decibels, exact.
    pub fn db(self) -> f32 {
        f32::from(self.0) / 4.0
    }

    /// The nearest quarter to a figure in decibels; `None` when it is no number or out of range.
    pub fn from_db(db: f64) -> Option<Self> {
        let quarters = (db * 4.0).round();
        (-128.0..=127.0).contains(&quarters).then_some(Self(quarters as i8))
    }
}

impl fmt::Display for SnrQuarters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} dB", self.db())
    }
}

/// Received signal strength in dBm. LoRa receivers report −140 … −20.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct RssiDbm(pub i16);

impl fmt::Display for RssiDbm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} dBm", self.0)
    }
}

/// The range of SNR in dB that is believed at intake; anything outside is a broken publisher.
pub const SNR_DB_RANGE: std::ops::RangeInclusive<f64> = -64.0..=64.0;

/// The range of RSSI in dBm that is believed at intake.
pub const RSSI_DBM_RANGE: std::ops::RangeInclusive<f64> = -200.0..=0.0;

/// The lowest SNR in dB at which a spreading factor (7–12) still decodes; `None` below 7, where the
/// firmware has no figure (MeshCore `src/helpers/radiolib/RadioLibWrappers.cpp`, `snr_threshold`).
pub fn demodulation_floor_db(spreading_factor: u8) -> Option<f32> {
    const FLOOR: [f32; 6] = [-7.5, -10.0, -12.5, -15.0, -17.5, -20.0];
    FLOOR.get(usize::from(spreading_factor.checked_sub(7)?)).copied()
}

/// The firmware's packet score in 0 … 1: how well a frame of `len_bytes` was heard. It decides how
/// long a repeater waits before it forwards.
pub fn packet_score(snr_db: f32, spreading_factor: u8, len_bytes: usize) -> f32 {
    let Some(floor) = demodulation_floor_db(spreading_factor) else { return 0.0 };
    if snr_db < floor {
        return 0.0;
    }
    let by_length = 1.0 - (len_bytes as f32 / 256.0);
    ((snr_db - floor) / 10.0 * by_length).clamp(0.0, 1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quarters_are_exact() {
        assert_eq!(SnrQuarters(-29).db(), -7.25);
        assert_eq!(SnrQuarters::from_db(-7.25), Some(SnrQuarters(-29)));
        assert_eq!(SnrQuarters::from_db(31.75), Some(SnrQuarters(127)));
        assert_eq!(SnrQuarters::from_db(32.0), None);
        assert_eq!(SnrQuarters::from_db(f64::NAN), None);
        assert_eq!(SnrQuarters(-29).to_string(), "-7.25 dB");
        assert_eq!(RssiDbm(-97).to_string(), "-97 dBm");
    }

    #[test]
    fn a_packet_at_the_floor_scores_nothing_and_a_loud_short_one_scores_much() {
        assert_eq!(demodulation_floor_db(6), None);
        assert_eq!(demodulation_floor_db(12), Some(-20.0));
        assert_eq!(demodulation_floor_db(13), None);
        assert_eq!(packet_score(-10.1, 8, 10), 0.0);
        assert_eq!(packet_score(9.0, 8, 0), 1.0);
        assert_eq!(packet_score(0.0, 8, 128), 0.5);
        assert_eq!(packet_score(0.0, 6, 128), 0.0);
    }
}
