import { describe, expect, it } from "vitest";
import { healthOf, USUAL } from "./health";

const HOUR = 3_600_000;

describe("health", () => {
  it("follows the role: infrastructure may be silent longer", () => {
    const word = (role: string, hours: number): string => healthOf(role, 0, hours * HOUR, USUAL).word;
    expect([word("repeater", 23), word("repeater", 24), word("room", 72)]).toEqual([
      "Healthy",
      "Degraded",
      "Silent",
    ]);
    expect([word("companion", 0.9), word("sensor", 1), word("companion", 24)]).toEqual([
      "Healthy",
      "Degraded",
      "Silent",
    ]);
    expect(healthOf("repeater", null, 0, USUAL).word).toBe("Never heard");
    expect(healthOf("repeater", 0, HOUR, USUAL, true).word).toBe("Relaying");
  });

  it("takes the thresholds of the server", () => {
    const own = { ...USUAL, infraDegradedMs: HOUR, observerOnlineMs: 2 * HOUR };
    expect(healthOf("repeater", 0, HOUR, own).word).toBe("Degraded");
    expect(healthOf("observer", 0, 1.5 * HOUR, own).word).toBe("Healthy");
  });
});
