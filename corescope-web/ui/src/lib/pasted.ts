/** What became of a pasted text: frames in lower-case hex, or why there are none. */
export type Pasted = { readonly frames: readonly string[] } | { readonly problem: string };

/** Frames of one paste at most. */
const MOST = 64;

/**
 * Reads pasted frames: hex with blanks, commas or `0x`, or base64. Lines are frames of their own if each is a whole frame by
 * itself; else they are one frame that was broken into lines.
 */
export function readPasted(text: string): Pasted {
  const lines = text
    .split(/\r?\n/)
    .map((line) => line.trim())
    .filter((line) => line !== "");
  if (lines.length === 0) return { problem: "There is nothing to decode yet." };
  const whole = hexOf(text);
  if (whole !== null && !separate(lines)) return { frames: [whole] };
  const frames: string[] = [];
  for (const [at, line] of lines.entries()) {
    const digits = /^[0-9a-f\s]+$/i.test(line);
    // Hex digits alone are never meant as base64, even where they would be valid.
    const hex = hexOf(line) ?? (digits ? null : base64Hex(line));
    if (hex === null) {
      const where = lines.length > 1 ? `Line ${at + 1}` : "This";
      return {
        problem: digits
          ? `${where} has an odd number of hex digits: one is missing or too many.`
          : `${where} is neither hex nor base64.`,
      };
    }
    frames.push(hex);
  }
  return frames.length > MOST
    ? { problem: `${frames.length} frames are too many at once, ${MOST} are the most.` }
    : { frames };
}

/** Frames start with a header and a path length; a dump broken into lines has lines of equal length but the last. */
function separate(lines: readonly string[]): boolean {
  if (lines.length === 1) return false;
  const lengths = lines.map((line) => hexOf(line)?.length ?? -1);
  if (lengths.some((length) => length < 4)) return false;
  const equal = lengths.slice(0, -1).every((length) => length === lengths[0]);
  return !(equal && (lengths[0] ?? 0) % 16 === 0 && (lengths.at(-1) ?? 0) <= (lengths[0] ?? 0));
}

function hexOf(text: string): string | null {
  const digits = text.replaceAll(/0x|[\s,;:]/gi, "").toLowerCase();
  return digits.length > 0 && digits.length % 2 === 0 && /^[0-9a-f]+$/.test(digits) ? digits : null;
}

function base64Hex(text: string): string | null {
  try {
    const bytes = atob(text.replaceAll("-", "+").replaceAll("_", "/"));
    return [...bytes].map((c) => c.charCodeAt(0).toString(16).padStart(2, "0")).join("") || null;
  } catch {
    return null;
  }
}
