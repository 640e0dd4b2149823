import type { Observation, Packet } from "../../api/types";
import { parseTime } from "../../lib/format";
import { frameWithPath } from "../../lib/frame-path";
import { parseHops } from "../../lib/packet";

/** One reception, read from the API. */
export interface Reception {
  readonly id: number;
  readonly observerId: string;
  readonly observer: string;
  readonly region: string;
  readonly snr: number | null;
  readonly rssi: number | null;
  readonly hops: readonly string[];
  readonly resolved: readonly (string | null)[];
  readonly timeMs: number | null;
  readonly direction: string;
  /** Bytes as this observer heard them. */
  readonly rawHex: string;
}

/** The receptions of a packet, earliest first. */
export function receptions(packet: Packet, observations: readonly Observation[]): Reception[] {
  const raw = packet.raw_hex ?? "";
  const list = observations.map((o) => receptionOf(o, raw));
  return list.sort((a, b) => (a.timeMs ?? 0) - (b.timeMs ?? 0) || a.id - b.id);
}

function receptionOf(o: Observation, rawHex: string): Reception {
  return {
    id: o.id,
    observerId: o.observer_id ?? "",
    observer: o.observer_name || (o.observer_id ?? "unknown observer"),
    region: o.observer_iata ?? "",
    snr: o.snr ?? null,
    rssi: o.rssi ?? null,
    hops: parseHops(o.path_json),
    resolved: o.resolved_path ?? [],
    timeMs: parseTime(o.timestamp),
    direction: o.direction ?? "",
    rawHex: frameWithPath((o.raw_hex || rawHex).toLowerCase(), parseHops(o.path_json)),
  };
}

/** The position of the reception with an id; without a valid id that of the longest path, as the list shows it. */
export function chosenIndex(list: readonly Reception[], id: string | undefined): number {
  const wanted = list.findIndex((r) => String(r.id) === id);
  if (wanted >= 0) return wanted;
  let best = 0;
  for (const [at, reception] of list.entries())
    if (reception.hops.length > (list[best]?.hops.length ?? 0)) best = at;
  return best;
}

/** Seconds between the first and the last reception; 0 for one. */
export function spreadSeconds(list: readonly Reception[]): number {
  const times = list.map((r) => r.timeMs).filter((t): t is number => t !== null);
  return times.length < 2 ? 0 : (Math.max(...times) - Math.min(...times)) / 1000;
}
