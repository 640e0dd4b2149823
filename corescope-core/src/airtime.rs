//! How long a frame is on the air.
//!
//! MeshCore sends with CRC and explicit header; its preamble is 32 symbols up to spreading factor
//! 8 and 16 above. Source of fact: the firmware's `src/helpers/radiolib` and the formula of the
//! SX126x data sheet (section "LoRa Time-on-Air").

use serde::{Deserialize, Serialize};

/// Radio settings that all nodes of one mesh share.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct LoraPreset {
    /// Carrier frequency in Hz. It does not enter the airtime.
    pub freq_hz: u64,
    /// Bandwidth in Hz: 7 800 … 500 000.
    pub bw_hz: u32,
    /// Spreading factor, 5–12.
    pub sf: u8,
    /// Denominator of the coding rate 4/cr, 5–8.
    pub cr: u8,
}

impl Default for LoraPreset {
    fn default() -> Self {
        Self::DEFAULT
    }
}

impl LoraPreset {
    /// The firmware's build default: 869.618 MHz, 62.5 kHz, SF 8, 4/5.
    pub const DEFAULT: Self = Self { freq_hz: 869_618_000, bw_hz: 62_500, sf: 8, cr: 5 };
    /// Recommended in the USA and Canada: 910.525 MHz, 62.5 kHz, SF 7, 4/5.
    pub const USA_CANADA: Self = Self { freq_hz: 910_525_000, bw_hz: 62_500, sf: 7, cr: 5 };
    /// Fallback of the firmware's example programs: 915 MHz, 250 kHz, SF 10, 4/5.
    pub const EXAMPLE: Self = Self { freq_hz: 915_000_000, bw_hz: 250_000, sf: 10, cr: 5 };

    /// Checked settings.
    ///
    /// # Errors
    ///
    /// [`BadPreset`] naming the field that is out of its range.
    pub fn new(freq_hz: u64, bw_hz: u32, sf: u8, cr: u8) -> Result<Self, BadPreset> {
        let check = |field, value, low, high| {
            if (low..=high).contains(&value) { Ok(()) } else { Err(BadPreset { field, value, low, high }) }
        };
        check("bandwidth in Hz", u64::from(bw_hz), 7_800, 500_000)?;
        check("spreading factor", u64::from(sf), 5, 12)?;
        check("coding rate denominator", u64::from(cr), 5, 8)?;
        Ok(Self { freq_hz, bw_hz, sf, cr })
    }

    /// Reads what observers publish as `radio`: `"910.525,62.5,7,5"` (MHz, kHz, SF, CR).
    /// `None` when a figure is missing, no number, or out of range.
    pub fn from_radio(text: &str) -> Option<Self> {
        let mut parts = text.split(',').map(str::trim);
        let mhz: f64 = parts.next()?.parse().ok()?;
        let khz: f64 = parts.next()?.parse().ok()?;
        let sf = parts.next()?.parse().ok()?;
        let cr = parts.next()?.parse().ok()?;
        let sound = (1.0..10_000.0).contains(&mhz) && (1.0..1_000.0).contains(&khz);
        sound.then(|| Self::new((mhz * 1e6).round() as u64, (khz * 1e3).round() as u32, sf, cr).ok())?
    }

    /// Preamble length in symbols.
    pub fn preamble_symbols(&self) -> u32 {
        if self.sf <= 8 { 32 } else { 16 }
    }

    /// Time on air in microseconds of a frame of `len_bytes` (the whole frame, header included).
    /// 0 for settings that [`new`](Self::new) would refuse.
    pub fn airtime_us(&self, len_bytes: usize) -> u64 {
        if Self::new(self.freq_hz, self.bw_hz, self.sf, self.cr).is_err() {
            return 0;
        }
        let short = self.sf <= 6;
        let symbol_us = f64::from(1_u32 << self.sf) * 1e6 / f64::from(self.bw_hz);
        let low_rate = u32::from(symbol_us >= 16_000.0);
        let base = if short { 0 } else { 8 };
        let sync = if short { 6.25 } else { 4.25 };
        let bits = (8 * len_bytes as i64 + 16 - 4 * i64::from(self.sf) + base + 20).max(0) as u64;
        let per_block = u64::from(4 * (u32::from(self.sf) - 2 * low_rate));
        let payload = bits.div_ceil(per_block) * u64::from(self.cr);
        let symbols = f64::from(self.preamble_symbols()) + sync + 8.0 + payload as f64;
        (symbols * symbol_us).round() as u64
    }
}

/// Radio settings outside what LoRa has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{field} {value} is out of range {low}–{high}")]
pub struct BadPreset {
    /// Which setting.
    pub field: &'static str,
    /// What it was.
    pub value: u64,
    /// Lowest allowed.
    pub low: u64,
    /// Highest allowed.
    pub high: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn airtime_equals_the_reference_values() {
        let default = LoraPreset::DEFAULT;
        let table = [(8, 242_688), (16, 283_648), (32, 365_568), (64, 529_408)];
        for (len, us) in table {
            assert_eq!(default.airtime_us(len), us, "{len} bytes");
        }
        let slow = LoraPreset::new(869_618_000, 125_000, 11, 5).unwrap();
        assert_eq!(slow.airtime_us(8), 626_688);
        assert_eq!(LoraPreset::new(0, 500_000, 7, 6).unwrap().airtime_us(62), 40_512);
    }

    /// Case 20 of those in which decoders disagree: the others are in the tests of `corescope-decode`.
    #[test]
    fn case_20_spreading_factors_5_and_6_have_a_longer_sync_word_and_no_base_of_8_bits() {
        // (32 + 6.25 + 8 + 20) symbols of 256 µs, then of 512 µs.
        assert_eq!(LoraPreset::new(0, 125_000, 5, 5).unwrap().airtime_us(8), 16_960);
        assert_eq!(LoraPreset::new(0, 125_000, 6, 5).unwrap().airtime_us(8), 33_920);
        assert_eq!(LoraPreset::new(0, 250_000, 6, 6).unwrap().airtime_us(114), 71_744);
    }

    #[test]
    fn radio_strings_of_observers_are_read() {
        assert_eq!(LoraPreset::from_radio("910.525,62.5,7,5"), Some(LoraPreset::USA_CANADA));
        assert_eq!(LoraPreset::from_radio("910.5250244,62.5,7,5").map(|p| p.bw_hz), Some(62_500));
        for bad in
            ["", "unknown", "910.525,62.5,7", "1e99,62.5,7,5", "910,62.5,13,5", "910,62.5,7,4", "nan,1,7,5"]
        {
            assert_eq!(LoraPreset::from_radio(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_bad_setting_is_named() {
        let error = LoraPreset::new(0, 62_500, 13, 5).unwrap_err();
        assert_eq!(error.to_string(), "spreading factor 13 is out of range 5–12");
        assert_eq!(LoraPreset { sf: 0, ..LoraPreset::DEFAULT }.airtime_us(10), 0);
    }
}
