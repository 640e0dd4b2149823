import type { ComponentChildren } from "preact";
import { ApiError } from "../api/client";
import { Icon } from "./icon";

/** A place without content says what happened, what limits the view, and one next step. */
export function Blank({
  icon,
  title,
  children,
  actions,
}: {
  icon: string;
  title: string;
  children?: ComponentChildren;
  actions?: ComponentChildren;
}) {
  return (
    <div class="state">
      <Icon name={icon} large />
      <h3>{title}</h3>
      {children ? <p>{children}</p> : null}
      {actions ? <div class="acts">{actions}</div> : null}
    </div>
  );
}

/** A failed request: its words, its hint, and a way to try again. */
export function Failed({ what, error, retry }: { what: string; error: unknown; retry: () => void }) {
  const hint = error instanceof ApiError ? error.hint : "";
  return (
    <div class="state" role="alert">
      <Icon name="alert" large />
      <h3>{what}</h3>
      <p>
        {error instanceof Error ? error.message : "Something unexpected happened."} {hint}
      </p>
      <div class="acts">
        <button type="button" class="btn" onClick={retry}>
          Try again
        </button>
      </div>
    </div>
  );
}

/** Grey bars where rows will be. */
export function Skeleton({ lines, label }: { lines: number; label: string }) {
  return (
    <div class="skels" role="status" aria-label={label}>
      {Array.from({ length: lines }, (_, at) => (
        <div class="skel" key={at} style={{ width: `${88 - ((at * 17) % 46)}%` }} />
      ))}
    </div>
  );
}
