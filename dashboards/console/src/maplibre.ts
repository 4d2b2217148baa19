import * as maplibregl from "maplibre-gl";
import workerURL from "maplibre-gl/dist/maplibre-gl-worker.mjs?worker&url";
import "maplibre-gl/dist/maplibre-gl.css";

// The worker is a file of the program: without this MapLibre looks for it beside a bundle that is not there.
maplibregl.setWorkerUrl(workerURL);

export default maplibregl;
