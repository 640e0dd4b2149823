import { memo } from "../../ui/memo";
import { clock, count, dayClock, utc } from "../../lib/format";
import { type HopIndex, hopTitle } from "../../lib/hops";
import { type Detail, detailText } from "../../lib/packet";
import { payloadKind } from "../../lib/payload";
import { Icon } from "../../ui/icon";
import { Name, RoleMark, Signal, TypeBadge } from "../../ui/marks";
import type { Row } from "./row";

/** Hops that fit in the path cell before "+N", by the bytes of a prefix. */
const SHOWN_HOPS = [6, 6, 4, 3] as const;

interface Props {
  readonly row: Row;
  readonly index: number;
  readonly selected: boolean;
  readonly focused: boolean;
  readonly fresh: boolean;
  readonly nowMs: number;
  /** Names of hops. */
  readonly hops: HopIndex;
  /** The row's own counters, so that a changed row is drawn anew. */
  readonly observations: number;
}

/** The cells of a row, in order; the head has the same. */
export const COLUMNS = [
  "Time",
  "Type",
  "Hash",
  "Size",
  "SNR dB",
  "Path",
  "Observer",
  "Obs",
  "Details",
] as const;

/** Id of the element of a row, for `aria-activedescendant`. */
export const rowId = (index: number): string => `packet-${index}`;

function sameDay(a: number, b: number): boolean {
  return new Date(a).toDateString() === new Date(b).toDateString();
}

/** One transmission. */
export const RowView = memo(function RowView({ row, index, selected, focused, fresh, nowMs, hops }: Props) {
  const kind = payloadKind(row.payloadType);
  const time = row.firstMs;
  return (
    <div
      class={`row pk${focused ? " is-focus" : ""}${fresh ? " new" : ""}`}
      role="row"
      id={rowId(index)}
      aria-rowindex={index + 2}
      aria-selected={selected}
      data-row={index}
      data-hash={row.hash}
      style={{ "--pt": kind.colour }}
    >
      <i class="stripe" />
      <span role="gridcell" class="mono time" title={time === null ? undefined : utc(time)}>
        {time === null
          ? "–"
          : sameDay(time, nowMs)
            ? clock(time)
            : dayClock(time, nowMs).replace(/:\d\d$/, "")}
      </span>
      <span role="gridcell" class="c-type">
        <TypeBadge kind={kind} />
      </span>
      <span role="gridcell" class="hash c-hash">
        {row.hash.slice(0, 8)}
      </span>
      <span role="gridcell" class="num c-size">
        {count(row.size)}
      </span>
      <span role="gridcell" class="num c-snr">
        <Signal snr={row.snr} />
      </span>
      <span role="gridcell" class="c-path">
        <PathCell row={row} index={hops} />
      </span>
      <span role="gridcell" class="c-obs t2">
        <Name text={row.observer} />
      </span>
      <span role="gridcell" class={`num c-rpt${row.observations === 1 ? " muted" : ""}`}>
        {count(row.observations)}
      </span>
      <span role="gridcell" class="c-det" title={detailText(row.detail)}>
        <DetailCell detail={row.detail} />
      </span>
    </div>
  );
});

function PathCell({ row, index }: { row: Row; index: HopIndex }) {
  if (row.hops.length === 0) return <span class="muted">direct</span>;
  const most = SHOWN_HOPS[(row.hops[0]?.length ?? 2) / 2] ?? 3;
  const hidden = row.hops.length - most;
  return (
    <>
      <span class="hxs">
        {row.hops.slice(0, most).map((prefix, at) => {
          const hop = index.hop(prefix, row.resolved[at]);
          return (
            <span key={at} class={`hx ${index.isEmpty ? "unknown" : hop.trust}`} title={hopTitle(hop)}>
              {prefix}
            </span>
          );
        })}
      </span>
      {hidden > 0 ? <span class="plus">+{hidden}</span> : null}
    </>
  );
}

function DetailCell({ detail }: { detail: Detail }) {
  switch (detail.kind) {
    case "message":
      return (
        <>
          <span class="chn">{detail.channel}</span> <Name text={detail.text} />
        </>
      );
    case "locked":
      return (
        <span class="muted">
          <Icon name="lock" /> {detail.text}
        </span>
      );
    case "advert":
      return (
        <>
          <RoleMark role={detail.role} /> <Name text={detail.name} />
        </>
      );
    case "hashes":
      return <span class="mono">{detail.text}</span>;
    default:
      return <span class="t2">{detail.text}</span>;
  }
}
