import { tokens } from "./expression";
import { PAYLOAD_KINDS, ROUTES } from "./payload";

/** Something that can stand at the caret. */
export interface Suggestion {
  readonly text: string;
  readonly note: string;
}

/** What can stand at the caret, and which part of the text it takes the place of. */
export interface Suggestions {
  readonly from: number;
  readonly to: number;
  readonly items: readonly Suggestion[];
}

/** Suggestions shown at once. */
const MOST = 12;

const FIELDS: readonly (readonly [string, string])[] = [
  ["type", "payload type, such as ADVERT"],
  ["route", "FLOOD, DIRECT …"],
  ["snr", "dB"],
  ["rssi", "dBm"],
  ["hops", "length of the path"],
  ["size", "bytes on the air"],
  ["observations", "times heard"],
  ["observer", "name of an observer"],
  ["iata", "region of an observer"],
  ["age", "time since, such as 5m"],
  ["time", "moment, such as 2026-06-01"],
  ["hash", "packet hash"],
  ["path", "prefixes of the hops"],
  ["routed_through", "key of a node on the way"],
  ["transport", "has transport codes"],
  ["observer_id", "key of an observer"],
  ["raw", "bytes in hex"],
  ["payload.name", "name in an advert"],
  ["payload.text", "text of a message"],
  ["payload.channel", "name of a channel"],
  ["payload.channelHash", "number of a channel"],
  ["payload.sender", "who wrote a message"],
  ["payload.srcHash", "sender's prefix"],
  ["payload.destHash", "receiver's prefix"],
  ["payload.lat", "degrees"],
  ["payload.lon", "degrees"],
  ["payload.flags.repeater", "advert of a repeater"],
  ["payload.flags.room", "advert of a room"],
  ["payload.flags.hasLocation", "advert with a place"],
  ["code1", "transport code"],
  ["code2", "transport code"],
];
const OPERATORS: readonly (readonly [string, string])[] = [
  ["==", "is"],
  ["!=", "is not"],
  [">", "more than"],
  ["<", "less than"],
  [">=", "at least"],
  ["<=", "at most"],
  ["contains", "has within it"],
  ["starts_with", "begins with"],
  ["ends_with", "ends with"],
  ["in", "one of ( … )"],
  ["between", "two bounds"],
  ["after", "later than"],
  ["before", "earlier than"],
];
const JOINTS: readonly (readonly [string, string])[] = [
  ["&&", "and"],
  ["||", "or"],
];
const COMPARES = new Set(OPERATORS.map(([text]) => text));

/** What can stand at `caret` in an expression. */
export function suggest(text: string, caret: number): Suggestions {
  const before = text.slice(0, caret);
  const partial = /[\p{L}\p{N}_.]*$/u.exec(before)?.[0] ?? "";
  const from = caret - partial.length;
  const items = choices(before.slice(0, from))
    .filter(([choice]) => choice.toLowerCase().startsWith(partial.toLowerCase()) && choice !== partial)
    .slice(0, MOST)
    .map(([choice, note]) => ({ text: choice, note }));
  return { from, to: caret, items };
}

function choices(before: string): readonly (readonly [string, string])[] {
  const seen = tokens(before).filter((token) => token.kind !== "space");
  const last = seen.at(-1);
  if (!last || ["&&", "||", "!"].includes(last.text)) return FIELDS;
  if (last.text === "(" && !COMPARES.has(seen.at(-2)?.text ?? "")) return FIELDS;
  if (last.kind === "field") return OPERATORS;
  if (last.kind === "operator" && last.text !== ")")
    return valuesFor(seen.findLast((token) => token.kind === "field")?.text ?? "");
  return JOINTS;
}

function valuesFor(field: string): readonly (readonly [string, string])[] {
  if (field === "type") return PAYLOAD_KINDS.map((kind) => [kind.name, kind.title]);
  if (field === "route") return ROUTES.map((route) => [route, ""]);
  if (field === "transport" || field.startsWith("payload.flags."))
    return [
      ["true", ""],
      ["false", ""],
    ];
  return [];
}
