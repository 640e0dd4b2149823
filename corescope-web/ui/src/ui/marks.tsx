import { count, emojiRuns, hexGroups, signed } from "../lib/format";
import type { Health } from "../lib/health";
import type { Role } from "../lib/packet";
import type { PayloadKind } from "../lib/payload";
import { snrPercent, snrStep } from "../lib/signal";

/** The badge of a payload type: glyph, code and, in the long form, the words. */
export function TypeBadge({ kind, long = false }: { kind: PayloadKind; long?: boolean }) {
  return (
    <span class={`pt pt-${kind.mark}${long ? " long" : ""}`} title={long ? undefined : kind.title}>
      <svg aria-hidden="true">
        <use href={`#g-${kind.mark}`} />
      </svg>
      {kind.code}
      {long ? <span class="words"> {kind.title}</span> : null}
    </span>
  );
}

/** The mark of a role: its shape speaks first. */
export function RoleMark({ role, large = false }: { role: Role; large?: boolean }) {
  return (
    <svg class={`role ${role}${large ? " r24" : ""}`} role="img" aria-label={role}>
      <use href={`#r-${role}`} />
    </svg>
  );
}

/** The health of a node or observer: mark and word, and what else is to be said of it. */
export function Status({ health, note = "" }: { health: Health; note?: string }) {
  return (
    <span class={`st ${health.mark}`}>
      <i />
      {health.word}
      {note}
    </span>
  );
}

/** A name off the air: text only, its emoji grey. */
export function Name({ text }: { text: string }) {
  const runs = emojiRuns(text);
  if (runs.length === 1 && !runs[0]?.emoji) return <>{text}</>;
  return (
    <>
      {runs.map((run, at) =>
        run.emoji ? (
          <span class="emo" key={at}>
            {run.text}
          </span>
        ) : (
          run.text
        ),
      )}
    </>
  );
}

/** An SNR with its ruler. */
export function Signal({ snr }: { snr: number | null }) {
  if (snr === null) return <span class="muted">–</span>;
  return (
    <span class="sig">
      <span class="v">{signed(snr)}</span>
      <span class="bar" style={{ "--v": `${snrPercent(snr)}%`, "--sc": `var(--seq-${snrStep(snr)})` }} />
    </span>
  );
}

/** Hex in groups of eight with thin gaps. */
export function Hash({ hex }: { hex: string }) {
  return (
    <span class="hash">
      {hexGroups(hex).map((group, at) => (
        <span key={at}>{group}</span>
      ))}
    </span>
  );
}

/** A number with its unit, the unit muted. */
export function Quantity({ value, unit }: { value: string | number; unit: string }) {
  return (
    <>
      {typeof value === "number" ? count(value) : value} <span class="muted">{unit}</span>
    </>
  );
}
