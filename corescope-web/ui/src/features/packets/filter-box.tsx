import { useEffect, useRef, useState } from "preact/hooks";
import type { FilterWarning } from "../../api/types";
import { suggest } from "../../lib/complete";
import { splitAtError, tokens } from "../../lib/expression";
import { Icon } from "../../ui/icon";
import type { FilterProblem } from "./session";

/** Milliseconds after the last keystroke until the expression is applied. */
const SETTLE_MS = 300;

interface Props {
  readonly value: string;
  readonly problem: FilterProblem | null;
  /** What is odd in an expression that is in force. */
  readonly warnings: readonly FilterWarning[];
  /** What the box says at its end, e.g. "417 of 1 284". */
  readonly note: string;
  readonly onChange: (text: string) => void;
}

const CLASS = { field: "f", operator: "o", value: "v", space: "" } as const;

/** The filter expression: coloured and completed as one types, the erring token underlined, the reason below it. */
export function FilterBox({ value, problem, warnings, note, onChange }: Props) {
  const [text, setText] = useState(value);
  const [caret, setCaret] = useState(0);
  const [menu, setMenu] = useState<{ readonly open: boolean; readonly at: number }>({ open: false, at: -1 });
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
  useSlash(input);
  const apply = (next: string): void => {
    sent.current = next.trim();
    onChange(next.trim());
  };
  const follow = (): void => {
    if (mirror.current && input.current) mirror.current.scrollLeft = input.current.scrollLeft;
  };
  const found = suggest(text, caret);
  const open = menu.open && found.items.length > 0;
  const accept = (index: number): void => {
    const item = found.items[index];
    if (!item) return;
    const head = text.slice(0, found.from) + item.text;
    const next = `${head} ${text.slice(found.to).trimStart()}`;
    setText(next);
    setMenu({ open: true, at: -1 });
    setCaret(head.length + 1);
    requestAnimationFrame(() => {
      input.current?.focus();
      input.current?.setSelectionRange(head.length + 1, head.length + 1);
      follow();
    });
  };
  const key = (event: KeyboardEvent): void => {
    const { at } = menu;
    if (open && (event.key === "ArrowDown" || event.key === "ArrowUp")) {
      const step = event.key === "ArrowDown" ? 1 : -1;
      const count = found.items.length;
      setMenu({ open: true, at: at < 0 ? (step > 0 ? 0 : count - 1) : (at + step + count) % count });
    } else if (event.key === "ArrowDown") setMenu({ open: true, at: 0 });
    else if (open && event.key === "Enter" && at >= 0) accept(at);
    else if (open && event.key === "Tab" && !event.shiftKey) accept(Math.max(0, at));
    else if (event.key === "Enter") {
      setMenu({ open: false, at: -1 });
      apply(text);
    } else if (event.key === "Escape" && (open || text !== "")) {
      // The first Escape closes the list, the second empties the box; only then it is the page's.
      event.stopPropagation();
      if (!open) setText("");
      setMenu({ open: false, at: -1 });
    } else return;
    event.preventDefault();
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
            role="combobox"
            aria-label="Filter expression"
            aria-autocomplete="list"
            aria-expanded={open}
            aria-controls="filter-suggestions"
            aria-activedescendant={open && menu.at >= 0 ? `suggestion-${menu.at}` : undefined}
            aria-invalid={bad}
            aria-describedby={bad ? "filter-problem" : undefined}
            placeholder="type == ADVERT && snr > -7   (press /)"
            spellcheck={false}
            autocomplete="off"
            autocapitalize="off"
            value={text}
            onInput={(event) => {
              setText(event.currentTarget.value);
              setCaret(event.currentTarget.selectionStart ?? 0);
              setMenu({ open: true, at: -1 });
              follow();
            }}
            onSelect={(event) => setCaret(event.currentTarget.selectionStart ?? 0)}
            onBlur={() => setMenu({ open: false, at: -1 })}
            onScroll={follow}
            onKeyDown={key}
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
      <ul
        class="menu suggestions"
        id="filter-suggestions"
        role="listbox"
        aria-label="Suggestions"
        hidden={!open}
      >
        {open
          ? found.items.map((item, index) => (
              <li
                key={item.text}
                id={`suggestion-${index}`}
                role="option"
                class={index === menu.at ? "is-at" : undefined}
                aria-selected={index === menu.at}
                onPointerDown={(event) => {
                  // Keeps the focus in the box.
                  event.preventDefault();
                  accept(index);
                }}
              >
                <span class="mono">{item.text}</span>
                <span class="d">{item.note}</span>
              </li>
            ))
          : null}
      </ul>
      {bad && problem ? (
        <p class="hint" id="filter-problem" role="status">
          <span class="mark">column {problem.column}</span>
          <span>{problem.message}</span>
          <span class="muted">{problem.hint}</span>
          <span class="muted">The list is shown without it.</span>
        </p>
      ) : null}
      {bad
        ? null
        : warnings.map((warning) => (
            <p key={warning.column} class="hint" role="status">
              <span class="mark">column {warning.column}</span>
              <span>{warning.message}</span>
              {warning.suggestion ? <span class="muted">did you mean {warning.suggestion}?</span> : null}
            </p>
          ))}
    </div>
  );
}

/** A slash anywhere outside of a text puts the caret into the box. */
function useSlash(input: { readonly current: HTMLInputElement | null }): void {
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
