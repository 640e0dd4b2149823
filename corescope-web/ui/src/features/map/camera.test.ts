import { describe, expect, it } from "vitest";
import { cameraFor, latitudeOf, mercatorY, metresPerPx, placeAt, projector } from "./camera";

describe("the camera", () => {
  it("puts a place where it was taken from", () => {
    const camera = { center: { lat: 37.5, lon: -122 }, zoom: 9.3, width: 800, height: 600 };
    const at = projector(camera)({ lat: 37.8, lon: -122.4 });
    const back = placeAt(camera, at);
    expect(back.lat).toBeCloseTo(37.8, 6);
    expect(back.lon).toBeCloseTo(-122.4, 6);
    expect(projector(camera)(camera.center)).toEqual({ x: 400, y: 300 });
  });
  it("inverts Mercator, and stays finite at the poles", () => {
    for (const lat of [-80, -1, 0, 45, 84]) expect(latitudeOf(mercatorY(lat))).toBeCloseTo(lat, 8);
    expect(Number.isFinite(mercatorY(90))).toBe(true);
  });
  it("shows all of a box with a margin", () => {
    const bounds = [9.4, 50.3, 9.9, 50.6] as const;
    const camera = cameraFor(bounds, 1000, 700);
    const project = projector(camera);
    for (const [lon, lat] of [
      [9.4, 50.3],
      [9.9, 50.6],
    ] as const) {
      const { x, y } = project({ lat, lon });
      expect(x).toBeGreaterThan(50);
      expect(x).toBeLessThan(950);
      expect(y).toBeGreaterThan(30);
      expect(y).toBeLessThan(670);
    }
    expect(cameraFor([5, 5, 5, 5], 800, 600).zoom).toBe(12);
  });
  it("knows how much ground a px covers", () => {
    expect(metresPerPx(0, 0)).toBeCloseTo(78_271.5, 0);
  });
});
