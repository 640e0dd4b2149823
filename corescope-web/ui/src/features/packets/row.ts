import type { ListedPacket, ShortObservation } from "../../api/types";
import { parseTime } from "../../lib/format";
import { type Detail, detailOf, parseDecoded, parseHops } from "../../lib/packet";

/** A transmission as the list shows it. Only `observations` and what the best observation says may change later. */
export interface Row {
  readonly hash: string;
  /** When it was first heard, ms since 1970; null when the server does not know. */
  readonly firstMs: number | null;
  readonly payloadType: number | null;
  readonly routeType: number | null;
  /** Bytes on the air. */
  readonly size: number;
  snr: number | null;
  hops: readonly string[];
  /** Keys of the hops where they are known, parallel to `hops`; empty when none was resolved. */
  resolved: readonly (string | null)[];
  observer: string;
  observations: number;
  readonly detail: Detail;
}

/** Reads a row of the API. */
export function rowOf(packet: ListedPacket): Row {
  return {
    hash: packet.hash,
    firstMs: parseTime(packet.first_seen),
    payloadType: packet.payload_type ?? null,
    routeType: packet.route_type ?? null,
    size: (packet.raw_hex ?? "").length / 2,
    snr: packet.snr ?? null,
    hops: parseHops(packet.path_json),
    resolved: ("resolved_path" in packet ? packet.resolved_path : null) ?? [],
    observer: packet.observer_name || packet.observer_id || "",
    observations: packet.observation_count,
    detail: detailOf(packet.payload_type, parseDecoded(packet.decoded_json)),
  };
}

/** Takes over what a newer reading of the same transmission says. */
export function mergeRow(row: Row, newer: Row): void {
  row.observations = Math.max(row.observations, newer.observations);
  if (newer.hops.length <= row.hops.length) return;
  row.hops = newer.hops;
  row.resolved = newer.resolved;
  row.snr = newer.snr;
  row.observer = newer.observer;
}

/** Merges further observations into their row. The longest path speaks for the group, as in the list the server gives. */
export function mergeObservations(row: Row, observations: readonly ShortObservation[], count: number): void {
  row.observations = Math.max(row.observations, count);
  for (const observation of observations) {
    const hops = parseHops(observation.path_json);
    if (hops.length <= row.hops.length) continue;
    row.hops = hops;
    row.resolved = observation.resolved_path ?? [];
    row.snr = observation.snr ?? null;
    row.observer = observation.observer_name || observation.observer_id || row.observer;
  }
}
