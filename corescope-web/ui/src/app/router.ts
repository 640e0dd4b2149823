import { computed, signal } from "@preact/signals";

/** Where the page is: the fragment `#/page/param?query`, taken apart. */
export interface Route {
  readonly page: string;
  /** What follows the page, e.g. a packet hash or a node key; empty without. */
  readonly param: string;
  readonly query: ReadonlyMap<string, string>;
}

/** Takes a fragment apart. An empty one opens the packet list; old addresses land where their page lives now. */
export function parseRoute(fragment: string): Route {
  const text = fragment.replace(/^#\/?/, "");
  const mark = text.indexOf("?");
  const path = mark < 0 ? text : text.slice(0, mark);
  const query = new Map(new URLSearchParams(mark < 0 ? "" : text.slice(mark + 1)));
  const [page = "", ...rest] = path.split("/").map(decode);
  const param = rest.join("/");
  if (page === "") return { page: "packets", param: "", query };
  if (page === "packet") return { page: "packets", param, query };
  return { page, param, query };
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** The fragment of a route; empty values are left out. */
export function formatRoute(
  page: string,
  param = "",
  query: Iterable<readonly [string, string]> = [],
): string {
  const search = new URLSearchParams(
    [...query].filter(([, value]) => value !== "").map(([key, value]) => [key, value]),
  );
  const tail = search.toString();
  return `#/${page}${param ? `/${encodeURIComponent(param)}` : ""}${tail ? `?${tail}` : ""}`;
}

const current = signal<Route>(parseRoute(location.hash));

/** The route now. */
export const route = computed(() => current.value);

/** Goes to a fragment. `replace` is for filters: Back leaves the page instead of undoing a keystroke. */
export function go(fragment: string, replace = false): void {
  if (fragment === location.hash) return;
  if (replace) history.replaceState(history.state, "", fragment);
  else history.pushState({ inside: true }, "", fragment);
  current.value = parseRoute(fragment);
}

/** Changes some values of the query and leaves the rest; empty removes. */
export function setQuery(changes: Readonly<Record<string, string>>): void {
  const { page, param, query } = current.value;
  go(formatRoute(page, param, new Map([...query, ...Object.entries(changes)])), true);
}

/** Opens a detail on this page (pushed, so that Back closes it), or closes it. Filters stay. */
export function openParam(param: string, changes: Readonly<Record<string, string>> = {}): void {
  const { page, query } = current.value;
  go(formatRoute(page, param, new Map([...query, ...Object.entries(changes)])));
}

/** Follows the address bar. Returns the undo. */
export function followAddress(): () => void {
  const read = (): void => {
    current.value = parseRoute(location.hash);
  };
  addEventListener("hashchange", read);
  addEventListener("popstate", read);
  return () => {
    removeEventListener("hashchange", read);
    removeEventListener("popstate", read);
  };
}
