import type { Node, Observer } from "../api/types";
import { asRole, type Role } from "../lib/packet";
import { PLACES } from "./places";

/** One line of the palette. */
export interface Finding {
  readonly id: string;
  readonly group: "Go to" | "Packets" | "Nodes" | "Observers" | "Actions";
  readonly label: string;
  readonly note: string;
  readonly icon: string;
  readonly role?: Role;
  /** A fragment to go to, or the name of an action. */
  readonly target: { readonly to: string } | { readonly act: "theme" };
}

/** Nodes and observers listed at most. */
const MOST = 6;

/** What a text can mean: a page, a hash, a frame, nodes, observers, an action. */
export function search(text: string, nodes: readonly Node[], observers: readonly Observer[]): Finding[] {
  const query = text.trim().toLowerCase();
  const hex = query.replaceAll(/\s/g, "");
  const found: Finding[] = [];
  if (/^[0-9a-f]{16}$/.test(hex))
    found.push(packet(`Packet ${hex}`, "by hash", `#/packets/${hex}?timeWindow=0`));
  if (/^([0-9a-f]{2}){8,}$/.test(hex) && hex.length !== 16 && hex.length !== 64)
    found.push(packet("Decode these bytes", `${hex.length / 2} bytes`, `#/decode?hex=${hex}`));
  if (/^#\/|\/#\//.test(query))
    found.push(packet("Open this link", "", text.trim().replace(/^.*?(?=#\/)/, "")));
  for (const place of PLACES) {
    if (query === "" || place.label.toLowerCase().includes(query)) {
      found.push({
        id: `go-${place.page}`,
        group: "Go to",
        label: place.label,
        note: place.group,
        icon: place.icon,
        target: { to: `#/${place.page}` },
      });
    }
  }
  if (query !== "") {
    found.push(
      ...nodes
        .filter(
          (n) =>
            (n.name ?? "").toLowerCase().includes(query) || (hex.length >= 2 && n.public_key.startsWith(hex)),
        )
        .slice(0, MOST)
        .map(nodeFinding),
      ...observers
        .filter(
          (o) =>
            `${o.name ?? ""} ${o.iata ?? ""}`.toLowerCase().includes(query) ||
            (hex.length >= 2 && o.id.toLowerCase().startsWith(hex)),
        )
        .slice(0, MOST)
        .map(observerFinding),
    );
  }
  if (query === "" || "light or dark theme".includes(query)) {
    found.push({
      id: "theme",
      group: "Actions",
      label: "Light or dark theme",
      note: "",
      icon: "sun",
      target: { act: "theme" },
    });
  }
  return found;
}

function packet(label: string, note: string, to: string): Finding {
  return { id: to, group: "Packets", label, note, icon: "packets", target: { to } };
}

function nodeFinding(node: Node): Finding {
  return {
    id: node.public_key,
    group: "Nodes",
    label: node.name || node.public_key.slice(0, 8),
    note: node.public_key.slice(0, 8),
    icon: "nodes",
    role: asRole(node.role),
    target: { to: `#/nodes/${node.public_key}` },
  };
}

function observerFinding(observer: Observer): Finding {
  return {
    id: `observer-${observer.id}`,
    group: "Observers",
    label: observer.name || observer.id,
    note: observer.iata ?? "",
    icon: "observers",
    role: "observer",
    target: { to: `#/packets?timeWindow=0&observer=${encodeURIComponent(observer.id)}` },
  };
}
