import type { components } from "./schema";

/** Shapes of the API, generated from its description (`npm run api`), under the names that the page uses. */
type Schemas = components["schemas"];

/** A transmission with its display observation. */
export type Packet = Schemas["Packet"];

/** A row of a list: whole in plain lists, shorter in grouped ones. */
export type ListedPacket = Schemas["Packet"] | Schemas["GroupedPacket"];

/** `GET /api/packets`. */
export type PacketPage = Schemas["PacketLists"];

/** What in a filter expression is surely not what was meant. */
export type FilterWarning = Schemas["FilterWarning"];

/** One reception, as it stands inside a packet. */
export type ShortObservation = Schemas["ShortObservation"];

/** One reception by itself. */
export type Observation = Schemas["Observation"];

/** `GET /api/packets/{id}`. */
export type PacketDetail = Schemas["PacketDetail"];

/** A node. The relay figures come with the analyses and are absent until then. */
export type Node = Schemas["Node"] & {
  readonly relay_active?: boolean;
  readonly relay_count_24h?: number;
};

/** A node as its health names it: only key, name and role when nothing but packets of it is known. */
export type HealthNode = Schemas["HealthNode"];

/** `GET /api/nodes/{pubkey}/health`. */
export type NodeHealth = Schemas["NodeHealth"];

/** An observer of `GET /api/observers`. */
export type Observer = Schemas["Observer"];

/** `GET /api/stats`. */
export type Stats = Schemas["Stats"];

/** The tree of one frame. */
export type Tree = Schemas["Dissection"];

/** A node of that tree. */
export type TreeNode = Schemas["DissectionField"];
