import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import { byteHex, byteText } from "../lib/hex";
import { bitText, type Field, fieldAt, linesOf, tints } from "../lib/field-tree";
import { Icon } from "./icon";
import type { Dissection } from "../api/dissection";

const TINT_CLASS = {
  header: "bc-h",
  transport: "bc-x",
  path: "bc-p",
  payload: "bc-c",
  key: "bc-k",
  sign: "bc-s",
  plain: "bc-t",
} as const;
const LINE_BYTES = 16;

/** Tree and hex of a frame: one model, so that a chosen field lights its bytes and a chosen byte its field. */
export function Dissector({
  dissection,
  nameHop,
}: {
  readonly dissection: Dissection;
  /** Names a hop by its prefix in hex; empty when it is not known. */
  readonly nameHop?: ((prefix: string) => string) | undefined;
}) {
  const [chosen, setChosen] = useState("");
  const [hover, setHover] = useState("");
  const [folded, setFolded] = useState<ReadonlySet<string>>(() => new Set(dissection.folded));
  const [spaceName, setSpaceName] = useState("frame");
  useEffect(() => {
    setChosen("");
    setFolded(new Set(dissection.folded));
    setSpaceName("frame");
  }, [dissection]);
  const lines = useMemo(() => linesOf(dissection.fields, folded), [dissection, folded]);
  const byId = useMemo(
    () => new Map(linesOf(dissection.fields, new Set()).map((line) => [line.field.id, line.field])),
    [dissection],
  );
  const space = dissection.spaces.find((s) => s.name === spaceName) ?? dissection.spaces[0];
  const lit = byId.get(hover || chosen) ?? null;
  const choose = (field: Field | null): void => {
    setChosen(field?.id ?? "");
    if (field && dissection.spaces.some((s) => s.name === field.space)) setSpaceName(field.space);
  };
  const fold = (id: string): void => {
    const next = new Set(folded);
    if (!next.delete(id)) next.add(id);
    setFolded(next);
  };
  const at = Math.max(
    0,
    lines.findIndex((line) => line.field.id === chosen),
  );
  const key = (event: KeyboardEvent): void => {
    const field = lines[at]?.field;
    const step: Record<string, number> = {
      ArrowDown: chosen ? at + 1 : 0,
      ArrowUp: at - 1,
      Home: 0,
      End: lines.length - 1,
    };
    const next = step[event.key];
    if (next !== undefined) choose(lines[Math.max(0, Math.min(lines.length - 1, next))]?.field ?? null);
    else if (event.key === "ArrowRight" && field && folded.has(field.id)) fold(field.id);
    else if (event.key === "ArrowLeft" && field && field.children.length > 0 && !folded.has(field.id))
      fold(field.id);
    else return;
    event.preventDefault();
  };
  return (
    <>
      <div
        class="tree"
        role="tree"
        aria-label="Fields of the frame"
        tabIndex={0}
        aria-activedescendant={chosen ? `field-${chosen}` : undefined}
        onKeyDown={key}
      >
        {lines.map(({ field, depth }) => (
          <FieldLineView
            key={field.id}
            field={field}
            depth={depth}
            chosen={field.id === chosen}
            folded={folded.has(field.id)}
            nameHop={nameHop}
            bytes={dissection.spaces.find((s) => s.name === field.space)?.bytes}
            onChoose={() => choose(field)}
            onHover={setHover}
            onFold={() => fold(field.id)}
          />
        ))}
      </div>
      {space ? (
        <HexDump
          dissection={dissection}
          spaceName={space.name}
          lit={lit}
          onSpace={setSpaceName}
          onByte={(offset) => choose(fieldAt(dissection.fields, space.name, offset))}
        />
      ) : null}
    </>
  );
}

interface LineProps {
  readonly field: Field;
  readonly depth: number;
  readonly chosen: boolean;
  readonly folded: boolean;
  readonly bytes: Uint8Array | undefined;
  readonly nameHop: ((prefix: string) => string) | undefined;
  readonly onChoose: () => void;
  readonly onHover: (id: string) => void;
  readonly onFold: () => void;
}

function FieldLineView({
  field,
  depth,
  chosen,
  folded,
  bytes,
  nameHop,
  onChoose,
  onHover,
  onFold,
}: LineProps) {
  const line = useRef<HTMLDivElement>(null);
  useEffect(() => {
    if (chosen) line.current?.scrollIntoView({ block: "nearest" });
  }, [chosen]);
  const parent = field.children.length > 0;
  const isHop = field.label === "Hop" && field.value === "" && bytes !== undefined;
  const value = isHop
    ? (nameHop?.([...bytes.subarray(field.start, field.end)].map(byteHex).join("")) ?? "")
    : field.value;
  return (
    <div
      ref={line}
      id={`field-${field.id}`}
      class={`tn ${TINT_CLASS[field.tint]}${parent ? " group" : ""}${chosen ? " on" : ""}${field.space === "frame" ? "" : " plain"}`}
      role="treeitem"
      aria-level={depth + 1}
      aria-selected={chosen}
      aria-expanded={parent ? !folded : undefined}
      style={{ "--d": depth }}
      onClick={onChoose}
      onPointerEnter={() => onHover(field.id)}
      onPointerLeave={() => onHover("")}
    >
      <span class="off">{field.start}</span>
      <span class="lab">
        <span class="name">
          {parent ? (
            <span
              class="twist"
              onClick={(event) => {
                event.stopPropagation();
                onFold();
              }}
            >
              <Icon name={folded ? "chevron-right" : "chevron-down"} />
            </span>
          ) : (
            <i class="tw" />
          )}
          {field.label}
        </span>
        <span class="val" title={value}>
          {value}
        </span>
        {field.issue ? <span class="issue">{field.issue}</span> : null}
      </span>
      <span class="raw">{bytes ? <Raw field={field} bytes={bytes} /> : null}</span>
    </div>
  );
}

function Raw({ field, bytes }: { field: Field; bytes: Uint8Array }) {
  const first = bytes[field.start];
  if (first === undefined) return null;
  if (field.mask !== null && field.end - field.start === 1) {
    return (
      <span class="bits">
        {bitText(first, field.mask).map(({ bit, own }, at) => (own ? <b key={at}>{bit}</b> : bit))}
      </span>
    );
  }
  const own = bytes.subarray(field.start, field.end);
  if (own.length === 1) return <>{`0x${byteHex(first)}`}</>;
  if (own.length <= 4) return <>{[...own].map(byteHex).join("")}</>;
  return <>{`${byteHex(first)} … ${byteHex(own[own.length - 1] ?? 0)}`}</>;
}

interface HexProps {
  readonly dissection: Dissection;
  readonly spaceName: string;
  readonly lit: Field | null;
  readonly onSpace: (name: string) => void;
  readonly onByte: (offset: number) => void;
}

function HexDump({ dissection, spaceName, lit, onSpace, onByte }: HexProps) {
  const bytes = dissection.spaces.find((s) => s.name === spaceName)?.bytes ?? new Uint8Array();
  const tint = useMemo(
    () => tints(dissection.fields, spaceName, bytes.length),
    [dissection, spaceName, bytes],
  );
  const on = (offset: number): boolean =>
    lit !== null && lit.space === spaceName && offset >= lit.start && offset < lit.end;
  const rows = Array.from({ length: Math.ceil(bytes.length / LINE_BYTES) }, (_, row) => row * LINE_BYTES);
  return (
    <div class="bytes">
      <div class="hexhead">
        <span class="seg small" role="group" aria-label="Bytes">
          {dissection.spaces.map((s) => (
            <button
              key={s.name}
              type="button"
              aria-pressed={s.name === spaceName}
              onClick={() => onSpace(s.name)}
            >
              {s.label} <span class="muted">&nbsp;{s.bytes.length}</span>
            </button>
          ))}
        </span>
        <span class="muted grow num">
          {lit && lit.space === spaceName ? place(lit) : `${bytes.length} bytes`}
        </span>
        <button
          type="button"
          class="btn quiet small icon"
          aria-label="Copy the bytes as hex"
          title="Copy as hex"
          onClick={() => void navigator.clipboard?.writeText([...bytes].map(byteHex).join(""))}
        >
          <Icon name="copy" />
        </button>
      </div>
      <div class="hex" role="group" aria-label="Bytes in hexadecimal">
        {rows.map((row) => (
          <div class="hr" key={row}>
            <span class="o">{String(row).padStart(2, "0")}</span>
            <span class="by">
              {[...bytes.subarray(row, row + LINE_BYTES)].map((byte, at) => {
                const colour = tint[row + at];
                return (
                  <i
                    key={at}
                    class={`${colour ? TINT_CLASS[colour] : ""}${on(row + at) ? " on" : ""}`}
                    onClick={() => onByte(row + at)}
                  >
                    {byteHex(byte)}
                  </i>
                );
              })}
            </span>
            <span class="as" aria-hidden="true">
              {[...bytes.subarray(row, row + LINE_BYTES)].map(byteText).join("")}
            </span>
          </div>
        ))}
      </div>
    </div>
  );
}

function place(field: Field): string {
  const last = field.end - 1;
  const where = last > field.start ? `bytes ${field.start} – ${last}` : `byte ${field.start}`;
  if (field.mask === null) return where;
  const high = 31 - Math.clz32(field.mask);
  const low = 31 - Math.clz32(field.mask & -field.mask);
  return high === low ? `${where}, bit ${high}` : `${where}, bits ${high} – ${low}`;
}
