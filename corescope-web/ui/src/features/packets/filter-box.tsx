import { useEffect, useRef, useState } from "preact/hooks";
import { splitAtError, tokens } from "../../lib/expression";
import { Icon } from "../../ui/icon";
import type { FilterProblem } from "./session";

/** Milliseconds after the last keystroke until the expression is applied. */
const SETTLE_MS = 300;

interface Props {
  readonly value: string;
  readonly problem: FilterProblem | null;
  /** What the box says at its end, e.g. "417 of 1 284". */
  readonly note: string;
  readonly onChange: (text: string) => void;
}

const CLASS = { field: "f", operator: "o", value: "v", space: "" } as const;

/** The filter expression: coloured as one types, the erring token underlined, the reason below it. */
export function FilterBox({ value, problem, note, onChange }: Props) {
  const [text, setText] = useState(value);
  const sent = useRef(value);
  const mirror = useRef<HTMLSpanElement>(null);
  const input = useRef<HTMLInputElement>(null);
  useEffect(() => {
    if (value === sent.current) return;
    sent.current = value;
    setText(value);
  }, [value]);
  useEffect(() => {
    if (text === sent.current) return;
    const timer = window.setTimeout(() => apply(text), SETTLE_MS);
    return () => window.clearTimeout(timer);
  }, [text]);
  useEffect(() => {
    const focus = (event: KeyboardEvent): void => {
      const target = event.target as Element | null;
      if (event.key !== "/" || target?.closest("input, textarea, [contenteditable]")) return;
      event.preventDefault();
      input.current?.focus();
    };
    document.addEventListener("keydown", focus);
    return () => document.removeEventListener("keydown", focus);
  }, []);
  const apply = (next: string): void => {
    sent.current = next.trim();
    onChange(next.trim());
  };
  const follow = (): void => {
    if (mirror.current && input.current) mirror.current.scrollLeft = input.current.scrollLeft;
  };
  const bad = problem !== null && text.trim() !== "";
  return (
    <div class="filterbox grow">
      <div class={`field${bad ? " bad" : ""}`}>
        <Icon name="filter" />
        <span class="exprbox grow">
          <span class="expr" aria-hidden="true" ref={mirror}>
            {bad && problem ? <Marked text={text} column={problem.column} /> : <Coloured text={text} />}
          </span>
          <input
            ref={input}
            class="expr"
            type="text"
            aria-label="Filter expression"
            aria-invalid={bad}
            aria-describedby={bad ? "filter-problem" : undefined}
            placeholder="type == ADVERT && snr > -7   (press /)"
            spellcheck={false}
            autocomplete="off"
            autocapitalize="off"
            value={text}
            onInput={(event) => {
              setText(event.currentTarget.value);
              follow();
            }}
            onScroll={follow}
            onKeyDown={(event) => {
              if (event.key === "Enter") apply(text);
              if (event.key === "Escape" && text !== "") {
                event.stopPropagation();
                setText("");
              }
            }}
          />
        </span>
        {note ? <span class="muted nowrap count">{note}</span> : null}
        {text ? (
          <button
            type="button"
            class="btn quiet small icon"
            aria-label="Clear the filter"
            onClick={() => setText("")}
          >
            <Icon name="close" />
          </button>
        ) : null}
      </div>
      {bad && problem ? (
        <p class="hint" id="filter-problem" role="status">
          <span class="mark">column {problem.column}</span>
          <span>
            {problem.message}
            {problem.hint ? ` ${problem.hint}` : ""}
          </span>
          <span class="muted">Shown without it.</span>
        </p>
      ) : null}
    </div>
  );
}

function Coloured({ text }: { text: string }) {
  return (
    <>
      {tokens(text).map((token, at) => (
        <span key={at} class={CLASS[token.kind]}>
          {token.text}
        </span>
      ))}
    </>
  );
}

function Marked({ text, column }: { text: string; column: number }) {
  const { before, bad, after } = splitAtError(text, column);
  return (
    <>
      <Coloured text={before} />
      <span class="err">{bad || " "}</span>
      <Coloured text={after} />
    </>
  );
}
