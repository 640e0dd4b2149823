import type { Map as MapLibreMap, StyleSpecification } from "maplibre-gl";
import workerUrl from "maplibre-gl/dist/maplibre-gl-csp-worker.js?url";
import { PMTiles, Protocol } from "pmtiles";
import { address } from "../../api/client";
import tilesUrl from "../../../generated/basemap.pmtiles?url";
import type { Camera } from "./camera";
import { type MapColours, mix } from "./palette";

/** The embedded basemap in a style: water, three faint shoal lines, land, shore, borders. */
export function basemapStyle(colours: MapColours): StyleSpecification {
  // Opaque, the widest first: see-through lines would show where their parts overlap.
  const shoal = (id: string, width: number, share: number): StyleSpecification["layers"][number] => ({
    id,
    type: "line",
    source: "base",
    "source-layer": "coast",
    layout: { "line-join": "round" },
    paint: {
      "line-color": mix(colours.water, colours.shore, share),
      "line-width": ["interpolate", ["linear"], ["zoom"], 2, width / 4, 8, width, 12, width * 1.5],
    },
  });
  return {
    version: 8,
    sources: { base: { type: "vector", url: `pmtiles://${address(tilesUrl)}` } },
    layers: [
      { id: "water", type: "background", paint: { "background-color": colours.water } },
      shoal("shoal-3", 44, 0.06),
      shoal("shoal-2", 26, 0.12),
      shoal("shoal-1", 12, 0.18),
      {
        id: "land",
        type: "fill",
        source: "base",
        "source-layer": "land",
        paint: { "fill-color": colours.land, "fill-antialias": true },
      },
      {
        id: "border",
        type: "line",
        source: "base",
        "source-layer": "border",
        paint: {
          "line-color": colours.shore,
          "line-opacity": 0.55,
          "line-width": 0.8,
          "line-dasharray": [4, 3],
        },
      },
      {
        id: "shore",
        type: "line",
        source: "base",
        "source-layer": "coast",
        layout: { "line-join": "round" },
        paint: {
          "line-color": colours.shore,
          "line-width": ["interpolate", ["linear"], ["zoom"], 1, 0.5, 6, 1],
        },
      },
    ],
  };
}

/** Whether the browser can draw the basemap at all. */
export function hasWebGl(): boolean {
  return document.createElement("canvas").getContext("webgl2") !== null;
}

let ready: Promise<typeof import("maplibre-gl")> | null = null;

function library(): Promise<typeof import("maplibre-gl")> {
  ready ??= import("maplibre-gl/dist/maplibre-gl-csp.js").then(({ default: maplibre }) => {
    maplibre.setWorkerUrl(workerUrl);
    const protocol = new Protocol();
    protocol.add(new PMTiles(address(tilesUrl)));
    maplibre.addProtocol("pmtiles", protocol.tile);
    return maplibre;
  });
  return ready;
}

/** Opens the basemap in an element: flat, north up. */
export async function openBasemap(
  element: HTMLElement,
  camera: Camera,
  colours: MapColours,
): Promise<MapLibreMap> {
  const { Map: LibreMap } = await library();
  const map = new LibreMap({
    container: element,
    style: basemapStyle(colours),
    center: [camera.center.lon, camera.center.lat],
    zoom: camera.zoom,
    maxZoom: 16,
    attributionControl: false,
    dragRotate: false,
    pitchWithRotate: false,
    touchPitch: false,
    maxPitch: 0,
    renderWorldCopies: true,
    fadeDuration: 0,
    keyboard: false,
  });
  map.touchZoomRotate.disableRotation();
  return map;
}
