/** Bytes of a hex text; null when it is not one. */
export function bytesOf(hex: string): Uint8Array | null {
  if (hex.length % 2 !== 0 || /[^0-9a-f]/i.test(hex)) return null;
  const bytes = new Uint8Array(hex.length / 2);
  for (let i = 0; i < bytes.length; i++) bytes[i] = Number.parseInt(hex.slice(2 * i, 2 * i + 2), 16);
  return bytes;
}

/** Two lower-case hex digits of a byte. */
export function byteHex(byte: number): string {
  return byte.toString(16).padStart(2, "0");
}

/** The printable ASCII of a byte, a middle dot for the others. */
export function byteText(byte: number): string {
  return byte >= 0x20 && byte < 0x7f ? String.fromCharCode(byte) : "·";
}
