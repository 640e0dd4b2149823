import type { Packet, Observation } from "./types";

/** What the live socket says, taken apart and checked. */
export type LiveMessage =
  | { readonly kind: "packet"; readonly cursor: string; readonly packet: Packet }
  | {
      readonly kind: "observation";
      readonly cursor: string;
      readonly hash: string;
      readonly observation: Observation;
      readonly count: number;
    }
  | { readonly kind: "filter"; readonly filter: string; readonly cursor: string }
  | { readonly kind: "gap"; readonly cursor: string }
  | { readonly kind: "other" };

/** Reads one text frame; anything unknown is `other`, so that a newer server does no harm. */
export function readMessage(text: string): LiveMessage {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return { kind: "other" };
  }
  if (!isObject(value)) return { kind: "other" };
  const cursor = typeof value["cursor"] === "string" ? value["cursor"] : "";
  const data = value["data"];
  switch (value["type"]) {
    case "packet":
      return isObject(data) && typeof data["hash"] === "string"
        ? { kind: "packet", cursor, packet: data as unknown as Packet }
        : { kind: "other" };
    case "observation":
      return isObject(data) && typeof data["hash"] === "string"
        ? {
            kind: "observation",
            cursor,
            hash: data["hash"],
            observation: data as unknown as Observation,
            count: typeof data["observation_count"] === "number" ? data["observation_count"] : 0,
          }
        : { kind: "other" };
    case "filter":
      return { kind: "filter", cursor, filter: typeof value["filter"] === "string" ? value["filter"] : "" };
    case "gap":
      return { kind: "gap", cursor };
    default:
      return { kind: "other" };
  }
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null;
}
