/** MapLibre for pages with a content security policy: the worker is a file of its own. */
declare module "maplibre-gl/dist/maplibre-gl-csp.js" {
  const maplibre: typeof import("maplibre-gl");
  // biome-ignore lint/style/noDefaultExport: the library exports it so
  export default maplibre;
}
