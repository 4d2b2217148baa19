import { defineConfig } from "vite";

// The console is served below /console from files embedded in the program; names carry hashes.
export default defineConfig({
  base: "/console/",
  build: {
    outDir: "dist/app",
    emptyOutDir: true,
    target: "es2022",
    // A data: URL would need a wider Content-Security-Policy than one for what the program serves.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    chunkSizeWarningLimit: 1600,
  },
  worker: { format: "es" },
});
