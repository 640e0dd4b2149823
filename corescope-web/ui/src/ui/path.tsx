import { Name } from "./marks";

interface Props {
  readonly hops: readonly string[];
  /** Keys parallel to the hops; null where not known. */
  readonly resolved: readonly (string | null)[];
  readonly names: ReadonlyMap<string, string>;
  /** Key that is highlighted; empty for none. */
  readonly here?: string;
}

/** A path as chips with arrows: prefix, name, and below the line that says how sure the name is. */
export function Path({ hops, resolved, names, here = "" }: Props) {
  if (hops.length === 0) return <span class="muted">Heard directly, no hop between</span>;
  return (
    <span class="hops">
      {hops.map((hop, at) => {
        const key = resolved[at] ?? null;
        const name = key ? (names.get(key) ?? key.slice(0, 8)) : null;
        return (
          <>
            {at > 0 ? (
              <svg class="ar" viewBox="0 0 8 8" aria-hidden="true" key={`a${at}`}>
                <path d="M2.5 1.5 5.5 4 2.5 6.5" fill="none" stroke="currentColor" stroke-width="1.2" />
              </svg>
            ) : null}
            {key ? (
              <a key={at} class={`hop certain${key === here ? " here" : ""}`} href={`#/nodes/${key}`} title={`${hop}: ${name ?? ""}`}>
                <b>{hop}</b>
                <span class="clip">
                  <Name text={name ?? ""} />
                </span>
              </a>
            ) : (
              <span key={at} class="hop unknown" title={`${hop}: not resolved to one node`}>
                <b>{hop}</b>
              </span>
            )}
          </>
        );
      })}
    </span>
  );
}
