import type { Field } from "../../lib/field-tree";
import { postJson } from "../../api/client";

/** A run of bytes that fields count in. */
export interface Space {
  /** `frame`, or the name of a plaintext. */
  readonly name: string;
  readonly label: string;
  readonly bytes: Uint8Array;
}

/** A frame taken apart by the server. */
export interface Dissection {
  readonly fields: readonly Field[];
  readonly spaces: readonly Space[];
  /** Ids of the fields that start folded. */
  readonly folded: readonly string[];
}

/** Asks the server to take a frame apart. */
export async function dissect(hex: string): Promise<Dissection> {
  return postJson<Dissection>("api/v2/decode", { hex });
}
