import { useSignal } from "@preact/signals";
import { Header } from "../../app/header";
import { route, setQuery } from "../../app/router";
import { readPasted } from "../../lib/pasted";
import { Frame } from "../../ui/frame";
import { Icon } from "../../ui/icon";
import { Blank } from "../../ui/states";
import "./decode.css";

/** Takes frames apart that the visitor pastes; the address carries them. */
export function DecodePage() {
  const given = (route.value.query.get("hex") ?? "").split(",").filter((hex) => hex !== "");
  const text = useSignal(given.join("\n"));
  const problem = useSignal("");
  const at = useSignal(0);
  const shown = given[Math.min(at.value, given.length - 1)];
  const decode = (): void => {
    const read = readPasted(text.value);
    problem.value = "problem" in read ? read.problem : "";
    at.value = 0;
    if ("frames" in read) setQuery({ hex: read.frames.join(",") });
  };
  return (
    <>
      <Header title="Decode" note="packets you paste" />
      <main class="main decode" id="main" tabIndex={-1}>
        <form
          class="dform"
          onSubmit={(event) => {
            event.preventDefault();
            decode();
          }}
        >
          <label for="frame">Bytes of a packet, one packet a line</label>
          <textarea
            id="frame"
            class={`field mono${problem.value ? " bad" : ""}`}
            rows={7}
            spellcheck={false}
            aria-invalid={problem.value !== ""}
            aria-describedby={problem.value ? "paste-problem" : undefined}
            placeholder={"15 08 61 59 ee 20 28 10 …\n\nhex, with blanks, commas or 0x if you like, or base64"}
            value={text.value}
            onInput={(event) => {
              text.value = event.currentTarget.value;
              problem.value = "";
            }}
            onKeyDown={(event) => {
              if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) decode();
            }}
          />
          {problem.value ? (
            <p class="hint" id="paste-problem" role="status">
              <span class="mark">{problem.value}</span>
            </p>
          ) : null}
          <div class="acts">
            <button type="submit" class="btn primary">
              <Icon name="decode" />
              Decode
            </button>
            <span class="muted">or Ctrl + Enter</span>
          </div>
          {given.length > 1 ? (
            <div class="frames" role="group" aria-label="Frames">
              {given.map((hex, index) => (
                <button
                  key={index}
                  type="button"
                  class="rl"
                  aria-pressed={index === at.value}
                  onClick={() => (at.value = index)}
                >
                  <span class="muted">{index + 1}</span>
                  <span class="mono clip">{hex}</span>
                </button>
              ))}
            </div>
          ) : null}
        </form>
        <section class="dresult" aria-label="Dissection">
          {shown ? (
            <Frame hex={shown} />
          ) : (
            <Blank icon="decode" title="Nothing to take apart yet">
              Paste what an observer or a companion logs. Every field is shown beside the bytes it comes from,
              what a known channel key opens included.
            </Blank>
          )}
        </section>
      </main>
    </>
  );
}
