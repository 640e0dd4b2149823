import { effect, signal } from "@preact/signals";
import { recall, remember } from "../lib/memory";

/** A chosen theme; `system` follows the system. */
export type Theme = "dark" | "light" | "system";

const KEY = "meshcore-theme";
const system = matchMedia("(prefers-color-scheme: light)");
const stored = recall(KEY);

/** What the visitor chose. */
export const theme = signal<Theme>(stored === "dark" || stored === "light" ? stored : "system");

/** What is drawn. */
export const shownTheme = signal<"dark" | "light">("dark");

/** Keeps the document's theme in step with the choice and the system. */
export function followTheme(): () => void {
  const apply = (): void => {
    shownTheme.value = theme.value === "system" ? (system.matches ? "light" : "dark") : theme.value;
    document.documentElement.dataset["theme"] = shownTheme.value;
  };
  system.addEventListener("change", apply);
  const stop = effect(apply);
  return () => {
    stop();
    system.removeEventListener("change", apply);
  };
}

/** Switches between dark and light, and remembers it. */
export function toggleTheme(): void {
  theme.value = shownTheme.value === "dark" ? "light" : "dark";
  remember(KEY, theme.value);
}
