import { readFileSync } from "node:fs";
import { defineConfig, type Plugin } from "vite";

/** Puts the icon sprite into index.html once, so that `<use href="#i-…">` never waits for a request. */
function iconSprite(): Plugin {
  return {
    name: "icon-sprite",
    transformIndexHtml: (html) => {
      const svg = readFileSync(new URL("src/ui/icons.svg", import.meta.url), "utf8")
        .replace(/<!--[\s\S]*?-->\s*/, "")
        .replace("<svg ", '<svg class="sprite" ')
        .replaceAll("\n", "");
      return html.replace("<!--icons-->", svg);
    },
  };
}

export default defineConfig({
  base: "./",
  plugins: [iconSprite()],
  build: {
    target: "es2022",
    sourcemap: false,
    assetsInlineLimit: 0,
    reportCompressedSize: false,
    chunkSizeWarningLimit: 1200,
    rolldownOptions: {
      output: {
        // The budgets tell the map's script and style by their names.
        chunkFileNames: (chunk) =>
          `assets/${chunk.facadeModuleId?.includes("/map/") ? "map" : "[name]"}-[hash].js`,
        assetFileNames: "assets/[name]-[hash][extname]",
      },
    },
  },
  server: { proxy: { "/api": "http://127.0.0.1:8080", "/ws": { target: "ws://127.0.0.1:8080", ws: true } } },
  test: { include: ["src/**/*.test.ts"] },
} as Parameters<typeof defineConfig>[0]);
