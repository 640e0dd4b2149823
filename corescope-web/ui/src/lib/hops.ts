/** What a node must tell to be a hop. */
export interface HopNode {
  readonly public_key: string;
  readonly name?: string | null;
  readonly role?: string | null;
}

/** How sure the name of a hop is. */
export type Trust = "certain" | "probable" | "unknown";

/** A hop with the name it has been given. */
export interface Hop {
  readonly prefix: string;
  /** Key of the node; null when it is not known which one it is. */
  readonly key: string | null;
  readonly name: string;
  readonly trust: Trust;
  /** Nodes that share the prefix. */
  readonly candidates: number;
}

/** Longest prefix that paths carry, hex digits. */
const LONGEST = 6;

/** The nodes that may relay, by the prefixes of their keys. */
export class HopIndex {
  private readonly byPrefix = new Map<string, HopNode[]>();
  private readonly byKey = new Map<string, HopNode>();

  constructor(nodes: Iterable<HopNode>) {
    for (const node of nodes) {
      this.byKey.set(node.public_key, node);
      // Companions and sensors do not forward packets for others.
      if (node.role !== "repeater" && node.role !== "room") continue;
      for (let digits = 2; digits <= LONGEST; digits += 2) {
        const prefix = node.public_key.slice(0, digits);
        const there = this.byPrefix.get(prefix);
        if (there) there.push(node);
        else this.byPrefix.set(prefix, [node]);
      }
    }
  }

  /** Whether nothing is known yet: then nothing is said about trust. */
  get isEmpty(): boolean {
    return this.byKey.size === 0;
  }

  /** Names one hop. `resolved` is the key that the server found for it, if it found one. */
  hop(prefix: string, resolved: string | null | undefined): Hop {
    const candidates = this.byPrefix.get(prefix.toLowerCase()) ?? [];
    const key = resolved ?? (candidates.length === 1 ? (candidates[0]?.public_key ?? null) : null);
    if (key === null) return { prefix, key, name: "", trust: "unknown", candidates: candidates.length };
    const node = this.byKey.get(key);
    return {
      prefix,
      key,
      name: node?.name || key.slice(0, 8),
      trust: candidates.length > 1 ? "probable" : "certain",
      candidates: candidates.length,
    };
  }
}

/** The reading of a hop, for its title. */
export function hopTitle(hop: Hop): string {
  if (hop.trust === "certain") return `${hop.prefix}: ${hop.name}, the one node with this prefix`;
  if (hop.trust === "probable")
    return `${hop.prefix}: ${hop.name}, probably; ${hop.candidates} nodes share this prefix`;
  if (hop.candidates > 1) return `${hop.prefix}: one of ${hop.candidates} nodes`;
  return `${hop.prefix}: no node with this prefix is known`;
}
