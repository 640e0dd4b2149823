/** A payload type as the page shows it: wire number, name in the filter language, two-letter code, words, mark. */
export interface PayloadKind {
  readonly number: number;
  /** Name in the filter language, e.g. `GRP_TXT`. */
  readonly name: string;
  /** Two letters of the badge. */
  readonly code: string;
  /** The reading, e.g. "Channel message". */
  readonly title: string;
  /** Suffix of the glyph (`#g-…`) and of the badge class (`pt-…`). */
  readonly mark: string;
  /** Custom property that holds the colour of the mark. */
  readonly colour: string;
}

const kind = (number: number, name: string, code: string, title: string, token: string): PayloadKind => ({
  number,
  name,
  code,
  title,
  mark: code.toLowerCase(),
  colour: `var(--pt-${token})`,
});

/** The thirteen types that MeshCore assigns, by wire number. Source: MeshCore `src/Packet.h`. */
export const PAYLOAD_KINDS: readonly PayloadKind[] = [
  kind(0, "REQ", "RQ", "Request", "req"),
  kind(1, "RESPONSE", "RS", "Response", "response"),
  kind(2, "TXT_MSG", "DM", "Direct message", "txt-msg"),
  kind(3, "ACK", "AK", "Acknowledgement", "ack"),
  kind(4, "ADVERT", "AD", "Advert", "advert"),
  kind(5, "GRP_TXT", "CH", "Channel message", "grp-txt"),
  kind(6, "GRP_DATA", "GD", "Channel data", "grp-data"),
  kind(7, "ANON_REQ", "AN", "Anonymous request", "anon-req"),
  kind(8, "PATH", "PA", "Path", "path"),
  kind(9, "TRACE", "TR", "Trace", "trace"),
  kind(10, "MULTIPART", "MP", "Multipart", "multipart"),
  kind(11, "CONTROL", "CT", "Control", "control"),
  kind(15, "RAW_CUSTOM", "RW", "Raw custom", "raw-custom"),
];

const BY_NUMBER = new Map(PAYLOAD_KINDS.map((k) => [k.number, k]));

/** The kind of a wire number; an unassigned one is a kind too, with its number as its name. */
export function payloadKind(number: number | null | undefined): PayloadKind {
  const known = number == null ? undefined : BY_NUMBER.get(number);
  if (known) return known;
  return {
    number: number ?? -1,
    name: number == null ? "UNKNOWN" : `UNK(${number})`,
    code: number == null ? "??" : String(number).padStart(2, "0"),
    title: number == null ? "Unknown type" : `Unassigned type ${number}`,
    mark: "rw",
    colour: "var(--text-muted)",
  };
}

/** Names of the route types, by the two low bits of the header. */
export const ROUTES = ["TRANSPORT_FLOOD", "FLOOD", "DIRECT", "TRANSPORT_DIRECT"] as const;

/** The name of a route type. */
export function routeName(route: number | null | undefined): string {
  return (route == null ? undefined : ROUTES[route]) ?? "unknown route";
}

/** Whether a route type carries transport codes. */
export function isTransport(route: number | null | undefined): boolean {
  return route === 0 || route === 3;
}
