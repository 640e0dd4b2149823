import { useEffect, useRef, useState } from "preact/hooks";
import type { ComponentChildren, FunctionComponent } from "preact";
import { DecodePage } from "../features/decode/page";
import { NodeInspector } from "../features/node/panel";
import { NodesPage } from "../features/nodes/page";
import { ObserversPage } from "../features/observers/page";
import { Failed, Skeleton } from "../ui/states";
import { PacketInspector } from "../features/packet/panel";
import { PacketsPage } from "../features/packets/page";
import { NotFound } from "./not-found";
import { PaletteHost } from "./palette";
import { BottomBar, Rail } from "./rail";
import { Header } from "./header";
import { openParam, route, setQuery } from "./router";
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
    <div class={`app${page === "map" ? " rail-icons" : ""}`}>
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
      <PaletteHost />
    </div>
  );
}

function Page({ page, param }: { page: string; param: string }) {
  const node = (route.value.query.get("node") ?? "").toLowerCase();
  switch (page) {
    case "packets":
      return <PacketsPage inspector={param ? <PacketInspector hash={param.toLowerCase()} /> : null} />;
    case "map":
      return (
        <LazyMap
          inspector={node ? <NodeInspector nodeKey={node} onClose={() => setQuery({ node: "" })} /> : null}
        />
      );
    case "nodes":
      return (
        <NodesPage
          inspector={
            param ? <NodeInspector nodeKey={param.toLowerCase()} onClose={() => openParam("")} /> : null
          }
        />
      );
    case "observers":
      return <ObserversPage />;
    case "decode":
      return <DecodePage />;
    default:
      return <NotFound page={page} />;
  }
}

type MapView = FunctionComponent<{ inspector: ComponentChildren }>;

/** The map is large: its script is fetched when it is first wanted. */
function LazyMap({ inspector }: { inspector: ComponentChildren }) {
  const [view, setView] = useState<{ readonly Map: MapView } | { readonly error: unknown } | null>(null);
  const [again, setAgain] = useState(0);
  useEffect(() => {
    import("../features/map/page")
      .then(({ MapPage }) => setView({ Map: MapPage }))
      .catch((error: unknown) => setView({ error }));
  }, [again]);
  if (view && "Map" in view) return <view.Map inspector={inspector} />;
  return (
    <>
      <Header title="Map" />
      <main class="main" id="main" tabIndex={-1}>
        {view ? (
          <Failed what="The map could not be loaded" error={view.error} retry={() => setAgain(again + 1)} />
        ) : (
          <Skeleton lines={8} label="The map is being loaded" />
        )}
      </main>
    </>
  );
}
