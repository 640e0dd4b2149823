const THIN = "\u2009";
const MINUS = "\u2212";

/** Thin spaces between thousands: `48 210`. */
export function count(n: number): string {
  return Math.trunc(n)
    .toString()
    .replace(/\B(?=(\d{3})+(?!\d))/g, THIN)
    .replace("-", MINUS);
}

/** A signed number with a true minus and a fixed number of decimals. */
export function signed(n: number, decimals = 1, plus = false): string {
  const text = Math.abs(n).toFixed(decimals);
  if (n < 0 && Number(text) !== 0) return MINUS + text;
  return (plus && n > 0 ? "+" : "") + text;
}

/** "1 packet", "2 packets". */
export function plural(n: number, one: string, many = `${one}s`): string {
  return `${count(n)} ${n === 1 ? one : many}`;
}

/** Milliseconds since 1970 of a text the server sent; null when it is no time. */
export function parseTime(text: string | null | undefined): number | null {
  if (!text) return null;
  const ms = Date.parse(text);
  return Number.isFinite(ms) ? ms : null;
}

const two = (n: number): string => String(n).padStart(2, "0");

/** Local clock time, `17:30:22`. */
export function clock(ms: number): string {
  const d = new Date(ms);
  return `${two(d.getHours())}:${two(d.getMinutes())}:${two(d.getSeconds())}`;
}

const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/** Local day and time, `29 Mar 17:30:22`; with the year when it is another one than now's. */
export function dayClock(ms: number, nowMs: number): string {
  const d = new Date(ms);
  const year = d.getFullYear() === new Date(nowMs).getFullYear() ? "" : ` ${d.getFullYear()}`;
  return `${d.getDate()} ${MONTHS[d.getMonth()] ?? ""}${year} ${clock(ms)}`;
}

/** The unambiguous form for tooltips: UTC with seconds. */
export function utc(ms: number): string {
  return `${new Date(ms).toISOString().slice(0, 19).replace("T", " ")} UTC`;
}

const STEPS: readonly [number, string][] = [
  [86_400, "d"],
  [3_600, "h"],
  [60, "min"],
  [1, "s"],
];

/** A span in its largest unit: `14 s`, `3 h`, `12 d`. */
export function span(seconds: number): string {
  const abs = Math.abs(seconds);
  for (const [size, unit] of STEPS) {
    if (abs >= size) return `${Math.floor(abs / size)} ${unit}`;
  }
  return "0 s";
}

/** How long ago, in words: `14 s ago`; a time ahead of the clock says so. */
export function ago(ms: number, nowMs: number): string {
  const seconds = (nowMs - ms) / 1000;
  if (seconds < -60) return `in ${span(seconds)}, clock ahead`;
  if (seconds < 1) return "now";
  return `${span(seconds)} ago`;
}

/** Hex in groups of eight, for thin gaps between them. */
export function hexGroups(hex: string): string[] {
  return hex.match(/.{1,8}/g) ?? [];
}

/** Splits text into runs of emoji and of everything else, so that emoji can be drawn grey. */
export function emojiRuns(text: string): { readonly text: string; readonly emoji: boolean }[] {
  const runs: { text: string; emoji: boolean }[] = [];
  const pattern =
    /(?:\p{Extended_Pictographic}|\p{Regional_Indicator})(?:\p{Extended_Pictographic}|\p{Regional_Indicator}|\u{FE0F}|\u{200D}|[\u{1F3FB}-\u{1F3FF}])*/gu;
  let at = 0;
  for (const match of text.matchAll(pattern)) {
    if (match.index > at) runs.push({ text: text.slice(at, match.index), emoji: false });
    runs.push({ text: match[0], emoji: true });
    at = match.index + match[0].length;
  }
  if (at < text.length) runs.push({ text: text.slice(at), emoji: false });
  return runs;
}
