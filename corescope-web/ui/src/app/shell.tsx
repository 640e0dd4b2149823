import { useEffect, useRef } from "preact/hooks";
import { PacketInspector } from "../features/packet/panel";
import { PacketsPage } from "../features/packets/page";
import { NotFound } from "./not-found";
import { BottomBar, Rail } from "./rail";
import { route } from "./router";
import "./shell.css";

/** The whole page: rail, the page of the route, and the bar of a phone. */
export function Shell() {
  const page = route.value.page;
  const first = useRef(true);
  useEffect(() => {
    const heading = document.querySelector<HTMLElement>(".header h1");
    document.title = heading?.textContent ? `${heading.textContent} · CoreScope` : "CoreScope";
    if (first.current) first.current = false;
    else heading?.focus({ preventScroll: true });
  }, [page]);
  return (
    <div class="app">
      <a
        class="btn skip"
        href="#main"
        onClick={(event) => {
          event.preventDefault();
          document.getElementById("main")?.focus();
        }}
      >
        Skip to the content
      </a>
      <Rail />
      <Page page={page} param={route.value.param} />
      <BottomBar />
    </div>
  );
}

function Page({ page, param }: { page: string; param: string }) {
  switch (page) {
    case "packets":
      return <PacketsPage inspector={param ? <PacketInspector hash={param.toLowerCase()} /> : null} />;
    default:
      return <NotFound page={page} />;
  }
}
