import { address } from "../../api/client";
import placesUrl from "../../../generated/places.bin?url";

/** A town of the embedded map. */
export interface Town {
  readonly name: string;
  readonly lon: number;
  readonly lat: number;
  /** Ten times the binary logarithm of its inhabitants. */
  readonly rank: number;
}

/** Reads the table of towns: see `scripts/basemap.mjs` for its form. Most people first. */
export function readTowns(buffer: ArrayBuffer): Town[] {
  const view = new DataView(buffer);
  const count = view.getUint32(0, true);
  const names = new TextDecoder().decode(new Uint8Array(buffer, 4 + 7 * count)).split("\n");
  const int24 = (at: number): number => view.getUint16(at, true) | (view.getInt8(at + 2) << 16);
  return Array.from({ length: count }, (_, n) => {
    const at = 4 + 7 * n;
    return {
      name: names[n] ?? "",
      lon: int24(at) / 1000,
      lat: int24(at + 3) / 1000,
      rank: view.getUint8(at + 6),
    };
  });
}

/** Fetches the towns; none when they cannot be had: the map works without names. */
export async function loadTowns(): Promise<Town[]> {
  try {
    const response = await fetch(address(placesUrl));
    return response.ok ? readTowns(await response.arrayBuffer()) : [];
  } catch {
    return [];
  }
}
