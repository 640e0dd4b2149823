import type { Map as MapLibreMap } from "maplibre-gl";
import { useEffect, useRef, useState } from "preact/hooks";
import { shownTheme } from "../../app/theme";
import type { Bounds, Place } from "../../lib/geo";
import { basemapStyle, hasWebGl, openBasemap } from "./basemap";
import { type Camera, cameraFor, metresPerPx, placeAt, type Point } from "./camera";
import { gather, type Gathered } from "./cluster";
import type { Spot } from "./model";
import { drawOverlay, hitAt, type Hits } from "./overlay";
import { type MapColours, readColours } from "./palette";
import { loadTowns, type Town } from "./places";

/** What the page can ask of the view. */
export interface MapHandle {
  readonly zoomBy: (steps: number) => void;
  readonly fit: (bounds: Bounds, maxZoom?: number) => void;
  /** Brings a place into view, near enough to tell it from its neighbours. */
  readonly show: (place: Place) => void;
}

interface Props {
  readonly spots: readonly Spot[];
  readonly selected: string;
  /** Where it opens, for a size in px. */
  readonly start: (width: number, height: number) => Camera;
  readonly clusters: boolean;
  readonly names: boolean;
  readonly prefixes: boolean;
  readonly nowMs: number;
  readonly onSelect: (key: string) => void;
  readonly onMove: (camera: Camera) => void;
  readonly handle: { current: MapHandle | null };
}

const LABEL =
  "Map of the nodes. Arrows move, plus and minus zoom; the list of nodes beside it holds the same nodes.";
const EMPTY: Hits = { spots: [], clusters: [] };
const PAN_PX = 90;

/**
 * The map: MapLibre draws the basemap, a canvas over it the marks, clusters and names. Without WebGL the canvas stands alone on a
 * plain ground, with the same hands.
 */
export function MapView(props: Props) {
  const box = useRef<HTMLDivElement>(null);
  const canvas = useRef<HTMLCanvasElement>(null);
  const state = useRef<Drawing | null>(null);
  const [plain, setPlain] = useState(false);
  useEffect(() => {
    if (!box.current || !canvas.current) return;
    const drawing = new Drawing(box.current, canvas.current, props.start, () => setPlain(true));
    state.current = drawing;
    props.handle.current = drawing;
    void drawing.open();
    return () => {
      props.handle.current = null;
      drawing.close();
    };
  }, []);
  useEffect(() => {
    state.current?.update(props);
  });
  const theme = shownTheme.value;
  useEffect(() => state.current?.retheme(), [theme]);
  return (
    <div class="mapbox">
      <div
        class="basemap"
        ref={box}
        tabIndex={plain ? 0 : undefined}
        role={plain ? "region" : undefined}
        aria-label={plain ? LABEL : undefined}
      />
      <canvas ref={canvas} class="overlay" aria-hidden="true" />
      {plain ? <p class="mapnote">No WebGL here: the map is drawn without land.</p> : null}
    </div>
  );
}

/** The moving part: owns the basemap, the canvas, and the frame that is waiting to be drawn. */
class Drawing implements MapHandle {
  private map: MapLibreMap | null = null;
  private camera: Camera;
  private props: Props | null = null;
  private towns: readonly Town[] = [];
  private hits: Hits = EMPTY;
  private hover = "";
  private frame = 0;
  private closed = false;
  private colours = readColours();
  private gathered: {
    readonly spots: readonly Spot[];
    readonly zoom: number;
    readonly on: boolean;
    readonly value: Gathered;
  } | null = null;
  private readonly watch: ResizeObserver;
  private readonly quit = new AbortController();

  constructor(
    private readonly box: HTMLElement,
    private readonly canvas: HTMLCanvasElement,
    start: Props["start"],
    private readonly onPlain: () => void,
  ) {
    this.camera = start(Math.max(1, box.clientWidth), Math.max(1, box.clientHeight));
    this.watch = new ResizeObserver(() => this.resize());
    this.watch.observe(box);
    this.listen();
  }

  async open(): Promise<void> {
    void loadTowns().then((towns) => {
      this.towns = towns;
      this.request();
    });
    this.resize();
    if (!hasWebGl()) {
      this.onPlain();
      return;
    }
    try {
      const map = await openBasemap(this.box, this.camera, this.colours);
      if (this.closed) {
        map.remove();
        return;
      }
      this.map = map;
      map.getCanvas().setAttribute("aria-label", LABEL);
      map.jumpTo({ center: [this.camera.center.lon, this.camera.center.lat], zoom: this.camera.zoom });
      map.on("move", () => this.follow());
      map.on("moveend", () => this.props?.onMove(this.camera));
    } catch {
      this.onPlain();
    }
  }

  close(): void {
    this.closed = true;
    this.quit.abort();
    this.watch.disconnect();
    cancelAnimationFrame(this.frame);
    this.map?.remove();
  }

  update(props: Props): void {
    this.props = props;
    this.request();
  }

  retheme(): void {
    this.colours = readColours();
    this.map?.setStyle(basemapStyle(this.colours));
    this.request();
  }

  zoomBy(steps: number): void {
    this.goTo({ ...this.camera, zoom: Math.max(0.5, Math.min(16, this.camera.zoom + steps)) });
  }

  fit(bounds: Bounds, maxZoom = 12): void {
    this.goTo(cameraFor(bounds, this.camera.width, this.camera.height, maxZoom));
  }

  show(place: Place): void {
    const camera = { ...this.camera, center: place, zoom: Math.max(this.camera.zoom, 11) };
    // On a phone the sheet covers the lower half.
    const down = camera.width < 768 ? camera.height * 0.25 : 0;
    this.goTo({ ...camera, center: placeAt(camera, { x: camera.width / 2, y: camera.height / 2 + down }) });
  }

  private goTo(camera: Camera): void {
    const still = matchMedia("(prefers-reduced-motion: reduce)").matches;
    if (this.map)
      this.map.easeTo({
        center: [camera.center.lon, camera.center.lat],
        zoom: camera.zoom,
        duration: still ? 0 : 300,
      });
    else {
      this.camera = camera;
      this.props?.onMove(camera);
      this.request();
    }
  }

  private follow(): void {
    if (!this.map) return;
    const { lat, lng } = this.map.getCenter();
    this.camera = { ...this.camera, center: { lat, lon: lng }, zoom: this.map.getZoom() };
    // At once, not in the next frame: marks must not lag behind the land.
    this.draw();
  }

  private resize(): void {
    const { clientWidth: width, clientHeight: height } = this.box;
    if (width === 0 || height === 0) return;
    const scale = devicePixelRatio || 1;
    this.canvas.width = Math.round(width * scale);
    this.canvas.height = Math.round(height * scale);
    this.camera = { ...this.camera, width, height };
    this.map?.resize();
    this.draw();
  }

  private request(): void {
    cancelAnimationFrame(this.frame);
    this.frame = requestAnimationFrame(() => this.draw());
  }

  private draw(): void {
    const context = this.canvas.getContext("2d");
    const props = this.props;
    if (!context || !props || this.closed) return;
    const scale = devicePixelRatio || 1;
    context.setTransform(scale, 0, 0, scale, 0, 0);
    this.hits = drawOverlay(context, {
      camera: this.camera,
      gathered: this.gatheredNow(props),
      towns: this.towns,
      colours: this.colours,
      nowMs: props.nowMs,
      selected: props.selected,
      hover: this.hover,
      names: props.names,
      prefixes: props.prefixes,
    });
    drawScale(context, this.camera, this.colours);
  }

  /** Clusters change with the spots and with half steps of zoom, not with every frame. */
  private gatheredNow(props: Props): Gathered {
    const zoom = Math.round(this.camera.zoom * 2) / 2;
    const old = this.gathered;
    if (old && old.spots === props.spots && old.zoom === zoom && old.on === props.clusters) return old.value;
    const value = gather(props.spots, zoom, props.clusters);
    this.gathered = { spots: props.spots, zoom, on: props.clusters, value };
    return value;
  }

  /** The canvas lets everything through: MapLibre moves the map, what is hit is found from the same events. */
  private listen(): void {
    const { box } = this;
    const options = { signal: this.quit.signal };
    let down: Point | null = null;
    let last: Point | null = null;
    const point = (event: MouseEvent): Point => {
      const rect = box.getBoundingClientRect();
      return { x: event.clientX - rect.left, y: event.clientY - rect.top };
    };
    box.addEventListener(
      "pointerdown",
      (event) => {
        down = last = point(event);
      },
      { ...options, capture: true },
    );
    box.addEventListener(
      "pointermove",
      (event) => {
        const at = point(event);
        if (last && event.buttons === 1 && !this.map) this.panBy(last.x - at.x, last.y - at.y);
        last = event.buttons === 1 ? at : null;
        this.point(at);
      },
      options,
    );
    box.addEventListener(
      "click",
      (event) => {
        const at = point(event);
        if (down && Math.hypot(at.x - down.x, at.y - down.y) > 6) return;
        this.choose(at, matchMedia("(pointer: coarse)").matches ? 22 : 12);
      },
      options,
    );
    box.addEventListener(
      "wheel",
      (event) => {
        if (this.map) return;
        event.preventDefault();
        this.zoomBy(event.deltaY < 0 ? 0.5 : -0.5);
      },
      { ...options, passive: false },
    );
    box.addEventListener("keydown", (event) => this.key(event), options);
  }

  private point(at: Point): void {
    const hit = hitAt(this.hits, at, 12);
    const cursor = hit.spot || hit.cluster ? "pointer" : "";
    const target = this.map?.getCanvas() ?? this.box;
    if (target.style.cursor !== cursor) target.style.cursor = cursor;
    const hover = hit.spot?.key ?? "";
    if (hover === this.hover) return;
    this.hover = hover;
    this.request();
  }

  private choose(at: Point, reachPx: number): void {
    const { spot, cluster } = hitAt(this.hits, at, reachPx);
    if (cluster) this.fit(cluster.bounds, Math.min(16, this.camera.zoom + 4));
    else this.props?.onSelect(spot?.key ?? "");
  }

  private key(event: KeyboardEvent): void {
    const pans: Record<string, readonly [number, number]> = {
      ArrowLeft: [-PAN_PX, 0],
      ArrowRight: [PAN_PX, 0],
      ArrowUp: [0, -PAN_PX],
      ArrowDown: [0, PAN_PX],
    };
    const pan = pans[event.key];
    if (pan) this.panBy(...pan);
    else if (event.key === "+" || event.key === "=") this.zoomBy(1);
    else if (event.key === "-") this.zoomBy(-1);
    else return;
    event.preventDefault();
  }

  private panBy(dx: number, dy: number): void {
    const { width, height } = this.camera;
    this.goTo({ ...this.camera, center: placeAt(this.camera, { x: width / 2 + dx, y: height / 2 + dy }) });
  }
}

const ROUND_METRES = [
  1, 2, 5, 10, 20, 50, 100, 200, 500, 1e3, 2e3, 5e3, 1e4, 2e4, 5e4, 1e5, 2e5, 5e5, 1e6, 2e6, 5e6,
];

function drawScale(context: CanvasRenderingContext2D, camera: Camera, colours: MapColours): void {
  const perPx = metresPerPx(camera.center.lat, camera.zoom);
  const metres = ROUND_METRES.findLast((m) => m / perPx <= 120) ?? 1;
  const length = metres / perPx;
  const y = camera.height - 18;
  context.strokeStyle = colours.muted;
  context.lineWidth = 1;
  context.beginPath();
  context.moveTo(16.5, y - 4);
  context.lineTo(16.5, y + 0.5);
  context.lineTo(16.5 + length, y + 0.5);
  context.lineTo(16.5 + length, y - 4);
  context.stroke();
  context.font = '11px "IBM Plex Sans", system-ui, sans-serif';
  context.textAlign = "left";
  context.textBaseline = "middle";
  context.fillStyle = colours.label;
  context.fillText(metres >= 1000 ? `${metres / 1000} km` : `${metres} m`, 24 + length, y);
  context.textAlign = "right";
  context.lineWidth = 3;
  context.strokeStyle = colours.halo;
  const credit = "Natural Earth, GeoNames";
  context.strokeText(credit, camera.width - 12, y);
  context.fillText(credit, camera.width - 12, y);
}
