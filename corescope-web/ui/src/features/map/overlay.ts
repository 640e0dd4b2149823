import { emojiRuns } from "../../lib/format";
import { type Camera, mercatorY, type Point, projector, worldPx } from "./camera";
import type { Cluster, Gathered } from "./cluster";
import { drawCluster, drawLabel, drawMark, labelBoxes, MARK_RADIUS, measure, pillWidth } from "./draw";
import { Occupied } from "./labels";
import { heardWithin, type Spot, STALE_HOURS } from "./model";
import type { MapColours } from "./palette";
import type { Town } from "./places";

/** All that the overlay draws in one frame. */
export interface Scene {
  readonly camera: Camera;
  readonly gathered: Gathered;
  readonly towns: readonly Town[];
  readonly colours: MapColours;
  readonly nowMs: number;
  /** Key of the chosen spot; empty for none. */
  readonly selected: string;
  /** Key of the spot under the pointer or the keyboard; empty for none. */
  readonly hover: string;
  readonly names: boolean;
  readonly prefixes: boolean;
}

/** What can be hit in a frame. */
export interface Hits {
  readonly spots: readonly { readonly spot: Spot; readonly at: Point }[];
  readonly clusters: readonly { readonly cluster: Cluster; readonly at: Point; readonly halfWidth: number }[];
}

/** Towns looked at in one frame. */
const TOWNS_MAX = 400;

/** Draws graticule, clusters, marks and names over the basemap; answers where things are. */
export function drawOverlay(context: CanvasRenderingContext2D, scene: Scene): Hits {
  const { camera, gathered, colours } = scene;
  const project = projector(camera);
  context.clearRect(0, 0, camera.width, camera.height);
  context.lineJoin = "round";
  drawGraticule(context, scene);
  const inView = (p: Point): boolean =>
    p.x > -60 && p.y > -30 && p.x < camera.width + 60 && p.y < camera.height + 30;
  const occupied = new Occupied();
  const size = worldPx(camera.zoom);
  const origin = project({ lat: 85.0511, lon: -180 });
  const clusters = gathered.clusters
    .map((cluster) => ({
      cluster,
      at: { x: origin.x + cluster.x * size, y: origin.y + (cluster.y - mercatorY(85.0511)) * size },
      halfWidth: pillWidth(context, cluster) / 2,
    }))
    .filter(({ at }) => inView(at));
  const spots = spread(
    gathered.singles.map((spot) => ({ spot, at: project(spot.place) })).filter(({ at }) => inView(at)),
  );
  for (const { at, halfWidth } of clusters)
    occupied.take({ left: at.x - halfWidth, right: at.x + halfWidth, top: at.y - 11, bottom: at.y + 11 });
  for (const { at } of spots)
    occupied.take({
      left: at.x - MARK_RADIUS,
      right: at.x + MARK_RADIUS,
      top: at.y - MARK_RADIUS,
      bottom: at.y + MARK_RADIUS,
    });
  const ordered = [...spots].sort((a, b) => priority(b.spot, scene) - priority(a.spot, scene));
  const labels: {
    readonly text: string;
    readonly x: number;
    readonly y: number;
    readonly strong: boolean;
  }[] = [];
  if (scene.names || scene.prefixes) {
    for (const { spot, at } of ordered) {
      const text = labelText(spot, scene);
      const boxes = labelBoxes(at, measure(context, text, false), spot.key === scene.selected);
      const side = occupied.place(boxes);
      const box = boxes[side];
      if (box) labels.push({ text, x: box.left + 1, y: at.y, strong: spot.key === scene.selected });
    }
  }
  drawTowns(context, scene, project, occupied, inView);
  for (const { spot, at } of spots) {
    const fresh = heardWithin(spot, STALE_HOURS, scene.nowMs);
    drawMark(
      context,
      spot.role,
      at,
      colours,
      fresh ? 1 : 0.38,
      spot.key === scene.selected ? "selected" : spot.key === scene.hover ? "hover" : "",
    );
  }
  for (const { cluster, at } of clusters) drawCluster(context, cluster, at, colours, camera.width < 640);
  for (const label of labels) drawLabel(context, label.text, label.x, label.y, colours, label.strong);
  return { spots, clusters };
}

function priority(spot: Spot, scene: Scene): number {
  if (spot.key === scene.selected) return Number.POSITIVE_INFINITY;
  const fresh = heardWithin(spot, STALE_HOURS, scene.nowMs) ? 1e6 : 0;
  return fresh + spot.weight;
}

function labelText(spot: Spot, scene: Scene): string {
  const plain = withoutEmoji(spot.name) || spot.prefix;
  const name = plain.length > 28 ? `${plain.slice(0, 27)}…` : plain;
  if (!scene.prefixes || spot.role !== "repeater") return scene.names ? name : spot.prefix;
  return scene.names ? `${spot.prefix} ${name}` : spot.prefix;
}

/** Emoji would shine through the quiet map, so names go without them here. */
function withoutEmoji(name: string): string {
  return emojiRuns(name)
    .map((run) => (run.emoji ? " " : run.text))
    .join("")
    .replaceAll(/\s+/g, " ")
    .trim();
}

interface Placed {
  readonly spot: Spot;
  readonly at: Point;
}

/** Spots on one and the same point fan out on a small ring, so that each can be hit. */
function spread(spots: readonly Placed[]): Placed[] {
  const stacks = new Map<string, Placed[]>();
  for (const placed of spots) {
    const key = `${Math.round(placed.at.x / 3)}:${Math.round(placed.at.y / 3)}`;
    const stack = stacks.get(key);
    if (stack) stack.push(placed);
    else stacks.set(key, [placed]);
  }
  return [...stacks.values()].flatMap((stack) => {
    if (stack.length === 1) return stack;
    const radius = Math.max(8, (stack.length * 12) / (2 * Math.PI));
    return stack.map(({ spot, at }, n) => {
      const angle = (2 * Math.PI * n) / stack.length - Math.PI / 2;
      return { spot, at: { x: at.x + radius * Math.cos(angle), y: at.y + radius * Math.sin(angle) } };
    });
  });
}

function drawTowns(
  context: CanvasRenderingContext2D,
  scene: Scene,
  project: (place: { lat: number; lon: number }) => Point,
  occupied: Occupied,
  inView: (p: Point) => boolean,
): void {
  const { camera, colours } = scene;
  // The farther out, the larger a town must be: rank is ten times log2 of its inhabitants.
  const least = 243 - camera.zoom * 10.5;
  let looked = 0;
  for (const town of scene.towns) {
    if (town.rank < least || looked >= TOWNS_MAX) break;
    const at = project(town);
    if (!inView(at)) continue;
    looked++;
    const large = town.rank - least > 32;
    context.font = large ? TOWN_LARGE : TOWN_SMALL;
    const half = context.measureText(town.name).width / 2 + 3;
    const box = { left: at.x - half, right: at.x + half, top: at.y - 8, bottom: at.y + 8 };
    if (!occupied.isFree(box)) continue;
    occupied.take({
      ...box,
      left: box.left - 18,
      right: box.right + 18,
      top: box.top - 10,
      bottom: box.bottom + 10,
    });
    context.globalAlpha = 0.85;
    context.textAlign = "center";
    context.textBaseline = "middle";
    context.lineWidth = 3;
    context.strokeStyle = colours.halo;
    context.strokeText(town.name, at.x, at.y);
    context.fillStyle = colours.label;
    context.fillText(town.name, at.x, at.y);
    context.globalAlpha = 1;
  }
}

const TOWN_LARGE = '13px "IBM Plex Sans", system-ui, sans-serif';
const TOWN_SMALL = '11px "IBM Plex Sans", system-ui, sans-serif';

function drawGraticule(context: CanvasRenderingContext2D, scene: Scene): void {
  const { camera, colours } = scene;
  const degreesPerPx = 360 / worldPx(camera.zoom);
  const step =
    [0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 2, 5, 10, 20, 30, 45].find((s) => s / degreesPerPx > 150) ?? 90;
  const project = projector(camera);
  const halfDegrees = (camera.width / 2) * degreesPerPx;
  const [west, east] = [camera.center.lon - halfDegrees, camera.center.lon + halfDegrees];
  context.save();
  context.setLineDash([1, 5]);
  context.lineWidth = 0.75;
  context.strokeStyle = colours.shore;
  context.globalAlpha = 0.6;
  context.font = '10px "IBM Plex Sans", system-ui, sans-serif';
  context.fillStyle = colours.label;
  context.beginPath();
  const labels: [string, number, number][] = [];
  for (let lon = Math.ceil(west / step) * step; lon <= east; lon += step) {
    const { x } = project({ lat: 0, lon });
    context.moveTo(x, 0);
    context.lineTo(x, camera.height);
    labels.push([degrees(((lon + 540) % 360) - 180, "E", "W"), x, 12]);
  }
  for (let lat = -80; lat <= 85; lat += step) {
    const { y } = project({ lat, lon: camera.center.lon });
    if (step < 1 && (y < -500 || y > camera.height + 500)) {
      // Steps are small and far away: jump to the first that is near.
      const near = camera.center.lat - (camera.height * degreesPerPx) / 1.5;
      if (lat < near - step) lat = Math.floor(near / step) * step - step;
      else if (y < -500) break;
      continue;
    }
    if (y < 24 || y > camera.height) continue;
    context.moveTo(0, y);
    context.lineTo(camera.width, y);
    labels.push([degrees(lat, "N", "S"), 24, y - 6]);
  }
  context.stroke();
  context.textAlign = "center";
  context.textBaseline = "middle";
  for (const [text, x, y] of labels) context.fillText(text, x, y);
  context.restore();
}

function degrees(value: number, plus: string, minus: string): string {
  const rounded = Math.round(Math.abs(value) * 100) / 100;
  if (rounded === 0) return "0°";
  return `${rounded}° ${value > 0 ? plus : minus}`;
}

/** What lies under a point: the nearest spot within reach, or a cluster. */
export function hitAt(hits: Hits, point: Point, reachPx: number): { spot?: Spot; cluster?: Cluster } {
  for (const { cluster, at, halfWidth } of hits.clusters) {
    if (Math.abs(point.x - at.x) <= halfWidth && Math.abs(point.y - at.y) <= 13) return { cluster };
  }
  let best: Spot | undefined;
  let bestDistance = reachPx;
  for (const { spot, at } of hits.spots) {
    const distance = Math.hypot(point.x - at.x, point.y - at.y);
    if (distance < bestDistance) [best, bestDistance] = [spot, distance];
  }
  return best ? { spot: best } : {};
}
