import { useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { Icon } from "./icon";
import { Failed, Skeleton } from "./states";
import { type Dissection, dissect } from "../api/dissection";
import { Dissector } from "./dissector";

type State =
  | { readonly kind: "loading" }
  | { readonly kind: "failed"; readonly error: unknown }
  | { readonly kind: "ready"; readonly dissection: Dissection };

/** A frame, dissected by the server. */
export function Frame({
  hex,
  channel = "",
  nameHop,
}: {
  hex: string;
  channel?: string;
  nameHop?: (prefix: string) => string;
}) {
  const state = useSignal<State>({ kind: "loading" });
  const again = useSignal(0);
  useEffect(() => {
    let current = true;
    state.value = { kind: "loading" };
    dissect(hex, channel)
      .then((dissection) => {
        if (current) state.value = { kind: "ready", dissection };
      })
      .catch((error: unknown) => {
        if (current) state.value = { kind: "failed", error };
      });
    return () => {
      current = false;
    };
  }, [hex, channel, again.value]);
  const now = state.value;
  if (now.kind === "loading") return <Skeleton lines={10} label="The frame is being dissected" />;
  if (now.kind === "failed")
    return <Failed what="The frame could not be dissected" error={now.error} retry={() => again.value++} />;
  const { summary, error } = now.dissection;
  return (
    <>
      {error ? (
        <p class="note warn framenote">
          <Icon name="alert" />
          <span>
            {summary ? `${summary}. ` : ""}
            {error}
          </span>
        </p>
      ) : null}
      <Dissector dissection={now.dissection} nameHop={nameHop} />
    </>
  );
}
