/** A place on the globe in degrees. */
export interface Place {
  readonly lat: number;
  readonly lon: number;
}

/** A place that can be drawn: both numbers, in range, and not (0, 0), which firmware sends for "no fix". */
export function asPlace(lat: number | null | undefined, lon: number | null | undefined): Place | null {
  if (lat == null || lon == null || !Number.isFinite(lat) || !Number.isFinite(lon)) return null;
  if (Math.abs(lat) > 90 || Math.abs(lon) > 180 || (lat === 0 && lon === 0)) return null;
  return { lat, lon };
}

const EARTH_KM = 6371.0088;
const rad = (degrees: number): number => (degrees * Math.PI) / 180;

/** Great-circle distance in km. */
export function distanceKm(a: Place, b: Place): number {
  const dLat = rad(b.lat - a.lat);
  const dLon = rad(b.lon - a.lon);
  const h = Math.sin(dLat / 2) ** 2 + Math.cos(rad(a.lat)) * Math.cos(rad(b.lat)) * Math.sin(dLon / 2) ** 2;
  return 2 * EARTH_KM * Math.asin(Math.min(1, Math.sqrt(h)));
}

/** West, south, east, north of some places; null for none. */
export type Bounds = readonly [number, number, number, number];

/**
 * The box around most of the places: far outliers (a wrong GPS fix on another continent) are left out, so that the map opens on
 * the mesh and not on the ocean between.
 */
export function boundsOf(places: readonly Place[]): Bounds | null {
  if (places.length === 0) return null;
  const lats = places.map((p) => p.lat).sort((a, b) => a - b);
  const lons = places.map((p) => p.lon).sort((a, b) => a - b);
  const [south, north] = trimmed(lats);
  const [west, east] = trimmed(lons);
  return [west, south, east, north];
}

function trimmed(sorted: readonly number[]): [number, number] {
  const at = (share: number): number => sorted[Math.round((sorted.length - 1) * share)] ?? 0;
  const reach = Math.max((at(0.9) - at(0.1)) * 1.5, 0.05);
  const low = sorted.find((v) => v >= at(0.1) - reach) ?? at(0);
  const high = sorted.findLast((v) => v <= at(0.9) + reach) ?? at(1);
  return [low, high];
}
