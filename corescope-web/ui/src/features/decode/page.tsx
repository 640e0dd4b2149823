import { useSignal } from "@preact/signals";
import { Header } from "../../app/header";
import { route, setQuery } from "../../app/router";
import { Icon } from "../../ui/icon";
import { Blank } from "../../ui/states";
import { Frame } from "../../ui/frame";

/** Decodes a frame that the visitor pastes. */
export function DecodePage() {
  const given = route.value.query.get("hex") ?? "";
  const text = useSignal(given);
  const decode = (): void => setQuery({ hex: text.value.replaceAll(/\s|0x|,/g, "").toLowerCase() });
  return (
    <>
      <Header title="Decode" note="a packet you paste" />
      <main class="main decode" id="main" tabIndex={-1}>
        <form
          class="dform"
          onSubmit={(event) => {
            event.preventDefault();
            decode();
          }}
        >
          <label for="frame">Frame in hex</label>
          <textarea
            id="frame"
            class="field mono"
            rows={4}
            spellcheck={false}
            placeholder="15 08 61 59 ee 20 28 10 …   blanks, line breaks, commas and 0x are fine"
            value={text.value}
            onInput={(event) => {
              text.value = event.currentTarget.value;
            }}
            onKeyDown={(event) => {
              if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) decode();
            }}
          />
          <div class="acts">
            <button type="submit" class="btn primary" disabled={text.value.trim() === ""}>
              <Icon name="decode" />
              Decode
            </button>
            <span class="muted">Ctrl + Enter</span>
          </div>
        </form>
        <section class="dresult" aria-label="Dissection">
          {given ? (
            <Frame hex={given} />
          ) : (
            <Blank icon="decode" title="Nothing to take apart yet">
              Paste the bytes of one packet, as an observer or a companion logs them. Every field is shown
              with the bytes it comes from.
            </Blank>
          )}
        </section>
      </main>
    </>
  );
}
