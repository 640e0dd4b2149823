/** The ruler behind an SNR goes from here … */
const LOW_DB = -20;
/** … to here; its tick stands at 0 dB (57 %). */
const HIGH_DB = 15;

/** Where an SNR in dB stands on the ruler, 0–100 %. */
export function snrPercent(snr: number): number {
  return Math.round(Math.min(1, Math.max(0.04, (snr - LOW_DB) / (HIGH_DB - LOW_DB))) * 100);
}

/** The step (3–8) of the sequential ramp for an SNR in dB. */
export function snrStep(snr: number): number {
  if (snr < -10) return 3;
  if (snr < -4) return 4;
  if (snr < 2) return 5;
  if (snr < 8) return 6;
  return snr < 11 ? 7 : 8;
}

/** LoRa settings of an observer's `radio` text, `freqMHz,bwkHz,SF,CR`. */
export interface Radio {
  readonly frequencyMhz: number;
  readonly bandwidthKhz: number;
  readonly spreadingFactor: number;
  readonly codingRate: number;
}

/** Reads the `radio` text of an observer; null when it is not the four numbers. */
export function parseRadio(text: string | null | undefined): Radio | null {
  const parts = (text ?? "").split(",").map(Number);
  const [frequencyMhz, bandwidthKhz, spreadingFactor, codingRate] = parts;
  if (!frequencyMhz || !bandwidthKhz || !spreadingFactor || !codingRate) return null;
  if (spreadingFactor < 5 || spreadingFactor > 12 || codingRate < 5 || codingRate > 8) return null;
  return { frequencyMhz, bandwidthKhz, spreadingFactor, codingRate };
}

/**
 * Time on air in milliseconds of a frame of `bytes`, explicit header and CRC, preamble 16 symbols (32 below SF 9), as MeshCore's
 * radio is set. Source: Semtech SX1262 data sheet §6.1.4; MeshCore `src/helpers/radiolib/CustomSX1262.h`.
 */
export function airtimeMs(bytes: number, radio: Radio): number {
  const sf = radio.spreadingFactor;
  const symbolMs = 2 ** sf / radio.bandwidthKhz;
  const lowRate = symbolMs >= 16 ? 2 : 0;
  const preamble = sf < 9 ? 32 : 16;
  const sync = sf < 7 ? 6.25 : 4.25;
  const bits = 8 * bytes + 16 - 4 * sf + (sf < 7 ? 0 : 8) + 20;
  const payload = Math.ceil(Math.max(bits, 0) / (4 * (sf - lowRate))) * radio.codingRate;
  return (preamble + sync + 8 + payload) * symbolMs;
}
