import type { Bounds } from "../../lib/geo";
import type { Role } from "../../lib/packet";
import { mercatorX, mercatorY, worldPx } from "./camera";
import type { Spot } from "./model";

/** Spots closer than this belong together, px. */
const RADIUS_PX = 26;
/** Fewer than this are drawn one by one. */
const MIN_SIZE = 4;
/** Height of a pill and a little air. */
const PILL_HEIGHT_PX = 24;
/** From this zoom on nothing is gathered. */
const MAX_ZOOM = 13;

/** Several spots drawn as one pill. */
export interface Cluster {
  readonly spots: readonly Spot[];
  /** Mean of the places, Mercator 0 … 1. */
  readonly x: number;
  readonly y: number;
  readonly bounds: Bounds;
  /** Counts by role, the largest first. */
  readonly roles: readonly (readonly [Role, number])[];
}

/** What is drawn: single spots and clusters. */
export interface Gathered {
  readonly singles: readonly Spot[];
  readonly clusters: readonly Cluster[];
}

interface Seed {
  x: number;
  y: number;
  readonly spots: Spot[];
}

/**
 * Gathers spots that lie close at a zoom: each joins the nearest seed within reach, or becomes one. The order of the input decides
 * the seeds, so that equal input gives equal clusters; panning changes nothing.
 */
export function gather(spots: readonly Spot[], zoom: number, on = true): Gathered {
  if (!on || zoom >= MAX_ZOOM) return { singles: spots, clusters: [] };
  const reach = RADIUS_PX / worldPx(zoom);
  const grid = new Map<string, Seed[]>();
  const seeds: Seed[] = [];
  for (const spot of spots) {
    const x = mercatorX(spot.place.lon);
    const y = mercatorY(spot.place.lat);
    const [cx, cy] = [Math.floor(x / reach), Math.floor(y / reach)];
    let best: Seed | null = null;
    let bestDistance = reach;
    for (let gx = cx - 1; gx <= cx + 1; gx++) {
      for (let gy = cy - 1; gy <= cy + 1; gy++) {
        for (const seed of grid.get(`${gx}:${gy}`) ?? []) {
          const distance = Math.hypot(seed.x - x, seed.y - y);
          if (distance < bestDistance) [best, bestDistance] = [seed, distance];
        }
      }
    }
    if (best) {
      best.spots.push(spot);
      continue;
    }
    const seed = { x, y, spots: [spot] };
    seeds.push(seed);
    const cell = `${cx}:${cy}`;
    const there = grid.get(cell);
    if (there) there.push(seed);
    else grid.set(cell, [seed]);
  }
  const merged = merge(seeds.filter((seed) => seed.spots.length >= MIN_SIZE).map(clusterOf), worldPx(zoom));
  return {
    singles: seeds.filter((seed) => seed.spots.length < MIN_SIZE).flatMap((seed) => seed.spots),
    clusters: merged,
  };
}

/** Px that a pill takes, about. */
function pillPx(cluster: Cluster): number {
  return 34 + 22 * Math.min(3, cluster.roles.length);
}

/** Clusters whose pills would lie over one another become one. */
function merge(clusters: readonly Cluster[], size: number): Cluster[] {
  const done: Cluster[] = [];
  for (let cluster of [...clusters].sort((a, b) => b.spots.length - a.spots.length)) {
    for (;;) {
      const at = done.findIndex(
        (other) =>
          Math.abs(other.x - cluster.x) * size < (pillPx(other) + pillPx(cluster)) / 2 &&
          Math.abs(other.y - cluster.y) * size < PILL_HEIGHT_PX,
      );
      const other = done[at];
      if (!other) break;
      done.splice(at, 1);
      cluster = clusterOf({ x: other.x, y: other.y, spots: [...other.spots, ...cluster.spots] });
    }
    done.push(cluster);
  }
  return done;
}

function clusterOf(seed: Seed): Cluster {
  const { spots } = seed;
  const mean = (of: (spot: Spot) => number): number =>
    spots.reduce((sum, spot) => sum + of(spot), 0) / spots.length;
  const lats = spots.map((s) => s.place.lat);
  const lons = spots.map((s) => s.place.lon);
  const counts = new Map<Role, number>();
  for (const spot of spots) counts.set(spot.role, (counts.get(spot.role) ?? 0) + 1);
  return {
    spots,
    x: mean((s) => mercatorX(s.place.lon)),
    y: mean((s) => mercatorY(s.place.lat)),
    bounds: [Math.min(...lons), Math.min(...lats), Math.max(...lons), Math.max(...lats)],
    roles: [...counts].sort((a, b) => b[1] - a[1]),
  };
}
