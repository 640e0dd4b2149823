/** How a node or observer is, with the mark and the word for it. */
export interface Health {
  readonly mark: "ok" | "half" | "hollow" | "none";
  readonly word: string;
}

/** Silence in ms after which something is degraded and silent, as the server is configured (`healthThresholds`). */
export interface Thresholds {
  readonly infraDegradedMs: number;
  readonly infraSilentMs: number;
  readonly nodeDegradedMs: number;
  readonly nodeSilentMs: number;
  readonly observerOnlineMs: number;
  readonly observerStaleMs: number;
}

const HOUR_MS = 3_600_000;

/** What holds until the server has told its own: the defaults of its configuration. */
export const USUAL: Thresholds = {
  infraDegradedMs: 24 * HOUR_MS,
  infraSilentMs: 72 * HOUR_MS,
  nodeDegradedMs: HOUR_MS,
  nodeSilentMs: 24 * HOUR_MS,
  observerOnlineMs: HOUR_MS,
  observerStaleMs: 24 * HOUR_MS,
};

/** Infrastructure speaks seldom by itself, so that more silence means nothing. */
function silence(role: string, t: Thresholds): readonly [number, number] {
  if (role === "observer") return [t.observerOnlineMs, t.observerStaleMs];
  return role === "repeater" || role === "room"
    ? [t.infraDegradedMs, t.infraSilentMs]
    : [t.nodeDegradedMs, t.nodeSilentMs];
}

/** The health of a node or observer from when it was last heard. */
export function healthOf(
  role: string,
  lastMs: number | null,
  nowMs: number,
  thresholds: Thresholds,
  relaying = false,
): Health {
  if (lastMs === null) return { mark: "none", word: "Never heard" };
  const [degraded, silent] = silence(role, thresholds);
  const quiet = nowMs - lastMs;
  if (quiet >= silent) return { mark: "hollow", word: "Silent" };
  if (quiet >= degraded) return { mark: "half", word: "Degraded" };
  return { mark: "ok", word: relaying ? "Relaying" : "Healthy" };
}
