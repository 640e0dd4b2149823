import type { Signal } from "@preact/signals";
import { count } from "../../lib/format";
import type { Role } from "../../lib/packet";
import { Icon } from "../../ui/icon";
import { Name, RoleMark } from "../../ui/marks";
import { roleCounts, type Spot } from "./model";

/** What the visitor set; remembered by the browser. */
export interface Settings {
  readonly roles: readonly Role[];
  readonly hours: number | null;
  readonly hashSize: number | null;
  readonly clusters: boolean;
  readonly names: boolean;
  readonly prefixes: boolean;
}

/** Where the browser remembers them. */
export const SETTINGS_KEY = "corescope-map-settings";

const ROLES: readonly (readonly [Role, string])[] = [
  ["repeater", "Repeaters"],
  ["companion", "Companions"],
  ["room", "Rooms"],
  ["sensor", "Sensors"],
  ["observer", "Observers"],
];
const HOURS: readonly (readonly [number | null, string])[] = [
  [1, "1 h"],
  [6, "6 h"],
  [24, "24 h"],
  [168, "7 d"],
  [null, "All"],
];
const SIZES: readonly (readonly [number | null, string])[] = [
  [null, "All"],
  [1, "1 byte"],
  [2, "2"],
  [3, "3"],
];
const SWITCHES = [
  ["clusters", "Clusters"],
  ["names", "Names"],
  ["prefixes", "Path prefixes"],
] as const;

/** How many nodes the list names; the map itself shows all. */
const LISTED = 100;

const FIRST: Settings = {
  roles: ROLES.map(([role]) => role),
  hours: null,
  hashSize: null,
  clusters: true,
  names: true,
  prefixes: false,
};

/** Reads remembered settings; whatever is not understood is as at first. */
export function readSettings(text: string | null): Settings {
  try {
    const value = JSON.parse(text ?? "{}") as Partial<Settings>;
    const bool = (given: unknown, otherwise: boolean): boolean =>
      typeof given === "boolean" ? given : otherwise;
    return {
      roles: Array.isArray(value.roles)
        ? ROLES.map(([role]) => role).filter((role) => value.roles?.includes(role))
        : FIRST.roles,
      hours: HOURS.some(([hours]) => hours === value.hours) ? (value.hours ?? null) : null,
      hashSize: SIZES.some(([size]) => size === value.hashSize) ? (value.hashSize ?? null) : null,
      clusters: bool(value.clusters, FIRST.clusters),
      names: bool(value.names, FIRST.names),
      prefixes: bool(value.prefixes, FIRST.prefixes),
    };
  } catch {
    return FIRST;
  }
}

interface Props {
  readonly settings: Signal<Settings>;
  readonly spots: readonly Spot[];
  readonly seen: readonly Spot[];
  readonly nowMs: number;
  /** Nodes that never told a place. */
  readonly without: number;
  readonly onSelect: (key: string) => void;
  readonly onClose: () => void;
}

/** What the map shows: roles with their counts (they are the legend), age, hash size, layers, and the same nodes as a list. */
export function Dock({ settings, spots, seen, nowMs, without, onSelect, onClose }: Props) {
  const now = settings.value;
  const counts = roleCounts(spots, nowMs);
  const set = (changes: Partial<Settings>): void => {
    settings.value = { ...now, ...changes };
  };
  const toggle = (role: Role): void =>
    set({ roles: now.roles.includes(role) ? now.roles.filter((r) => r !== role) : [...now.roles, role] });
  return (
    <aside class="mdock" aria-label="What the map shows">
      <section>
        <div class="mhead">
          <h3>Roles</h3>
          <button
            type="button"
            class="btn quiet small icon narrow"
            aria-label="Close the filters"
            onClick={onClose}
          >
            <Icon name="close" />
          </button>
        </div>
        {ROLES.map(([role, label]) => {
          const { fresh, stale } = counts.get(role) ?? { fresh: 0, stale: 0 };
          return (
            <button
              key={role}
              type="button"
              class="rl"
              role="checkbox"
              aria-checked={now.roles.includes(role)}
              onClick={() => toggle(role)}
            >
              <RoleMark role={role} />
              <span>{label}</span>
              <span class="n">
                {fresh + stale === 0 ? <span class="muted">none</span> : count(fresh)}
                {stale > 0 ? <span class="muted"> + {count(stale)} stale</span> : null}
              </span>
            </button>
          );
        })}
      </section>
      <section>
        <h3>Last heard</h3>
        <Choice label="Last heard" options={HOURS} value={now.hours} onPick={(hours) => set({ hours })} />
        <h3>Hash size</h3>
        <Choice
          label="Hash size of repeaters"
          options={SIZES}
          value={now.hashSize}
          onPick={(hashSize) => set({ hashSize })}
        />
      </section>
      <section class="sws">
        {SWITCHES.map(([key, label]) => (
          <button
            key={key}
            type="button"
            class="sw"
            role="switch"
            aria-checked={now[key]}
            onClick={() => set({ [key]: !now[key] })}
          >
            <span>{label}</span>
            <i class={`switch${now[key] ? " on" : ""}`} />
          </button>
        ))}
      </section>
      <section class="mlist">
        <h3>
          On the map <span class="t2">{count(seen.length)}</span>
        </h3>
        <ul>
          {seen.slice(0, LISTED).map((spot) => (
            <li key={spot.key}>
              <button type="button" class="rl" onClick={() => onSelect(spot.key)}>
                <RoleMark role={spot.role} />
                <span class="clip">
                  <Name text={spot.name} />
                </span>
              </button>
            </li>
          ))}
        </ul>
        {seen.length > LISTED ? (
          <p class="muted ht">and {count(seen.length - LISTED)} more, all on the map and under Nodes</p>
        ) : null}
      </section>
      {without > 0 ? (
        <section class="tray">
          <a class="rl" href="#/nodes?place=none">
            <Icon name="region" />
            <span>Without a place</span>
            <span class="n">{count(without)}</span>
          </a>
        </section>
      ) : null}
    </aside>
  );
}

function Choice<T>({
  label,
  options,
  value,
  onPick,
}: {
  label: string;
  options: readonly (readonly [T, string])[];
  value: T;
  onPick: (value: T) => void;
}) {
  return (
    <span class="seg small" role="group" aria-label={label}>
      {options.map(([option, text]) => (
        <button key={text} type="button" aria-pressed={option === value} onClick={() => onPick(option)}>
          {text}
        </button>
      ))}
    </span>
  );
}
