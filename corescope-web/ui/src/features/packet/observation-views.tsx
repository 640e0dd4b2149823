import { clock, plural, signed, span, utc } from "../../lib/format";
import { snrStep } from "../../lib/signal";
import { Icon } from "../../ui/icon";
import { Name, Signal } from "../../ui/marks";
import { type Reception, spreadSeconds } from "./observations";

interface Props {
  /** Earliest first. */
  readonly list: readonly Reception[];
  readonly at: number;
  readonly onChoose: (index: number) => void;
}

/** Which observation is shown, with a step to either side. */
export function ObservationLine({ list, at, onChoose }: Props) {
  const chosen = list[at];
  if (!chosen) return <p class="obsline muted">No observation of it is stored.</p>;
  return (
    <div class="obsline">
      <button
        type="button"
        class="btn quiet small icon"
        aria-label="Previous observation"
        disabled={at === 0}
        onClick={() => onChoose(at - 1)}
      >
        <Icon name="chevron-left" />
      </button>
      <span class="clip">
        <b>
          Observation {at + 1} of {list.length}
        </b>{" "}
        <span class="muted">by</span> <Name text={chosen.observer} />{" "}
        <span class="muted">{chosen.region}</span>
      </span>
      <button
        type="button"
        class="btn quiet small icon"
        aria-label="Next observation"
        disabled={at === list.length - 1}
        onClick={() => onChoose(at + 1)}
      >
        <Icon name="chevron-right" />
      </button>
    </div>
  );
}

const WIDTH = 408;
const PAD = 6;

/** When each observer heard it, on one line of time. */
export function ObservationStrip({ list, at, onChoose }: Props) {
  const first = list[0]?.timeMs;
  const spread = spreadSeconds(list);
  if (list.length < 2 || first == null) {
    return first == null ? null : <p class="onetime muted">{utc(first)}</p>;
  }
  const scale = Math.max(spread, 1);
  const x = (seconds: number): number => PAD + ((WIDTH - 2 * PAD) * seconds) / scale;
  const step =
    [1, 2, 5, 10, 30, 60, 300, 900, 3600, 21_600, 86_400, 604_800].find((s) => scale / s <= 4) ?? scale;
  const ticks = Array.from({ length: Math.floor(scale / step) }, (_, n) => (n + 1) * step).filter(
    (s) => x(s) > 90,
  );
  return (
    <svg
      class="strip"
      viewBox={`0 0 ${WIDTH} 34`}
      role="img"
      aria-label={`Heard ${plural(list.length, "time")} within ${span(Math.max(1, spread))}`}
    >
      <path d={`M${PAD} 17H${WIDTH - PAD}`} stroke="var(--border-strong)" />
      <path d={`M${PAD} 14v6`} stroke="var(--text-faint)" />
      <text x={PAD} y="31">
        first {clock(first)}
      </text>
      {ticks.map((s) => (
        <g key={s}>
          <path d={`M${x(s)} 14v6`} stroke="var(--text-faint)" />
          <text x={x(s)} y="31" text-anchor={x(s) > WIDTH - 30 ? "end" : "middle"}>
            +{span(s)}
          </text>
        </g>
      ))}
      {list.map((reception, index) => (
        <use
          key={reception.id}
          href="#r-observer"
          x={x(((reception.timeMs ?? first) - first) / 1000) - (index === at ? 7 : 5)}
          y={index === at ? 10 : 12}
          width={index === at ? 14 : 10}
          height={index === at ? 14 : 10}
          fill={reception.snr === null ? "var(--text-faint)" : `var(--seq-${snrStep(reception.snr)})`}
          stroke={index === at ? "var(--accent)" : "var(--surface-1)"}
          stroke-width="1.5"
          onClick={() => onChoose(index)}
        />
      ))}
    </svg>
  );
}

/** All observations; choosing one changes everything above. */
export function ObservationTable({ list, at, onChoose }: Props) {
  const first = list[0]?.timeMs ?? null;
  return (
    <table class="obs">
      <thead>
        <tr>
          <th scope="col">Observer</th>
          <th scope="col" class="num">
            Hops
          </th>
          <th scope="col" class="num">
            SNR dB
          </th>
          <th scope="col" class="num">
            RSSI
          </th>
          <th scope="col" class="num">
            Time
          </th>
        </tr>
      </thead>
      <tbody>
        {list.map((reception, index) => (
          <tr
            key={reception.id}
            aria-current={index === at ? "true" : undefined}
            onClick={() => onChoose(index)}
          >
            <td>
              <button type="button" class="bareb clip">
                <Name text={reception.observer} /> <span class="muted">{reception.region}</span>
              </button>
            </td>
            <td class="num">{reception.hops.length}</td>
            <td class="num">
              <Signal snr={reception.snr} />
            </td>
            <td class="num">{reception.rssi === null ? "–" : signed(reception.rssi, 0)}</td>
            <td class="num mono" title={reception.timeMs === null ? undefined : utc(reception.timeMs)}>
              {timeText(reception.timeMs, index === 0 ? null : first)}
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

function timeText(timeMs: number | null, firstMs: number | null): string {
  if (timeMs === null) return "–";
  return firstMs === null ? clock(timeMs) : `+${span((timeMs - firstMs) / 1000)}`;
}
