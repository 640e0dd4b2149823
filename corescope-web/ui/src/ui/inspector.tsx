import type { ComponentChildren } from "preact";
import { useEffect, useRef } from "preact/hooks";
import { Icon } from "./icon";

/** Below this width the inspector lies over the page and is modal. */
const MODAL = matchMedia("(max-width: 1023px)");

const FOCUSABLE = 'button:not(:disabled), [href], input, [tabindex]:not([tabindex="-1"])';

interface Props {
  /** What it shows, for screen readers, e.g. "Packet". */
  readonly label: string;
  readonly head: ComponentChildren;
  readonly onClose: () => void;
  readonly children: ComponentChildren;
}

/**
 * The pane at the right: docked on a desktop, a slide-over or a sheet on less, where it keeps the focus, dims the page and closes
 * on the backdrop. Escape closes it from anywhere; the focus goes back to where it was.
 */
export function Inspector({ label, head, onClose, children }: Props) {
  const pane = useRef<HTMLDivElement>(null);
  const opener = useRef<Element | null>(null);
  useEffect(() => {
    opener.current = document.activeElement;
    if (MODAL.matches) pane.current?.focus();
    return () => {
      if (opener.current instanceof HTMLElement && opener.current.isConnected)
        opener.current.focus({ preventScroll: true });
    };
  }, []);
  useEffect(() => {
    const key = (event: KeyboardEvent): void => {
      if (event.key === "Escape" && !event.defaultPrevented) onClose();
      else if (event.key === "Tab" && MODAL.matches && pane.current) keepInside(pane.current, event);
    };
    document.addEventListener("keydown", key);
    return () => document.removeEventListener("keydown", key);
  }, [onClose]);
  const modal = MODAL.matches;
  return (
    <>
      <div class="backdrop" onClick={onClose} />
      <div
        class="inspector"
        ref={pane}
        aria-label={label}
        tabIndex={-1}
        role={modal ? "dialog" : "complementary"}
        aria-modal={modal ? true : undefined}
      >
        <header class="ih">
          {head}
          <button
            type="button"
            class="btn quiet small icon"
            aria-label="Close"
            title="Close (Esc)"
            onClick={onClose}
          >
            <Icon name="close" />
          </button>
        </header>
        {children}
      </div>
    </>
  );
}

/** The button in the head that copies the address of what is shown. */
export function CopyLink() {
  return (
    <button
      type="button"
      class="btn quiet small icon"
      aria-label="Copy link"
      title="Copy link"
      onClick={() => void navigator.clipboard?.writeText(location.href)}
    >
      <Icon name="link" />
    </button>
  );
}

function keepInside(pane: HTMLElement, event: KeyboardEvent): void {
  const all = [...pane.querySelectorAll<HTMLElement>(FOCUSABLE)].filter(
    (element) => element.offsetParent !== null,
  );
  const first = all[0];
  const last = all.at(-1);
  const active = document.activeElement;
  if (!first || !last) return;
  if (!pane.contains(active) || (event.shiftKey && (active === first || active === pane))) {
    event.preventDefault();
    (event.shiftKey ? last : first).focus();
  } else if (!event.shiftKey && active === last) {
    event.preventDefault();
    first.focus();
  }
}
