import type { Bounds, Place } from "../../lib/geo";

/** Where one looks from: north is up, the map is flat. */
export interface Camera {
  readonly center: Place;
  /** Zoom as MapLibre counts it: 0 shows the world in 512 px. */
  readonly zoom: number;
  /** Size of the view in CSS px. */
  readonly width: number;
  readonly height: number;
}

/** A point of the view in CSS px. */
export interface Point {
  readonly x: number;
  readonly y: number;
}

/** Web Mercator, 0 … 1 from west to east. */
export function mercatorX(lon: number): number {
  return (lon + 180) / 360;
}

/** Web Mercator, 0 … 1 from north to south. */
export function mercatorY(lat: number): number {
  const clamped = Math.max(-85.0511, Math.min(85.0511, lat));
  const sin = Math.sin((clamped * Math.PI) / 180);
  return 0.5 - Math.log((1 + sin) / (1 - sin)) / (4 * Math.PI);
}

/** The latitude of a Mercator y. */
export function latitudeOf(y: number): number {
  return (Math.atan(Math.sinh(Math.PI * (1 - 2 * y))) * 180) / Math.PI;
}

/** Px that the whole world is wide at a zoom. */
export function worldPx(zoom: number): number {
  return 512 * 2 ** zoom;
}

/** Makes the function that puts places into the view. */
export function projector(camera: Camera): (place: Place) => Point {
  const size = worldPx(camera.zoom);
  const left = mercatorX(camera.center.lon) * size - camera.width / 2;
  const top = mercatorY(camera.center.lat) * size - camera.height / 2;
  return (place) => ({ x: mercatorX(place.lon) * size - left, y: mercatorY(place.lat) * size - top });
}

/** The place under a point of the view. */
export function placeAt(camera: Camera, point: Point): Place {
  const size = worldPx(camera.zoom);
  const x = mercatorX(camera.center.lon) + (point.x - camera.width / 2) / size;
  const y = mercatorY(camera.center.lat) + (point.y - camera.height / 2) / size;
  return { lat: latitudeOf(y), lon: x * 360 - 180 };
}

/** The camera that shows a box with a margin, at most at `maxZoom`. */
export function cameraFor(bounds: Bounds, width: number, height: number, maxZoom = 12): Camera {
  const [west, south, east, north] = bounds;
  const w = Math.max(mercatorX(east) - mercatorX(west), 1e-9);
  const h = Math.max(mercatorY(south) - mercatorY(north), 1e-9);
  const margin = 0.82;
  const zoom = Math.log2(Math.min((width * margin) / (512 * w), (height * margin) / (512 * h)));
  const center = {
    lon: (west + east) / 2,
    lat: latitudeOf((mercatorY(south) + mercatorY(north)) / 2),
  };
  return { center, zoom: Math.max(0, Math.min(maxZoom, zoom)), width, height };
}

/** Metres that one px is wide at a latitude. */
export function metresPerPx(lat: number, zoom: number): number {
  return (40_075_016.7 * Math.cos((lat * Math.PI) / 180)) / worldPx(zoom);
}
