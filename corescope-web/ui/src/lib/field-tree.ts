/** One field of a frame, as the dissector shows it: where it lies, what it says, what is inside. */
export interface Field {
  /** Position in the tree, e.g. `1.0.2`: stable while the tree is. */
  readonly id: string;
  readonly label: string;
  readonly value: string;
  /** Which bytes `start` and `end` count in: the frame, or a plaintext that was decrypted from it. */
  readonly space: string;
  readonly start: number;
  /** One past the last byte. */
  readonly end: number;
  /** Bits of the byte that belong to the field, 1 = belongs; null for whole bytes. */
  readonly mask: number | null;
  /** Byte colour class: header, path, payload, key, signature, plain text, transport codes. */
  readonly tint: Tint;
  /** What is wrong with it; empty when nothing is. */
  readonly issue: string;
  readonly children: readonly Field[];
}

/** The colours of bytes. */
export type Tint = "header" | "transport" | "path" | "payload" | "key" | "sign" | "plain";

/** A field with its depth, in the order of reading. */
export interface FieldLine {
  readonly field: Field;
  readonly depth: number;
}

/** The lines that are seen: children of folded fields are left out. */
export function linesOf(fields: readonly Field[], folded: ReadonlySet<string>, depth = 0): FieldLine[] {
  return fields.flatMap((field) => [
    { field, depth },
    ...(folded.has(field.id) ? [] : linesOf(field.children, folded, depth + 1)),
  ]);
}

/** The innermost field that holds a byte of a space. */
export function fieldAt(fields: readonly Field[], space: string, offset: number): Field | null {
  let best: Field | null = null;
  for (const field of fields) {
    const inside = fieldAt(field.children, space, offset);
    if (inside) best = inside;
    else if (!best && field.space === space && offset >= field.start && offset < field.end) best = field;
  }
  return best;
}

/** The tint of every byte of a space; the innermost field wins. */
export function tints(fields: readonly Field[], space: string, length: number): (Tint | null)[] {
  const out: (Tint | null)[] = new Array<Tint | null>(length).fill(null);
  const paint = (list: readonly Field[]): void => {
    for (const field of list) {
      if (field.space === space)
        for (let at = field.start; at < Math.min(field.end, length); at++) out[at] = field.tint;
      paint(field.children);
    }
  };
  paint(fields);
  return out;
}

/** The bits of a byte, those outside of a mask as dots, in two groups of four. */
export function bitText(byte: number, mask: number): { readonly bit: string; readonly own: boolean }[] {
  const bits: { bit: string; own: boolean }[] = [];
  for (let at = 7; at >= 0; at--) {
    const own = ((mask >> at) & 1) === 1;
    bits.push({ bit: own ? String((byte >> at) & 1) : "·", own });
    if (at === 4) bits.push({ bit: " ", own: false });
  }
  return bits;
}

/** Ids of the fields that hold a field, outermost first. */
export function ancestors(id: string): string[] {
  const parts = id.split(".");
  return parts.slice(1).map((_, at) => parts.slice(0, at + 1).join("."));
}
