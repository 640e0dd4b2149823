import { useSignal } from "@preact/signals";
import { getJson } from "../../api/client";
import type { Packet, PacketDetail } from "../../api/types";
import { useApp } from "../../app/context";
import { useHops } from "../../app/hops";
import { useLoaded } from "../../app/loaded";
import { formatRoute, go, openParam, route, setQuery } from "../../app/router";
import { parseDecoded } from "../../lib/packet";
import { payloadKind } from "../../lib/payload";
import { CopyLink, Inspector } from "../../ui/inspector";
import { TypeBadge } from "../../ui/marks";
import { Path } from "../../ui/path";
import { Failed, Skeleton } from "../../ui/states";
import { Facts } from "./facts";
import { Frame } from "../../ui/frame";
import { Message } from "./message";
import { ObservationLine, ObservationStrip, ObservationTable } from "./observation-views";
import { chosenIndex, type Reception, receptions } from "./observations";
import "./packet.css";

interface Shown {
  readonly packet: Packet;
  readonly list: readonly Reception[];
}

/** The inspector of one packet, by hash. */
export function PacketInspector({ hash }: { hash: string }) {
  const { state, again } = useLoaded<Shown>(hash, readPacket);
  const packet = state.kind === "ready" ? state.value.packet : null;
  const close = (): void => openParam("", { obs: "" });
  return (
    <Inspector
      label="Packet"
      onClose={close}
      head={
        <>
          {packet ? (
            <TypeBadge kind={payloadKind(packet.payload_type)} long />
          ) : (
            <span class="muted">Packet</span>
          )}
          <span class="grow" />
          <CopyLink />
        </>
      }
    >
      {state.kind === "loading" ? <Skeleton lines={8} label="The packet is being read" /> : null}
      {state.kind === "failed" ? (
        <Failed what={`Packet ${hash.slice(0, 8)} could not be read`} error={state.error} retry={again} />
      ) : null}
      {state.kind === "ready" ? <PacketBody {...state.value} /> : null}
    </Inspector>
  );
}

/** Reads a packet; an address that names an observation by its number, as old links do, is led to its packet. */
async function readPacket(hash: string): Promise<Shown | undefined> {
  const { packet, observations = [] } = await getJson("/api/packets/{id}", {}, { id: hash });
  if (isWhole(packet)) return { packet, list: receptions(packet, observations) };
  go(formatRoute("packets", packet.hash, [...route.value.query, ["obs", String(packet.id)]]), true);
  return undefined;
}

function isWhole(subject: PacketDetail["packet"]): subject is Packet {
  return "observation_count" in subject;
}

function PacketBody({ packet, list }: Shown) {
  const hops = useHops();
  const app = useApp();
  const tab = useSignal<"fields" | "observations" | "json">("fields");
  const at = chosenIndex(list, route.value.query.get("obs"));
  const chosen = list[at];
  const decoded = parseDecoded(packet.decoded_json);
  const choose = (index: number): void => setQuery({ obs: String(list[index]?.id ?? "") });
  const radio = app.observers.value?.find((o) => o.id === chosen?.observerId)?.radio;
  const nameHop = (prefix: string): string => {
    const at = chosen?.hops.findIndex((hop) => hop.toLowerCase() === prefix) ?? -1;
    const hop = hops.hop(prefix, at >= 0 ? chosen?.resolved[at] : null);
    if (hop.key) return hop.name;
    return hop.candidates > 1 ? `one of ${hop.candidates} nodes` : "";
  };
  const TABS = [
    ["fields", "Fields", 0],
    ["observations", "Observations", list.length],
    ["json", "JSON", 0],
  ] as const;
  return (
    <>
      <Message packet={packet} decoded={decoded} />
      <ObservationLine list={list} at={at} onChoose={choose} />
      <ObservationStrip list={list} at={at} onChoose={choose} />
      <Facts packet={packet} reception={chosen} list={list} radio={radio} decoded={decoded} />
      <div class="ipath">
        <Path
          hops={chosen?.hops ?? []}
          resolved={chosen?.resolved.length ? chosen.resolved : (packet.resolved_path ?? [])}
          index={hops}
        />
      </div>
      <div class="tabs itabs" role="tablist" aria-label="What to show of the packet">
        {TABS.map(([key, label, n]) => (
          <button
            key={key}
            type="button"
            role="tab"
            aria-selected={tab.value === key}
            onClick={() => (tab.value = key)}
          >
            {label}
            {n > 0 ? <span class="n">{n}</span> : null}
          </button>
        ))}
      </div>
      {tab.value === "fields" ? (
        <Frame hex={chosen?.rawHex || (packet.raw_hex ?? "")} channel={decoded.channel} nameHop={nameHop} />
      ) : null}
      {tab.value === "observations" ? <ObservationTable list={list} at={at} onChoose={choose} /> : null}
      {tab.value === "json" ? (
        <pre class="json">{JSON.stringify({ ...packet, decoded_json: decoded }, null, 2)}</pre>
      ) : null}
    </>
  );
}
