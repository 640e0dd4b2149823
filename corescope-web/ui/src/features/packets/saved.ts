import { signal } from "@preact/signals";
import { recall, remember } from "../../lib/memory";

/** A filter with a name. */
export interface SavedFilter {
  readonly name: string;
  readonly expression: string;
}

/** The filters everyone has. */
export const SAVED_FILTERS: readonly SavedFilter[] = [
  { name: "Adverts only", expression: "type == ADVERT" },
  { name: "Channel traffic", expression: "type == GRP_TXT || type == GRP_DATA" },
  { name: "Direct messages", expression: "type == TXT_MSG" },
  { name: "Strong signal", expression: "snr > 5" },
  { name: "More than one hop", expression: "hops > 1" },
  { name: "Repeater adverts", expression: "type == ADVERT && payload.flags.repeater == true" },
  { name: "Last five minutes", expression: "age < 5m" },
];

const KEY = "corescope-saved-filters";

function own(): SavedFilter[] {
  try {
    const value: unknown = JSON.parse(recall(KEY) ?? "[]");
    return Array.isArray(value)
      ? value.filter(
          (f): f is SavedFilter => typeof f?.name === "string" && typeof f?.expression === "string",
        )
      : [];
  } catch {
    return [];
  }
}

/** The visitor's own filters, as this browser remembers them. */
export const saved = signal<readonly SavedFilter[]>(own());

/** Filters that one browser keeps at most. */
const MOST = 50;

/** Keeps a filter under its own text, or forgets it when it is kept already. */
export function toggleSaved(expression: string): void {
  const rest = saved.value.filter((filter) => filter.expression !== expression);
  const next =
    rest.length < saved.value.length ? rest : [...rest, { name: expression, expression }].slice(-MOST);
  saved.value = next;
  remember(KEY, JSON.stringify(next));
}
