import { useEffect, useRef, useState } from "preact/hooks";
import type { ComponentChildren } from "preact";

/** One entry of a menu. */
export interface MenuItem {
  readonly key: string;
  readonly label: string;
  readonly note?: string;
  readonly chosen?: boolean;
}

interface Props {
  /** Class of the button. */
  readonly class: string;
  readonly label: string;
  readonly button: ComponentChildren;
  readonly items: readonly MenuItem[];
  readonly onPick: (key: string) => void;
  /** Several entries can be chosen: the menu stays open. */
  readonly multiple?: boolean;
}

/** A button with a list of choices below it: arrows move, Enter chooses, Escape and a click elsewhere close. */
export function Menu({ class: name, label, button, items, onPick, multiple = false }: Props) {
  const [open, setOpen] = useState(false);
  const [at, setAt] = useState(0);
  const [place, setPlace] = useState({ left: 0, top: 0 });
  const opener = useRef<HTMLButtonElement>(null);
  const list = useRef<HTMLUListElement>(null);
  useEffect(() => {
    if (!open) return;
    list.current?.focus();
    const outside = (event: Event): void => {
      if (
        event.target instanceof Node &&
        (list.current?.contains(event.target) || opener.current?.contains(event.target))
      )
        return;
      setOpen(false);
    };
    document.addEventListener("pointerdown", outside);
    return () => document.removeEventListener("pointerdown", outside);
  }, [open]);
  const show = (): void => {
    const box = opener.current?.getBoundingClientRect();
    if (box) setPlace({ left: Math.min(box.left, innerWidth - 248), top: box.bottom + 4 });
    setAt(
      Math.max(
        0,
        items.findIndex((item) => item.chosen),
      ),
    );
    setOpen(!open);
  };
  const close = (): void => {
    setOpen(false);
    opener.current?.focus();
  };
  const pick = (key: string): void => {
    if (!multiple) close();
    onPick(key);
  };
  const key = (event: KeyboardEvent): void => {
    const moves: Record<string, number> = {
      ArrowDown: at + 1,
      ArrowUp: at - 1,
      Home: 0,
      End: items.length - 1,
    };
    const next = moves[event.key];
    if (next !== undefined) setAt((next + items.length) % items.length);
    else if (event.key === "Enter" || event.key === " ") pick(items[at]?.key ?? "");
    else if (event.key === "Escape") {
      event.stopPropagation();
      close();
    } else if (event.key === "Tab") setOpen(false);
    else return;
    if (event.key !== "Tab") event.preventDefault();
  };
  return (
    <>
      <button
        type="button"
        ref={opener}
        class={name}
        aria-haspopup="listbox"
        aria-expanded={open}
        onClick={show}
      >
        <span class="vh">{label}: </span>
        {button}
      </button>
      {open ? (
        <ul
          ref={list}
          class="menu floating"
          role="listbox"
          aria-label={label}
          aria-multiselectable={multiple}
          aria-activedescendant={`menu-${at}`}
          tabIndex={-1}
          style={{ left: `${place.left}px`, top: `${place.top}px` }}
          onKeyDown={key}
        >
          {items.map((item, index) => (
            <li
              key={item.key}
              id={`menu-${index}`}
              role="option"
              class={index === at ? "is-at" : undefined}
              aria-selected={item.chosen ?? false}
              onPointerMove={() => setAt(index)}
              onClick={() => pick(item.key)}
            >
              <svg class="i" aria-hidden="true">
                {item.chosen ? <use href="#i-check" /> : null}
              </svg>
              {item.label}
              {item.note ? <span class="d">{item.note}</span> : null}
            </li>
          ))}
        </ul>
      ) : null}
    </>
  );
}
