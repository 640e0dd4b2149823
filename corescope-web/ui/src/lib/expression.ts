/** A piece of a filter expression, for its colours. The server alone decides what it means. */
export interface Token {
  readonly text: string;
  readonly kind: "field" | "operator" | "value" | "space";
}

const PATTERN =
  /(\s+)|("(?:\\.|[^"\\])*"?|'(?:\\.|[^'\\])*'?)|(&&|\|\||==|!=|>=|<=|[!<>(),:])|([^\s"'&|=!<>(),:]+|.)/gu;
const WORD_OPERATORS = new Set([
  "in",
  "between",
  "contains",
  "starts_with",
  "ends_with",
  "after",
  "before",
  "matches",
  "has",
  "only",
  "near",
]);

/** Cuts an expression into coloured pieces; joined they are the text again. */
export function tokens(text: string): Token[] {
  const out: Token[] = [];
  let wantsValue = false;
  for (const [piece, space, quoted, operator] of text.matchAll(PATTERN)) {
    if (space !== undefined) {
      out.push({ text: piece, kind: "space" });
    } else if (quoted !== undefined) {
      out.push({ text: piece, kind: "value" });
    } else if (operator !== undefined) {
      out.push({ text: piece, kind: "operator" });
      wantsValue =
        ["==", "!=", ">", "<", ">=", "<=", "(", ",", ":"].includes(piece) && (piece !== "(" || wantsValue);
    } else if (WORD_OPERATORS.has(piece)) {
      out.push({ text: piece, kind: "operator" });
      wantsValue = true;
    } else {
      const value = wantsValue || /^-?\d/.test(piece);
      out.push({ text: piece, kind: value ? "value" : "field" });
    }
  }
  return out;
}

/** Marks the piece of text that an error at `column` (from 1) points at; the rest stays as it is. */
export function splitAtError(text: string, column: number): { before: string; bad: string; after: string } {
  const at = Math.min(Math.max(column - 1, 0), text.length);
  const rest = text.slice(at);
  const length = /^(\s*[\p{L}\p{N}_."'-]+|\s*\S)/u.exec(rest)?.[0].length ?? 0;
  if (length === 0)
    return {
      before: text.slice(0, Math.max(0, at - 1)),
      bad: text.slice(Math.max(0, at - 1), at),
      after: "",
    };
  return { before: text.slice(0, at), bad: rest.slice(0, length), after: rest.slice(length) };
}
