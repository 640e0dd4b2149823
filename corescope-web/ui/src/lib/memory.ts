/** Reads what this browser remembers; null without, or where storage is forbidden. */
export function recall(key: string): string | null {
  try {
    return localStorage.getItem(key);
  } catch {
    return null;
  }
}

/** Remembers a text; a browser that forbids storage forgets it with the tab. */
export function remember(key: string, value: string): void {
  try {
    localStorage.setItem(key, value);
  } catch {
    // Private windows and embedded frames may refuse: the page works without.
  }
}
