const MINUTE_MS = 60_000;

/** A time window of the list. `seconds` is null for all. */
export interface TimeWindow {
  readonly key: string;
  readonly label: string;
  readonly seconds: number | null;
}

/** The windows one can choose, shortest first. */
export const TIME_WINDOWS: readonly TimeWindow[] = [
  { key: "15", label: "Last 15 min", seconds: 900 },
  { key: "30", label: "Last 30 min", seconds: 1_800 },
  { key: "60", label: "Last hour", seconds: 3_600 },
  { key: "180", label: "Last 3 h", seconds: 10_800 },
  { key: "360", label: "Last 6 h", seconds: 21_600 },
  { key: "720", label: "Last 12 h", seconds: 43_200 },
  { key: "1440", label: "Last 24 h", seconds: 86_400 },
  { key: "0", label: "All time", seconds: null },
];

const DEFAULT: TimeWindow = { key: "15", label: "Last 15 min", seconds: 900 };
const ALL: TimeWindow = { key: "0", label: "All time", seconds: null };

/** The window of a `timeWindow` value in the address; minutes, as links of the original carry it. */
export function timeWindow(key: string | undefined): TimeWindow {
  return TIME_WINDOWS.find((w) => w.key === key) ?? DEFAULT;
}

/** Everything there is. */
export const ALL_TIME = ALL;

/** What limits the list. */
export interface Scope {
  readonly window: TimeWindow;
  /** Region codes, upper case; empty for all. */
  readonly regions: readonly string[];
  /** Filter expression; empty for none. */
  readonly filter: string;
  /** Hash, node key, observer ids, channel and payload types of links; empty for none. */
  readonly node: string;
  readonly observer: string;
  readonly channel: string;
}

/** Reads a scope from the address. */
export function scopeOf(query: ReadonlyMap<string, string>): Scope {
  const list = (query.get("region") ?? "").split(",").map((code) => code.trim().toUpperCase());
  return {
    window: timeWindow(query.get("timeWindow")),
    regions: list.filter((code) => code !== ""),
    filter: (query.get("filter") ?? "").trim(),
    node: query.get("node") ?? "",
    observer: query.get("observer") ?? "",
    channel: query.get("channel") ?? "",
  };
}

const quoted = (text: string): string => `"${text.replaceAll('"', '\\"')}"`;

/** The one expression that says the same as a scope without its window: what the live socket is subscribed with. */
export function subscription(scope: Scope, filter: string): string {
  const parts: string[] = [];
  if (filter) parts.push(`(${filter})`);
  if (scope.regions.length > 0) parts.push(`iata in (${scope.regions.map(quoted).join(", ")})`);
  const observers = scope.observer.split(",").filter((id) => id.trim() !== "");
  if (observers.length > 0)
    parts.push(`observer_id in (${observers.map((id) => quoted(id.trim())).join(", ")})`);
  if (scope.channel) parts.push(`payload.channel == ${quoted(scope.channel)}`);
  if (scope.node)
    parts.push(`(routed_through contains ${quoted(scope.node)} || payload.pubKey == ${quoted(scope.node)})`);
  return parts.length === 1 && filter && parts[0] === `(${filter})` ? filter : parts.join(" && ");
}

/**
 * The query of `GET /api/packets` for a scope, as of a moment. The window begins with a whole minute: all who look at the list within
 * that minute ask the same, and the server answers them with the same bytes.
 */
export function listQuery(scope: Scope, filter: string, nowMs: number): Record<string, string> {
  const query: Record<string, string> = { groupByHash: "true" };
  if (scope.window.seconds !== null)
    query["since"] = iso(nowMs - (nowMs % MINUTE_MS) - scope.window.seconds * 1000);
  if (scope.regions.length > 0) query["region"] = scope.regions.join(",");
  if (scope.node) query["node"] = scope.node;
  if (scope.observer) query["observer"] = scope.observer;
  if (scope.channel) query["channel"] = scope.channel;
  if (filter) query["filter"] = filter;
  return query;
}

function iso(ms: number): string {
  return `${new Date(ms).toISOString().slice(0, 19)}Z`;
}
