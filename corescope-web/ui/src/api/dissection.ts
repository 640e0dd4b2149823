import { postJson } from "./client";
import type { Tree, TreeNode } from "./types";
import type { Field, Tint } from "../lib/field-tree";
import { bytesOf } from "../lib/hex";

/** A run of bytes that fields count in. */
export interface Space {
  /** `frame`, or the id of the field that was decrypted. */
  readonly name: string;
  readonly label: string;
  readonly bytes: Uint8Array;
}

/** A frame taken apart by the server. */
export interface Dissection {
  /** What it is in a few words; empty when the server says nothing. */
  readonly summary: string;
  /** Why it is no packet; empty when it is one. */
  readonly error: string;
  readonly fields: readonly Field[];
  readonly spaces: readonly Space[];
  /** Ids of the fields that start folded. */
  readonly folded: readonly string[];
}

/** Groups with more children than this start folded: long paths and the like. */
const FOLD_ABOVE = 8;

/** Which colour a field's bytes have, by the first word of its name that is listed. */
const TINTS: readonly (readonly [RegExp, Tint])[] = [
  [/^(transport|scope code|home code)/, "transport"],
  [/^(header|version|payload version|payload type|route|path.len|hash size|hop count)/, "header"],
  [/^(path|hop|hops|snr)/, "path"],
  [/(key|destination|source|channel hash)/, "key"],
  [/^(signature|mac|checksum)/, "sign"],
];

/** Makes the page's model from the server's tree. */
export function dissectionOf(tree: Tree, hex: string): Dissection {
  const spaces: Space[] = [{ name: "frame", label: "Frame", bytes: bytesOf(hex) ?? new Uint8Array() }];
  const folded: string[] = [];
  const issues = [...(tree.issues ?? [])];
  const build = (node: TreeNode, id: string, space: string, inherited: Tint): Field => {
    const tint = space === "frame" ? tintOf(node.name, inherited) : "plain";
    const children = (node.fields ?? []).map((child, at) => build(child, `${id}.${at}`, space, tint));
    if (node.decrypted) {
      const name = id;
      spaces.push({ name, label: "Plaintext", bytes: bytesOf(node.decrypted.plaintext) ?? new Uint8Array() });
      children.push(...node.decrypted.fields.map((child, at) => build(child, `${id}.p${at}`, name, "plain")));
    }
    if (children.length > FOLD_ABOVE) folded.push(id);
    const found = issues.findIndex(
      (issue) => space === "frame" && issue.field === node.name && issue.offset === node.offset,
    );
    return {
      id,
      label: sentence(node.name),
      value: node.meaning || (node.decrypted ? `opened with ${node.decrypted.key}` : ""),
      space,
      start: node.offset,
      end: node.offset + node.length,
      mask: maskOf(node.bits),
      tint,
      issue: found >= 0 ? (issues.splice(found, 1)[0]?.message ?? "") : "",
      children,
    };
  };
  const fields = tree.fields.map((node, at) => build(node, String(at), "frame", "payload"));
  const rest = issues.map((issue) => issue.message).join("; ");
  return {
    summary: tree.summary ?? "",
    error: [tree.message ?? "", rest].filter((text) => text !== "").join("; "),
    fields,
    spaces,
    folded,
  };
}

function tintOf(name: string, inherited: Tint): Tint {
  return TINTS.find(([pattern]) => pattern.test(name.toLowerCase()))?.[1] ?? inherited;
}

function maskOf(bits: readonly number[] | null | undefined): number | null {
  const [high, low] = bits ?? [];
  if (high === undefined || low === undefined) return null;
  return ((1 << (high - low + 1)) - 1) << low;
}

function sentence(name: string): string {
  const words = name === "path_len" ? "path length" : name.replaceAll("_", " ");
  return words.charAt(0).toUpperCase() + words.slice(1);
}

/** Asks the server to take a frame apart. A `channel` whose key follows from its name (`#…`) is tried for its message. */
export async function dissect(hex: string, channel = ""): Promise<Dissection> {
  const channels = channel.startsWith("#") ? [channel] : [];
  const answer = await postJson("/api/v2/decode", { hex, channels, verify: true });
  const first = answer.packets[0];
  if (!first?.tree) throw new Error(first?.error ?? "the server found no frame in it");
  return dissectionOf(first.tree, hex);
}
