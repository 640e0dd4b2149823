import { useComputed, useSignal } from "@preact/signals";
import type { ComponentChildren } from "preact";
import { useEffect, useMemo, useRef } from "preact/hooks";
import { useApp } from "../../app/context";
import { Header } from "../../app/header";
import { formatRoute, go, route, setQuery } from "../../app/router";
import { count } from "../../lib/format";
import { boundsOf, type Place } from "../../lib/geo";
import { recall, remember } from "../../lib/memory";
import { Icon } from "../../ui/icon";
import { Blank, Failed, Skeleton } from "../../ui/states";
import { type Camera, cameraFor } from "./camera";
import { Dock, readSettings, SETTINGS_KEY } from "./dock";
import { heardWithin, spotsOf, STALE_HOURS, visible } from "./model";
import { type MapHandle, MapView } from "./view";
import "./map.css";

const CAMERA_KEY = "corescope-map-view";

/** The map of the nodes. `inspector` is what the shell shows beside it. */
export function MapPage({ inspector }: { inspector: ComponentChildren }) {
  const app = useApp();
  const handle = useRef<MapHandle | null>(null);
  const settings = useSignal(readSettings(recall(SETTINGS_KEY)));
  const dockOpen = useSignal(innerWidth >= 768);
  useEffect(() => {
    void app.directory.ensure(Date.now());
    const timer = setInterval(() => {
      if (!document.hidden) void app.directory.read(Date.now());
    }, 60_000);
    return () => clearInterval(timer);
  }, [app]);
  useEffect(() => remember(SETTINGS_KEY, JSON.stringify(settings.value)), [settings.value]);
  const spots = useComputed(() => spotsOf(app.directory.nodes.value, app.observers.value ?? []));
  const minute = useComputed(() => Math.floor(app.nowMs.value / 60_000) * 60_000);
  const seen = useComputed(() => {
    const { roles, hours, hashSize } = settings.value;
    return visible(spots.value, { roles: new Set(roles), hours, hashSize }, minute.value);
  });
  const selected = (route.value.query.get("node") ?? "").toLowerCase();
  const state = app.directory.state.value;
  const waiting = state.kind === "loading";
  const start = useMemo(
    () =>
      waiting
        ? null
        : startCamera(
            route.value.query,
            spots.value.find((s) => s.key === selected)?.place,
            spots.value.map((s) => s.place),
          ),
    [waiting],
  );
  const fit = (): void => {
    const bounds = boundsOf(seen.value.map((s) => s.place));
    if (bounds) handle.current?.fit(bounds);
  };
  const select = (key: string): void => {
    const next = formatRoute("map", "", new Map([...route.value.query, ["node", key]]));
    go(next, key === "" || selected !== "");
  };
  const recent = spots.value.filter((s) => heardWithin(s, STALE_HOURS, minute.value)).length;
  const without = app.directory.nodes.value.length - spots.value.filter((s) => s.role !== "observer").length;
  return (
    <>
      <Header
        title="Map"
        note={waiting ? "" : `${count(spots.value.length)} with a place, ${count(recent)} heard in 24 h`}
      />
      <main class={`main stage${dockOpen.value ? "" : " nodock"}`} id="main" tabIndex={-1}>
        {dockOpen.value ? (
          <Dock
            settings={settings}
            spots={spots.value}
            seen={seen.value}
            nowMs={minute.value}
            without={Math.max(0, without)}
            onSelect={(key) => {
              const spot = spots.value.find((s) => s.key === key);
              select(key);
              if (innerWidth < 768) dockOpen.value = false;
              // Once the inspector has taken its room.
              if (spot) setTimeout(() => handle.current?.show(spot.place), 80);
            }}
            onClose={() => (dockOpen.value = false)}
          />
        ) : null}
        <div class="tools" role="toolbar" aria-orientation="vertical" aria-label="Map">
          <button
            type="button"
            class="btn quiet icon"
            aria-pressed={dockOpen.value}
            aria-label="Filters"
            title="Filters"
            onClick={() => (dockOpen.value = !dockOpen.value)}
          >
            <Icon name="filter" large />
          </button>
          <hr />
          <button
            type="button"
            class="btn quiet icon"
            aria-label="Zoom in"
            title="Zoom in (+)"
            onClick={() => handle.current?.zoomBy(1)}
          >
            <Icon name="plus" large />
          </button>
          <button
            type="button"
            class="btn quiet icon"
            aria-label="Zoom out"
            title="Zoom out (−)"
            onClick={() => handle.current?.zoomBy(-1)}
          >
            <Icon name="minus" large />
          </button>
          <button
            type="button"
            class="btn quiet icon"
            aria-label="Fit the mesh"
            title="Fit the mesh"
            onClick={fit}
          >
            <Icon name="locate" large />
          </button>
        </div>
        <div class="mapcell">
          {start ? (
            <MapView
              spots={seen.value}
              selected={selected}
              start={start}
              clusters={settings.value.clusters}
              names={settings.value.names}
              prefixes={settings.value.prefixes}
              nowMs={minute.value}
              onSelect={select}
              onMove={keepCamera}
              handle={handle}
            />
          ) : (
            <Skeleton lines={8} label="The nodes are being read" />
          )}
          {state.kind === "failed" ? (
            <div class="mapover">
              <Failed
                what="The nodes could not be read"
                error={state.error}
                retry={() => void app.directory.read(Date.now())}
              />
            </div>
          ) : null}
          {state.kind === "ready" && seen.value.length === 0 ? (
            <div class="mapover">
              <Nothing any={spots.value.length > 0} onAll={() => (settings.value = readSettings(null))} />
            </div>
          ) : null}
        </div>
      </main>
      {inspector}
    </>
  );
}

function Nothing({ any, onAll }: { any: boolean; onAll: () => void }) {
  if (!any) {
    return (
      <Blank icon="map" title="No node has told its place yet">
        A node stands on the map as soon as one of its adverts carries a position.
      </Blank>
    );
  }
  return (
    <Blank
      icon="filter"
      title="Every node is filtered out"
      actions={
        <button type="button" class="btn" onClick={onAll}>
          Show all
        </button>
      }
    >
      The filters at the left leave none of the nodes with a place.
    </Blank>
  );
}

/** Where the map opens, once the size of its box is known: an address, a node, where it was left, or all of the mesh. */
function startCamera(
  query: ReadonlyMap<string, string>,
  node: Place | undefined,
  places: readonly Place[],
): (width: number, height: number) => Camera {
  const [lat, lon, zoom] = ["lat", "lon", "zoom"].map((name) => Number(query.get(name) ?? Number.NaN));
  const kept = readCamera(recall(CAMERA_KEY));
  return (width, height) => {
    if (lat !== undefined && lon !== undefined && Math.abs(lat) <= 90 && Math.abs(lon) <= 180) {
      return {
        center: { lat, lon },
        zoom: zoom !== undefined && zoom > 0 && zoom <= 18 ? zoom : 11,
        width,
        height,
      };
    }
    if (node) return { center: node, zoom: 12, width, height };
    if (kept) return { ...kept, width, height };
    const bounds = boundsOf(places);
    return bounds
      ? cameraFor(bounds, width, height)
      : { center: { lat: 30, lon: 8 }, zoom: 1.2, width, height };
  };
}

function readCamera(text: string | null): Pick<Camera, "center" | "zoom"> | null {
  const [lat, lon, zoom] = (text ?? "").split(",").map(Number);
  if (lat === undefined || lon === undefined || zoom === undefined) return null;
  return Math.abs(lat) <= 90 && Math.abs(lon) <= 180 && zoom >= 0 && zoom <= 18
    ? { center: { lat, lon }, zoom }
    : null;
}

function keepCamera(camera: Camera): void {
  const { lat, lon } = camera.center;
  const text = `${lat.toFixed(5)},${lon.toFixed(5)},${camera.zoom.toFixed(2)}`;
  remember(CAMERA_KEY, text);
  // An address that names a place would hold the map there after a reload.
  if (route.value.page === "map" && route.value.query.has("lat"))
    setQuery({ lat: lat.toFixed(5), lon: lon.toFixed(5), zoom: camera.zoom.toFixed(2) });
}
