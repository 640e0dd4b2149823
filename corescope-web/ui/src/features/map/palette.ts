import type { Role } from "../../lib/packet";

/** The colours of the theme that the map draws with, read from the tokens. */
export interface MapColours {
  readonly water: string;
  readonly land: string;
  readonly shore: string;
  readonly line: string;
  readonly label: string;
  readonly halo: string;
  readonly text: string;
  readonly muted: string;
  readonly faint: string;
  readonly accent: string;
  readonly surface: string;
  readonly edge: string;
  readonly divider: string;
  readonly roles: Readonly<Record<Role, string>>;
}

/** Reads the tokens of the theme that is shown. */
export function readColours(): MapColours {
  const style = getComputedStyle(document.documentElement);
  const token = (name: string): string => style.getPropertyValue(`--${name}`).trim();
  return {
    water: token("map-water"),
    land: token("map-land"),
    shore: token("map-shore"),
    line: token("map-line"),
    label: token("map-label"),
    halo: token("map-halo"),
    text: token("text"),
    muted: token("text-2"),
    faint: token("text-faint"),
    accent: token("accent"),
    surface: token("surface-2"),
    edge: token("border-control"),
    divider: token("border-strong"),
    roles: {
      repeater: token("role-repeater"),
      companion: token("role-companion"),
      room: token("role-room"),
      sensor: token("role-sensor"),
      observer: token("role-observer"),
    },
  };
}

/** Mixes two `#rrggbb` colours; `share` of the second. Anything else is left as the first. */
export function mix(first: string, second: string, share: number): string {
  const [a, b] = [first, second].map((colour) => /^#([0-9a-f]{2})([0-9a-f]{2})([0-9a-f]{2})$/i.exec(colour));
  if (!a || !b) return first;
  const part = (at: number): string => {
    const [x, y] = [Number.parseInt(a[at] ?? "0", 16), Number.parseInt(b[at] ?? "0", 16)];
    return Math.round(x + (y - x) * share)
      .toString(16)
      .padStart(2, "0");
  };
  return `#${part(1)}${part(2)}${part(3)}`;
}
