import { payloadKind } from "./payload";

/** The payload of a transmission as the API carries it: flat JSON in `decoded_json`. Every field may be missing. */
export interface Decoded {
  readonly type?: string;
  readonly channel?: string;
  readonly channelHashHex?: string;
  readonly decryptionStatus?: string;
  readonly text?: string;
  readonly sender?: string;
  readonly name?: string;
  readonly pubKey?: string;
  readonly ephemeralPubKey?: string;
  readonly destHash?: string;
  readonly srcHash?: string;
  readonly extraHash?: string;
  readonly tag?: number;
  readonly ctrlSubtype?: string;
  readonly firstByteTag?: string;
  readonly rawLength?: number;
  readonly innerTypeName?: string;
  readonly error?: string;
  readonly signatureValid?: boolean;
  readonly lat?: number;
  readonly lon?: number;
  readonly flags?: {
    readonly repeater?: boolean;
    readonly room?: boolean;
    readonly sensor?: boolean;
    readonly chat?: boolean;
  };
}

/** Parses `decoded_json`; anything that is not an object reads as empty. */
export function parseDecoded(json: string | null | undefined): Decoded {
  const value = parseJson(json);
  return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Decoded) : {};
}

/** Hops of a `path_json`, upper-case hex prefixes. */
export function parseHops(json: string | null | undefined): string[] {
  const value = parseJson(json);
  return Array.isArray(value) ? value.filter((hop): hop is string => typeof hop === "string") : [];
}

function parseJson(json: string | null | undefined): unknown {
  if (!json) return null;
  try {
    return JSON.parse(json) as unknown;
  } catch {
    return null;
  }
}

/** The five roles a node can have; the mark's shape carries it. */
export type Role = "repeater" | "companion" | "room" | "sensor" | "observer";

/** The role of an advert, from its flags. */
export function advertRole(decoded: Decoded): Role {
  if (decoded.flags?.repeater) return "repeater";
  if (decoded.flags?.room) return "room";
  return decoded.flags?.sensor ? "sensor" : "companion";
}

/** A role text of the API; anything unknown is drawn as a companion. */
export function asRole(text: string | null | undefined): Role {
  return text === "repeater" || text === "room" || text === "sensor" || text === "observer"
    ? text
    : "companion";
}

/** What a list row says about a packet. */
export type Detail =
  | { readonly kind: "message"; readonly channel: string; readonly text: string }
  | { readonly kind: "locked"; readonly text: string }
  | { readonly kind: "advert"; readonly role: Role; readonly name: string }
  | { readonly kind: "hashes"; readonly text: string }
  | { readonly kind: "text"; readonly text: string };

/** The details of a packet in one line. `payloadType` decides where the JSON leaves it open. */
export function detailOf(payloadType: number | null | undefined, d: Decoded): Detail {
  if (d.type === "CHAN") return { kind: "message", channel: d.channel ?? "channel", text: d.text ?? "" };
  if (d.error) return { kind: "text", text: d.error };
  switch (payloadType) {
    case 5:
    case 6:
      return {
        kind: "locked",
        text: `channel ${d.channelHashHex ?? "??"} · ${d.decryptionStatus === "decrypted" ? "data" : "no key"}`,
      };
    case 4:
      return {
        kind: "advert",
        role: advertRole(d),
        name: d.name || (d.pubKey ?? "").slice(0, 8) || "without a name",
      };
    case 0:
    case 1:
    case 2:
    case 8:
      return { kind: "hashes", text: `${d.srcHash ?? "??"} → ${d.destHash ?? "??"}` };
    case 7:
      return {
        kind: "hashes",
        text: `${(d.ephemeralPubKey ?? "").slice(0, 8) || "someone"} → ${d.destHash ?? "??"}`,
      };
    case 3:
      return { kind: "hashes", text: d.extraHash ?? "" };
    case 9:
      return {
        kind: "text",
        text: d.tag === undefined ? "trace" : `tag ${(d.tag >>> 0).toString(16).padStart(8, "0")}`,
      };
    case 10:
      return { kind: "text", text: d.innerTypeName ? `part of ${d.innerTypeName}` : "part" };
    case 11:
      return { kind: "text", text: (d.ctrlSubtype ?? "control").toLowerCase().replaceAll("_", " ") };
    case 15:
      return { kind: "text", text: d.rawLength === undefined ? "raw" : `${d.rawLength} raw bytes` };
    default:
      return { kind: "text", text: payloadKind(payloadType).title };
  }
}

/** The same in words, for screen readers and titles. */
export function detailText(detail: Detail): string {
  switch (detail.kind) {
    case "message":
      return `${detail.channel}: ${detail.text}`;
    case "advert":
      return `${detail.role} ${detail.name}`;
    default:
      return detail.text;
  }
}
