import { Fragment } from "preact";
import { type HopIndex, hopTitle } from "../lib/hops";
import { Name } from "./marks";

interface Props {
  readonly hops: readonly string[];
  /** Keys parallel to the hops, where the server knows them. */
  readonly resolved: readonly (string | null)[];
  readonly index: HopIndex;
}

/** A path as chips with arrows: prefix, name, and below the line that says how sure the name is. */
export function Path({ hops, resolved, index }: Props) {
  if (hops.length === 0) return <span class="muted">Heard directly, no hop between</span>;
  return (
    <span class="hops">
      {hops.map((prefix, at) => {
        const hop = index.hop(prefix, resolved[at]);
        return (
          <Fragment key={at}>
            {at > 0 ? (
              <svg class="ar" viewBox="0 0 8 8" aria-hidden="true">
                <path d="M2.5 1.5 5.5 4 2.5 6.5" fill="none" stroke="currentColor" stroke-width="1.2" />
              </svg>
            ) : null}
            {hop.key ? (
              <a class={`hop ${hop.trust}`} href={`#/nodes/${hop.key}`} title={hopTitle(hop)}>
                <b>{prefix}</b>
                <span class="clip">
                  <Name text={hop.name} />
                </span>
                {hop.candidates > 1 ? <span class="c">1 of {hop.candidates}</span> : null}
              </a>
            ) : (
              <span class="hop unknown" title={hopTitle(hop)}>
                <b>{prefix}</b>
                {hop.candidates > 1 ? <span class="c">{hop.candidates} possible</span> : null}
              </span>
            )}
          </Fragment>
        );
      })}
    </span>
  );
}
