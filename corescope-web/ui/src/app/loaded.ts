import { useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";

/** How something that is read stands. */
export type Loaded<T> =
  | { readonly kind: "loading" }
  | { readonly kind: "failed"; readonly error: unknown }
  | { readonly kind: "ready"; readonly value: T };

/**
 * Reads what belongs to a key, anew when the key changes or `again` is called; an answer that comes too late is dropped. A reader
 * that answers undefined has sent the visitor elsewhere.
 */
export function useLoaded<T>(
  key: string,
  read: (key: string) => Promise<T | undefined>,
): { readonly state: Loaded<T>; readonly again: () => void } {
  const loaded = useSignal<Loaded<T>>({ kind: "loading" });
  const turn = useSignal(0);
  useEffect(() => {
    let current = true;
    loaded.value = { kind: "loading" };
    read(key)
      .then((value) => {
        if (current && value !== undefined) loaded.value = { kind: "ready", value };
      })
      .catch((error: unknown) => {
        if (current) loaded.value = { kind: "failed", error };
      });
    return () => {
      current = false;
    };
  }, [key, turn.value]);
  return {
    state: loaded.value,
    again: () => {
      turn.value++;
    },
  };
}
