import { expect, it } from "vitest";
import { asPlace, boundsOf, distanceKm } from "./geo";

it("takes no fix, and nothing out of range, for a place", () => {
  expect(asPlace(0, 0)).toBeNull();
  expect(asPlace(null, 4)).toBeNull();
  expect(asPlace(91, 4)).toBeNull();
  expect(asPlace(Number.NaN, 4)).toBeNull();
  expect(asPlace(37.1, -121.9)).toEqual({ lat: 37.1, lon: -121.9 });
});

it("measures great circles", () => {
  expect(distanceKm({ lat: 52.52, lon: 13.405 }, { lat: 48.8566, lon: 2.3522 })).toBeCloseTo(877.5, 0);
  expect(distanceKm({ lat: 1, lon: 1 }, { lat: 1, lon: 1 })).toBe(0);
});

it("opens on the mesh, not on one wrong fix across the ocean", () => {
  const mesh = Array.from({ length: 40 }, (_, n) => ({ lat: 37 + n / 40, lon: -122 + n / 40 }));
  const bounds = boundsOf([...mesh, { lat: -33, lon: 151 }]);
  expect(bounds?.[2]).toBeLessThan(-100);
  expect(bounds?.[1]).toBeGreaterThan(30);
  expect(boundsOf([])).toBeNull();
});
