/** How a node or observer is, with the mark and the word for it. */
export interface Health {
  readonly mark: "ok" | "half" | "hollow" | "none";
  readonly word: string;
}

const HOUR_MS = 3_600_000;

/** Hours after which a node counts as degraded, and as silent. Infrastructure speaks seldom by itself. */
function thresholds(role: string): readonly [number, number] {
  if (role === "observer") return [1, 24];
  return role === "repeater" || role === "room" ? [24, 72] : [1, 24];
}

/** The health of a node or observer from when it was last heard. */
export function healthOf(role: string, lastMs: number | null, nowMs: number, relaying = false): Health {
  if (lastMs === null) return { mark: "none", word: "Never heard" };
  const hours = (nowMs - lastMs) / HOUR_MS;
  const [degraded, silent] = thresholds(role);
  if (hours >= silent) return { mark: "hollow", word: "Silent" };
  if (hours >= degraded) return { mark: "half", word: "Degraded" };
  return { mark: "ok", word: relaying ? "Relaying" : "Healthy" };
}
