import type { Packet } from "../../api/types";
import { plural, signed, span } from "../../lib/format";
import { asPlace } from "../../lib/geo";
import { bytesOf } from "../../lib/hex";
import type { Decoded } from "../../lib/packet";
import { isTransport, routeName } from "../../lib/payload";
import { airtimeMs, parseRadio } from "../../lib/signal";
import { type Reception, spreadSeconds } from "./observations";

interface Props {
  readonly packet: Packet;
  readonly reception: Reception | undefined;
  readonly list: readonly Reception[];
  /** `radio` text of the observer that heard it. */
  readonly radio: string | null | undefined;
  readonly decoded: Decoded;
}

/** The figures of a packet as the chosen observer heard it. */
export function Facts({ packet, reception, list, radio, decoded }: Props) {
  const bytes = bytesOf(reception?.rawHex || (packet.raw_hex ?? ""))?.length ?? 0;
  const settings = parseRadio(radio);
  const observers = new Set(list.map((r) => r.observerId)).size;
  const spread = spreadSeconds(list);
  const place = asPlace(decoded.lat, decoded.lon);
  const { snr = null, rssi = null } = reception ?? packet;
  const facts: [string, string, string?][] = [
    ["SNR", snr === null ? "not given" : `${signed(snr, 2, true)} dB`],
    ["RSSI", rssi === null ? "not given" : `${signed(rssi, 0)} dBm`],
    ["Size", plural(bytes, "byte")],
    settings
      ? [
          "Airtime",
          `${Math.round(airtimeMs(bytes, settings))} ms`,
          `SF ${settings.spreadingFactor}, ${settings.bandwidthKhz} kHz, 4/${settings.codingRate}, as the observer reports`,
        ]
      : ["Airtime", "unknown", "The observer did not report its radio settings"],
    ["Route", routeName(packet.route_type).toLowerCase().replaceAll("_", " ")],
    ["Heard", list.length > 1 ? plural(list.length, "time") : "once", `by ${plural(observers, "observer")}`],
    ["Spread", list.length > 1 ? (spread < 1 ? "under 1 s" : span(spread)) : "–"],
  ];
  if (isTransport(packet.route_type)) facts.push(["Scope", packet.scope_name || "unknown"]);
  else if (place) facts.push(["Place", `${place.lat.toFixed(4)}, ${place.lon.toFixed(4)}`]);
  else if (decoded.signatureValid !== undefined)
    facts.push(["Signature", decoded.signatureValid ? "valid" : "not valid"]);
  else facts.push(["Direction", reception?.direction || "–"]);
  return (
    <dl class="facts ifacts" style={{ "--n": 4 }}>
      {facts.map(([name, value, title]) => (
        <div key={name} title={title}>
          <dt>{name}</dt>
          <dd class="clip">{value}</dd>
        </div>
      ))}
    </dl>
  );
}
