import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import { Icon } from "../ui/icon";
import { Name, RoleMark } from "../ui/marks";
import { useApp } from "./context";
import { type Finding, search } from "./palette-search";
import { openPalette, paletteOpen } from "./palette-state";
import { go } from "./router";
import { toggleTheme } from "./theme";

/** Opens with Ctrl or Cmd and K from anywhere. */
export function PaletteHost() {
  useEffect(() => {
    const key = (event: KeyboardEvent): void => {
      if (event.key.toLowerCase() !== "k" || !(event.ctrlKey || event.metaKey)) return;
      event.preventDefault();
      openPalette();
    };
    document.addEventListener("keydown", key);
    return () => document.removeEventListener("keydown", key);
  }, []);
  return paletteOpen.value ? <Palette /> : null;
}

function Palette() {
  const app = useApp();
  const [text, setText] = useState("");
  const [at, setAt] = useState(0);
  const input = useRef<HTMLInputElement>(null);
  const opener = useRef<Element | null>(null);
  const nodes = app.directory.nodes.value;
  const observers = app.observers.value ?? [];
  const found = useMemo(() => search(text, nodes, observers), [text, nodes, observers]);
  useEffect(() => {
    opener.current = document.activeElement;
    input.current?.focus();
    void app.directory.ensure(Date.now());
    return () => {
      if (opener.current instanceof HTMLElement && opener.current.isConnected)
        opener.current.focus({ preventScroll: true });
    };
  }, [app]);
  const close = (): void => {
    paletteOpen.value = false;
  };
  const take = (finding: Finding | undefined): void => {
    if (!finding) return;
    close();
    if ("to" in finding.target) go(finding.target.to);
    else toggleTheme();
  };
  const key = (event: KeyboardEvent): void => {
    if (event.key === "ArrowDown") setAt((at + 1) % Math.max(1, found.length));
    else if (event.key === "ArrowUp") setAt((at - 1 + found.length) % Math.max(1, found.length));
    else if (event.key === "Enter") take(found[at]);
    else if (event.key === "Escape") close();
    else if (event.key !== "Tab") return;
    event.preventDefault();
    event.stopPropagation();
  };
  return (
    <div class="curtain" onClick={close}>
      <div
        class="palette"
        role="dialog"
        aria-modal="true"
        aria-label="Search and commands"
        onClick={(event) => event.stopPropagation()}
        onKeyDown={key}
      >
        <div class="q">
          <Icon name="search" large />
          <input
            ref={input}
            class="bare"
            role="combobox"
            aria-expanded="true"
            aria-controls="findings"
            aria-activedescendant={found[at] ? `finding-${at}` : undefined}
            aria-label="Node, hash, key or command"
            placeholder="Node, hash, key, bytes or command"
            spellcheck={false}
            autocomplete="off"
            value={text}
            onInput={(event) => {
              setText(event.currentTarget.value);
              setAt(0);
            }}
          />
          <span class="kbd">Esc</span>
        </div>
        <ul id="findings" role="listbox" aria-label="Findings">
          {found.map((finding, index) => (
            <li
              key={finding.id}
              id={`finding-${index}`}
              role="option"
              aria-selected={index === at}
              class={finding.group === found[index - 1]?.group ? "" : "first"}
              data-group={finding.group}
              onPointerMove={() => setAt(index)}
              onClick={() => take(finding)}
            >
              {finding.role ? <RoleMark role={finding.role} /> : <Icon name={finding.icon} />}
              <span class="clip">
                <Name text={finding.label} />
              </span>
              <span class="d">{finding.note}</span>
            </li>
          ))}
        </ul>
        {found.length === 0 ? (
          <p class="none">Nothing is called “{text.slice(0, 40)}”: no node, observer, page or packet hash.</p>
        ) : null}
        <div class="foot">
          <span>↑↓ choose</span>
          <span>Enter open</span>
        </div>
      </div>
    </div>
  );
}
