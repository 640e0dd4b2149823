import type { Node, Observer } from "../../api/types";
import { parseTime } from "../../lib/format";
import { asPlace, type Place } from "../../lib/geo";
import { asRole, type Role } from "../../lib/packet";

/** Something with a place on the map. */
export interface Spot {
  /** Public key of the node, or id of the observer, lower case. */
  readonly key: string;
  readonly name: string;
  readonly role: Role;
  readonly place: Place;
  readonly lastMs: number | null;
  /** How much it has been heard: labels go to the most heard first. */
  readonly weight: number;
  /** Bytes of its path hash, 1–3; null when not known. */
  readonly hashSize: number | null;
  /** Upper-case prefix of its key, as paths carry it. */
  readonly prefix: string;
}

/** What the map shows. */
export interface Shown {
  readonly roles: ReadonlySet<Role>;
  /** Only what was heard in the last so many hours; null for all. */
  readonly hours: number | null;
  /** Only repeaters with this hash size; null for all. */
  readonly hashSize: number | null;
}

/** Older than this is drawn faint, hours. */
export const STALE_HOURS = 24;

/** Everything with a place: nodes, and the observers whose node has one. */
export function spotsOf(nodes: readonly Node[], observers: readonly Observer[]): Spot[] {
  const observing = new Set(observers.map((o) => o.id.toLowerCase()));
  const spots: Spot[] = [];
  const seen = new Set<string>();
  for (const node of nodes) {
    const place = asPlace(node.lat, node.lon);
    if (!place) continue;
    seen.add(node.public_key);
    const hashSize = node.hash_size ?? null;
    spots.push({
      key: node.public_key,
      name: node.name || node.public_key.slice(0, 8),
      role: observing.has(node.public_key) ? "observer" : asRole(node.role),
      place,
      lastMs: parseTime(node.last_seen),
      weight: node.advert_count,
      hashSize,
      prefix: node.public_key.slice(0, 2 * (hashSize ?? 1)).toUpperCase(),
    });
  }
  for (const observer of observers) {
    const place = asPlace(observer.lat, observer.lon);
    const key = observer.id.toLowerCase();
    if (!place || seen.has(key)) continue;
    spots.push({
      key,
      name: observer.name || observer.id.slice(0, 8),
      role: "observer",
      place,
      lastMs: parseTime(observer.last_seen),
      weight: observer.packet_count,
      hashSize: null,
      prefix: key.slice(0, 2).toUpperCase(),
    });
  }
  return spots;
}

/** Whether a spot was heard within some hours. */
export function heardWithin(spot: Spot, hours: number, nowMs: number): boolean {
  return spot.lastMs !== null && nowMs - spot.lastMs <= hours * 3_600_000;
}

/** The spots that are shown. */
export function visible(spots: readonly Spot[], shown: Shown, nowMs: number): Spot[] {
  return spots.filter(
    (spot) =>
      shown.roles.has(spot.role) &&
      (shown.hours === null || heardWithin(spot, shown.hours, nowMs)) &&
      (shown.hashSize === null || spot.role !== "repeater" || spot.hashSize === shown.hashSize),
  );
}

/** How many of each role are fresh and how many stale. */
export function roleCounts(
  spots: readonly Spot[],
  nowMs: number,
): Map<Role, { fresh: number; stale: number }> {
  const counts = new Map<Role, { fresh: number; stale: number }>();
  for (const spot of spots) {
    const count = counts.get(spot.role) ?? { fresh: 0, stale: 0 };
    if (heardWithin(spot, STALE_HOURS, nowMs)) count.fresh++;
    else count.stale++;
    counts.set(spot.role, count);
  }
  return counts;
}
