import { byteHex, bytesOf } from "./hex";

/** Payload type whose path bytes are signal readings, not hops. */
const TRACE = 9;

/**
 * The frame as an observer heard it: the server keeps the first copy of a transmission, and copies differ in nothing but their
 * path. Where the hops do not fit the frame (a trace, another hash size), the frame is left as it is.
 *
 * Layout: header, four bytes of transport codes for routes 0 and 3, path length (bits 7–6: bytes of a hop less one, bits 5–0:
 * hops), path, payload. Source: MeshCore `src/Packet.h`, `Packet::readFrom`.
 */
export function frameWithPath(hex: string, hops: readonly string[]): string {
  const bytes = bytesOf(hex);
  const header = bytes?.[0];
  if (!bytes || header === undefined || ((header >> 2) & 0xf) === TRACE) return hex;
  const route = header & 3;
  const at = route === 0 || route === 3 ? 5 : 1;
  const lengthByte = bytes[at];
  if (lengthByte === undefined) return hex;
  const hopBytes = (lengthByte >> 6) + 1;
  const payload = at + 1 + hopBytes * (lengthByte & 0x3f);
  const fits =
    hops.length < 64 &&
    payload <= bytes.length &&
    hops.every((hop) => hop.length === 2 * hopBytes && bytesOf(hop) !== null);
  if (!fits) return hex;
  return (
    hex.slice(0, 2 * at) +
    byteHex((lengthByte & 0xc0) | hops.length) +
    hops.join("").toLowerCase() +
    hex.slice(2 * payload)
  );
}
