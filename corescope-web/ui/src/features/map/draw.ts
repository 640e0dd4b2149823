import type { Role } from "../../lib/packet";
import type { Point } from "./camera";
import type { Cluster } from "./cluster";
import type { Box } from "./labels";
import type { MapColours } from "./palette";

/** Radius of a role mark, px. */
export const MARK_RADIUS = 4.6;

/** Radius of the ring around the chosen one, px. */
const RING_RADIUS = 10.5;

const NAME_FONT = '500 11.5px "IBM Plex Sans", system-ui, sans-serif';
const COUNT_FONT = '600 11.5px "IBM Plex Sans", system-ui, sans-serif';
const PART_FONT = '11px "IBM Plex Sans", system-ui, sans-serif';

const widths = new Map<string, number>();
/** Widths kept; names come from strangers, so the table is bounded. */
const WIDTHS_MAX = 20_000;

/** Width of a label in px. */
export function measure(context: CanvasRenderingContext2D, text: string, count: boolean): number {
  const key = count ? `#${text}` : text;
  const known = widths.get(key);
  if (known !== undefined) return known;
  context.font = count ? COUNT_FONT : NAME_FONT;
  const width = context.measureText(text).width;
  if (widths.size >= WIDTHS_MAX) widths.clear();
  widths.set(key, width);
  return width;
}

/** Where a label may stand: right of its mark, left, above, below. */
export function labelBoxes(at: Point, width: number, ringed = false): Box[] {
  const gap = (ringed ? RING_RADIUS : MARK_RADIUS) + 4;
  const box = (left: number, y: number): Box => ({
    left: left - 1,
    right: left + width + 2,
    top: y - 7,
    bottom: y + 7,
  });
  return [box(at.x + gap, at.y), box(at.x - gap - width, at.y)];
}

/** The shape of a role around a point. */
function trace(context: CanvasRenderingContext2D, role: Role, { x, y }: Point, r: number): void {
  context.beginPath();
  const polygon = (points: readonly (readonly [number, number])[]): void => {
    for (const [dx, dy] of points) context.lineTo(x + dx * r, y + dy * r);
    context.closePath();
  };
  if (role === "repeater") context.arc(x, y, r, 0, 2 * Math.PI);
  else if (role === "companion") context.rect(x - r * 0.88, y - r * 0.88, r * 1.76, r * 1.76);
  else if (role === "room")
    polygon([
      [0, -1.08],
      [0.94, -0.54],
      [0.94, 0.54],
      [0, 1.08],
      [-0.94, 0.54],
      [-0.94, -0.54],
    ]);
  else if (role === "sensor")
    polygon([
      [0, -1.1],
      [1.05, 0.8],
      [-1.05, 0.8],
    ]);
  else
    polygon([
      [0, -1.2],
      [1.2, 0],
      [0, 1.2],
      [-1.2, 0],
    ]);
}

/** Draws a role mark with its halo; the chosen one has a ring. */
export function drawMark(
  context: CanvasRenderingContext2D,
  role: Role,
  at: Point,
  colours: MapColours,
  alpha: number,
  state: "" | "hover" | "selected",
): void {
  context.globalAlpha = alpha;
  trace(context, role, at, state ? MARK_RADIUS + 1 : MARK_RADIUS);
  context.lineWidth = 3;
  context.strokeStyle = colours.halo;
  context.stroke();
  context.fillStyle = colours.roles[role];
  context.fill();
  context.globalAlpha = 1;
  if (!state) return;
  context.beginPath();
  context.arc(at.x, at.y, RING_RADIUS, 0, 2 * Math.PI);
  context.lineWidth = 2;
  context.strokeStyle = state === "selected" ? colours.accent : colours.muted;
  context.stroke();
}

/** Writes a name with its halo. */
export function drawLabel(
  context: CanvasRenderingContext2D,
  text: string,
  x: number,
  y: number,
  colours: MapColours,
  strong: boolean,
): void {
  context.font = NAME_FONT;
  context.textAlign = "left";
  context.textBaseline = "middle";
  context.lineWidth = 3;
  context.strokeStyle = colours.halo;
  context.strokeText(text, x, y + 0.5);
  context.fillStyle = strong ? colours.accent : colours.text;
  context.fillText(text, x, y + 0.5);
}

/** Width of a cluster's pill. */
export function pillWidth(context: CanvasRenderingContext2D, cluster: Cluster): number {
  const total = measure(context, String(cluster.spots.length), true);
  return (
    8 +
    total +
    8 +
    cluster.roles.slice(0, 3).reduce((sum, [, n]) => sum + 12 + measure(context, String(n), true) + 5, 0) +
    3
  );
}

/** Draws a cluster: the total, then the mark and count of its roles; on phones the marks only. */
export function drawCluster(
  context: CanvasRenderingContext2D,
  cluster: Cluster,
  at: Point,
  colours: MapColours,
  marksOnly: boolean,
): void {
  const roles = cluster.roles.slice(0, 3);
  const totalText = String(cluster.spots.length);
  const total = measure(context, totalText, true);
  const width = marksOnly ? 8 + total + 8 + roles.length * 12 + 2 : pillWidth(context, cluster);
  const left = at.x - width / 2;
  context.beginPath();
  context.roundRect(left, at.y - 10, width, 20, 10);
  context.fillStyle = colours.surface;
  context.fill();
  context.lineWidth = 1;
  context.strokeStyle = colours.edge;
  context.stroke();
  context.font = COUNT_FONT;
  context.textAlign = "left";
  context.textBaseline = "middle";
  context.fillStyle = colours.text;
  context.fillText(totalText, left + 8, at.y + 0.5);
  let x = left + 8 + total + 6;
  context.beginPath();
  context.moveTo(x - 1, at.y - 5);
  context.lineTo(x - 1, at.y + 5);
  context.strokeStyle = colours.divider;
  context.stroke();
  for (const [role, n] of roles) {
    x += 6;
    trace(context, role, { x, y: at.y }, 3.6);
    context.fillStyle = colours.roles[role];
    context.fill();
    x += 6;
    if (marksOnly) continue;
    context.font = PART_FONT;
    context.fillStyle = colours.muted;
    context.fillText(String(n), x, at.y + 0.5);
    x += measure(context, String(n), true) + 5;
  }
}
