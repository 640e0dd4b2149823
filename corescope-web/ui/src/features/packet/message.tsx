import type { Packet } from "../../api/types";
import { detailOf, detailText, type Decoded } from "../../lib/packet";
import { payloadKind } from "../../lib/payload";
import { Hash, Name, RoleMark } from "../../ui/marks";

/** Who says what: the text of a message, the name of an advert, or why there is nothing to read. */
export function Message({ packet, decoded }: { packet: Packet; decoded: Decoded }) {
  const detail = detailOf(packet.payload_type, decoded);
  const text = decoded.text ?? "";
  const body =
    decoded.sender && text.startsWith(`${decoded.sender}: `) ? text.slice(decoded.sender.length + 2) : text;
  return (
    <blockquote class="msg" style={{ "--pt": payloadKind(packet.payload_type).colour }}>
      <span class="by">
        {detail.kind === "message" ? (
          <span class="clip">
            {decoded.sender ? (
              <b>
                <Name text={decoded.sender} />
              </b>
            ) : (
              "someone"
            )}{" "}
            in <span class="link">{detail.channel}</span>
          </span>
        ) : (
          <span class="clip">{payloadKind(packet.payload_type).title}</span>
        )}
        <span class="hh">
          <Hash hex={packet.hash} />
        </span>
      </span>
      {detail.kind === "message" ? <Name text={body} /> : null}
      {detail.kind === "advert" ? (
        <a class="who" href={decoded.pubKey ? `#/nodes/${decoded.pubKey}` : undefined}>
          <RoleMark role={detail.role} /> <Name text={detail.name} />
        </a>
      ) : null}
      {detail.kind === "locked" ? (
        <span class="t2">
          {decoded.decryptionStatus === "no_key"
            ? `No key is configured, so the text of channel ${decoded.channelHashHex ?? "??"} stays closed.`
            : `No known key opens channel ${decoded.channelHashHex ?? "??"}.`}
        </span>
      ) : null}
      {detail.kind === "hashes" ? <span class="mono">{detail.text}</span> : null}
      {detail.kind === "text" ? <span class="t2">{detailText(detail)}</span> : null}
    </blockquote>
  );
}
