import type { Packet, ShortObservation } from "./types";

/** What the live socket (version 2) says, taken apart and checked. `cursor` resumes behind the message. */
export type LiveMessage =
  | { readonly kind: "hello"; readonly cursor: string; readonly filter: string }
  | { readonly kind: "packet"; readonly cursor: string; readonly packet: Packet }
  | {
      readonly kind: "observations";
      readonly cursor: string;
      readonly hash: string;
      /** Observations there are now. */
      readonly count: number;
      /** The new ones, newest first. */
      readonly observations: readonly ShortObservation[];
    }
  | { readonly kind: "filter"; readonly cursor: string; readonly filter: string }
  | { readonly kind: "gap"; readonly cursor: string }
  | { readonly kind: "heartbeat"; readonly cursor: string }
  | { readonly kind: "error" }
  | { readonly kind: "other" };

const OTHER: LiveMessage = { kind: "other" };

/** Reads one text frame; anything unknown is `other`, so that a newer server does no harm. */
export function readMessage(text: string): LiveMessage {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return OTHER;
  }
  if (!isObject(value)) return OTHER;
  const cursor = typeof value["cursor"] === "string" ? value["cursor"] : "";
  const data = isObject(value["data"]) ? value["data"] : {};
  switch (value["type"]) {
    case "hello":
      return { kind: "hello", cursor, filter: textOf(data, "filter") };
    case "filter":
      return { kind: "filter", cursor, filter: textOf(data, "filter") };
    case "transmission":
      return textOf(data, "hash") ? { kind: "packet", cursor, packet: data as unknown as Packet } : OTHER;
    case "observations":
      return textOf(data, "hash") && Array.isArray(data["observations"])
        ? {
            kind: "observations",
            cursor,
            hash: textOf(data, "hash"),
            count: typeof data["observation_count"] === "number" ? data["observation_count"] : 0,
            observations: data["observations"] as readonly ShortObservation[],
          }
        : OTHER;
    case "gap":
      return { kind: "gap", cursor };
    case "heartbeat":
      return { kind: "heartbeat", cursor };
    case "error":
      return { kind: "error" };
    default:
      return OTHER;
  }
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function textOf(data: Record<string, unknown>, key: string): string {
  return typeof data[key] === "string" ? data[key] : "";
}
