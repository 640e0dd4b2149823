import { defineConfig } from "vitest/config";

/** Journeys in a real browser against the real program: patient with a loaded machine, one after the other. */
export default defineConfig({
  root: new URL(".", import.meta.url).pathname,
  test: {
    include: ["*.e2e.ts"],
    testTimeout: 240_000,
    hookTimeout: 240_000,
    retry: 2,
    fileParallelism: false,
  },
});
