import { ApiError, getJson } from "../../api/client";
import type { HealthNode, Node, NodeHealth } from "../../api/types";
import { useApp } from "../../app/context";
import { useLoaded } from "../../app/loaded";
import { ago, clock, count, dayClock, hexGroups, parseTime, utc } from "../../lib/format";
import { asPlace, distanceKm, type Place } from "../../lib/geo";
import { healthOf } from "../../lib/health";
import { asRole, detailOf, parseDecoded, type Role } from "../../lib/packet";
import { payloadKind } from "../../lib/payload";
import { Icon } from "../../ui/icon";
import { CopyLink, Inspector } from "../../ui/inspector";
import { Name, RoleMark, Signal, Status, TypeBadge } from "../../ui/marks";
import { Blank, Failed, Skeleton } from "../../ui/states";
import "./node.css";

/** Packets listed under a node. */
const LISTED = 8;

/** The inspector of one node, by public key. */
export function NodeInspector({ nodeKey, onClose }: { nodeKey: string; onClose: () => void }) {
  const app = useApp();
  const { state, again } = useLoaded<NodeHealth>(nodeKey, (pubkey) =>
    getJson("/api/nodes/{pubkey}/health", {}, { pubkey }),
  );
  // The directory knows the node at once, and more of it: hash size and relays.
  const listed = app.directory.nodes.value.find((n) => n.public_key === nodeKey);
  const node = listed ?? (state.kind === "ready" ? whole(state.value.node) : null);
  const unknown = state.kind === "failed" && state.error instanceof ApiError && state.error.status === 404;
  return (
    <Inspector
      label="Node"
      onClose={onClose}
      head={
        <>
          <span class="muted">Node</span>
          <span class="grow" />
          <CopyLink />
        </>
      }
    >
      {node ? <Who node={node} /> : null}
      {state.kind === "loading" ? <Skeleton lines={7} label="The node is being read" /> : null}
      {unknown && !node ? (
        <Blank icon="nodes" title="No node with this key is known">
          It appears as soon as one of its adverts is heard.
        </Blank>
      ) : null}
      {state.kind === "failed" && !unknown ? (
        <Failed what="The node could not be read" error={state.error} retry={again} />
      ) : null}
      {state.kind === "ready" ? <Heard health={state.value} /> : null}
    </Inspector>
  );
}

/** A key of which only packets are known, as a node. */
function whole(node: HealthNode): Node {
  return "advert_count" in node
    ? node
    : { ...node, advert_count: 0, foreign: false, hash_size_inconsistent: false };
}

const ROLE_WORDS: Record<Role, string> = {
  repeater: "Repeater",
  companion: "Companion",
  room: "Room server",
  sensor: "Sensor",
  observer: "Observer",
};

function Who({ node }: { node: Node }) {
  const app = useApp();
  const now = app.nowMs.value;
  const role = asRole(node.role);
  const last = parseTime(node.last_seen);
  const health = healthOf(role, last, now, app.thresholds.value, node.relay_active);
  const place = asPlace(node.lat, node.lon);
  const first = parseTime(node.first_seen);
  const size = node.hash_size ?? null;
  const facts: [string, preact.ComponentChildren, string?][] = [
    [
      "Path prefix",
      size === null ? (
        <span class="muted">size not known</span>
      ) : (
        <>
          <span class="mono">{node.public_key.slice(0, 2 * size).toUpperCase()}</span> ·{" "}
          {size === 1 ? "1 byte" : `${size} bytes`}
          {node.hash_size_inconsistent ? ", changing" : ""}
        </>
      ),
    ],
    [
      "Place",
      place ? (
        <span class="mono">
          {place.lat.toFixed(3)}, {place.lon.toFixed(3)}
        </span>
      ) : (
        <span class="muted">not told</span>
      ),
    ],
    ["Adverts", count(node.advert_count)],
    node.relay_count_24h === undefined
      ? ["First heard", first === null ? "–" : ago(first, now), first === null ? undefined : utc(first)]
      : ["Relays 24 h", count(node.relay_count_24h)],
  ];
  if (node.battery_mv != null) facts.push(["Battery", `${(node.battery_mv / 1000).toFixed(2)} V`]);
  if (node.temperature_c != null) facts.push(["Temperature", `${node.temperature_c.toFixed(1)} °C`]);
  return (
    <div class="ib">
      <div class="who big">
        <RoleMark role={role} large />
        <div class="clip">
          <h2 class="clip">
            <Name text={node.name || node.public_key.slice(0, 8)} />
          </h2>
          <span class="muted">
            {ROLE_WORDS[role]} · <Status health={health} note={last === null ? "" : `, ${ago(last, now)}`} />
          </span>
        </div>
      </div>
      <dl class="facts" style={{ "--n": 2 }}>
        {facts.map(([name, value, title]) => (
          <div key={name} title={title}>
            <dt>{name}</dt>
            <dd>{value}</dd>
          </div>
        ))}
      </dl>
      <p class="key">
        {hexGroups(node.public_key).map((group, at) => (
          <span key={at}>{group}</span>
        ))}
      </p>
      <div class="acts">
        <button
          type="button"
          class="btn"
          onClick={() => void navigator.clipboard?.writeText(node.public_key)}
        >
          <Icon name="copy" />
          Copy key
        </button>
        <a class="btn" href={`#/packets?timeWindow=0&node=${node.public_key}`}>
          <Icon name="packets" />
          Packets
        </a>
        {place ? (
          <a class="btn" href={`#/map?node=${node.public_key}`}>
            <Icon name="map" />
            Map
          </a>
        ) : null}
      </div>
    </div>
  );
}

function Heard({ health }: { health: NodeHealth }) {
  const app = useApp();
  const now = app.nowMs.value;
  const own = "lat" in health.node ? asPlace(health.node.lat, health.node.lon) : null;
  const places = new Map<string, Place>();
  for (const observer of app.observers.value ?? []) {
    const place = asPlace(observer.lat, observer.lon);
    if (place) places.set(observer.id, place);
  }
  const packets = health.recentPackets.slice(0, LISTED);
  return (
    <>
      <section class="nbl">
        <header>
          <h3>Heard by</h3>
          <span class="muted">
            {count(health.observers.length)} observers, {count(health.stats.totalObservations)} observations
          </span>
        </header>
        {health.observers.length === 0 ? (
          <p class="muted">No observation of this node is stored.</p>
        ) : (
          <>
            <div class="nh">
              <span />
              <span>Observer</span>
              <span class="num">SNR dB</span>
              <span class="num">km</span>
              <span class="num">Packets</span>
            </div>
            <ul>
              {health.observers.slice(0, 12).map((observer) => {
                const place = places.get(observer.observer_id);
                return (
                  <li key={observer.observer_id}>
                    <RoleMark role="observer" />
                    <span class="clip">
                      <Name text={observer.observer_name || observer.observer_id} />
                    </span>
                    <Signal snr={observer.avgSnr ?? null} />
                    <span class="num">{own && place ? distanceKm(own, place).toFixed(1) : "–"}</span>
                    <span class="num">{count(observer.packetCount)}</span>
                  </li>
                );
              })}
            </ul>
          </>
        )}
      </section>
      {packets.length > 0 ? (
        <section class="nbl">
          <header>
            <h3>Last packets</h3>
            <span class="muted">{count(health.stats.totalTransmissions)} in all</span>
          </header>
          <ul class="npk">
            {packets.map((packet) => {
              const time = parseTime(packet.first_seen);
              const detail = detailOf(packet.payload_type, parseDecoded(packet.decoded_json));
              return (
                <li key={packet.hash}>
                  <a href={`#/packets/${packet.hash}?timeWindow=0`}>
                    <span class="mono" title={time === null ? undefined : utc(time)}>
                      {time === null
                        ? "–"
                        : now - time < 43_200_000
                          ? clock(time)
                          : dayClock(time, now).slice(0, -3)}
                    </span>
                    <TypeBadge kind={payloadKind(packet.payload_type)} />
                    <span class="clip">
                      {detail.kind === "message"
                        ? `${detail.channel} ${detail.text}`
                        : detail.kind === "advert"
                          ? detail.name
                          : detail.text}
                    </span>
                  </a>
                </li>
              );
            })}
          </ul>
        </section>
      ) : null}
    </>
  );
}
