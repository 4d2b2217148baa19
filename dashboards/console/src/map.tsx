import { useEffect, useRef, useState } from "preact/hooks";
import maplibregl from "./maplibre";
import type { GeoJSONSource, Map as Chart, Marker, StyleSpecification } from "maplibre-gl";
import { feature, mesh } from "topojson-client";
import type { Topology } from "topojson-specification";
import countriesURL from "world-atlas/countries-50m.json?url";
import type { Station, Warning, Zones } from "./api";
import { count } from "./format";
import { outlines, type Scale, Shape } from "./level";
import { words } from "./words";

export interface MapProps {
  stations: Station[]; zones: Zones | undefined; warnings: Warning[]; scale: Scale; dark: boolean;
  selected: string | undefined; focusZone: { id: string } | undefined; onSelect: (station: string) => void;
}

const empty: GeoJSON.FeatureCollection = { type: "FeatureCollection", features: [] };
const labelsAtMost = 40;

function colours(dark: boolean) {
  return dark
    ? { water: "#0a1520", land: "#15222f", border: "#41566b", grid: "#1d2c3a", ink: "#eef3f8", quiet: "#7f93a6" }
    : { water: "#d9e4ec", land: "#f6f4ee", border: "#9aa7b3", grid: "#e2e5e2", ink: "#0d1b2a", quiet: "#6b7c8d" };
}

/** style draws Natural Earth's land and borders, a grid for scale, zones and stations; it loads nothing by itself. */
function style(dark: boolean): StyleSpecification {
  const c = colours(dark);
  const source = { type: "geojson" as const, data: empty };
  return {
    version: 8,
    sources: { land: source, borders: source, grid: source, zones: source, stations: source },
    layers: [
      { id: "water", type: "background", paint: { "background-color": c.water } },
      { id: "land", type: "fill", source: "land", paint: { "fill-color": c.land, "fill-antialias": false } },
      { id: "grid", type: "line", source: "grid", paint: { "line-color": c.grid, "line-width": 1 } },
      { id: "borders", type: "line", source: "borders", paint: { "line-color": c.border, "line-width": 1.2, "line-dasharray": [4, 2] } },
      { id: "zones", type: "fill", source: "zones", paint: { "fill-color": ["get", "fill"], "fill-opacity": ["get", "opacity"] } },
      {
        id: "zones-edge", type: "line", source: "zones",
        paint: { "line-color": ["get", "edge"], "line-width": ["get", "width"], "line-opacity": 0.95 },
      },
      {
        id: "zones-waiting", type: "line", source: "zones", filter: ["==", ["get", "waiting"], true],
        paint: { "line-color": c.ink, "line-width": 2.5, "line-dasharray": [2, 1.5] },
      },
      {
        id: "selected", type: "circle", source: "stations", filter: ["==", ["get", "id"], ""],
        paint: { "circle-radius": 19, "circle-color": "rgba(0,0,0,0)", "circle-stroke-color": c.ink, "circle-stroke-width": 3 },
      },
      {
        id: "stations", type: "symbol", source: "stations",
        layout: { "icon-image": ["get", "icon"], "icon-allow-overlap": true, "symbol-sort-key": ["get", "order"] },
      },
    ],
  };
}

/** grid is every tenth or whole degree about the site, so that an empty land still has a scale. */
function grid(stations: Station[]): GeoJSON.FeatureCollection {
  const lons = stations.map((s) => s.position[0]);
  const lats = stations.map((s) => s.position[1]);
  const [w, e, s, n] = [Math.min(...lons), Math.max(...lons), Math.min(...lats), Math.max(...lats)];
  const step = Math.max(e - w, n - s) > 4 ? 1 : 0.1;
  const features: GeoJSON.Feature[] = [];
  const line = (coordinates: [number, number][]) =>
    features.push({ type: "Feature", properties: {}, geometry: { type: "LineString", coordinates } });
  const margin = 20 * step;
  for (let i = Math.floor((w - margin) / step); i <= (e + margin) / step; i++) line([[i * step, s - margin], [i * step, n + margin]]);
  for (let i = Math.floor((s - margin) / step); i <= (n + margin) / step; i++) line([[w - margin, i * step], [e + margin, i * step]]);
  return { type: "FeatureCollection", features };
}

/** icon draws a station's mark: form, number and colour of its level; a broken ring where its data are old. */
function icon(level: number | null, age: string, scale: Scale, dark: boolean): ImageData | null {
  const size = 72;
  const canvas = document.createElement("canvas");
  canvas.width = canvas.height = size;
  const g = canvas.getContext("2d");
  if (!g) return null;
  const ink = dark ? "#eef3f8" : "#0d1b2a";
  const gone = age === "silent" || age === "never";
  g.translate(size / 2, size / 2);
  g.scale(1.9, 1.9);
  g.translate(-12, -12);
  const form = new Path2D(level === null ? outlines[0] : outlines[level] ?? outlines[4]);
  g.lineWidth = 3.4;
  g.strokeStyle = dark ? "#0a1520" : "#ffffff";
  g.stroke(form);
  g.fillStyle = level === null || gone ? (dark ? "#15222f" : "#ffffff") : scale.paint(level).background;
  g.fill(form);
  g.lineWidth = 1.6;
  g.strokeStyle = ink;
  if (age !== "current") g.setLineDash([2.6, 2.2]);
  g.stroke(form);
  g.fillStyle = level === null || gone ? ink : scale.paint(level).ink;
  g.font = "700 14px 'Atkinson Hyperlegible Next Variable', system-ui";
  g.textAlign = "center";
  g.fillText(gone ? "?" : level === null ? "·" : String(level), 12, level === 1 ? 19 : 17);
  return g.getImageData(0, 0, size, size);
}

const iconName = (s: Station) => `${s.level ?? "u"}-${s.age}`;

function stationFeatures(stations: Station[]): GeoJSON.FeatureCollection {
  return {
    type: "FeatureCollection",
    features: stations.map((s) => ({
      type: "Feature",
      geometry: { type: "Point", coordinates: s.position },
      properties: { id: s.id, icon: iconName(s), order: (s.level ?? -1) * 10 },
    })),
  };
}

/** zoneLevels is the gravest warning in force, and what waits, by zone. */
export function zoneLevels(warnings: Warning[]): Map<string, { level: number; waiting: number }> {
  const zones = new Map<string, { level: number; waiting: number }>();
  for (const w of warnings) {
    const z = zones.get(w.zone) ?? { level: 0, waiting: 0 };
    if (w.status === "issued" || w.status === "updated") z.level = Math.max(z.level, w.level);
    if (w.proposal) z.waiting = Math.max(z.waiting, w.proposal.level, 1);
    zones.set(w.zone, z);
  }
  return zones;
}

function zoneFeatures(zones: Zones, warnings: Warning[], scale: Scale, dark: boolean): GeoJSON.FeatureCollection {
  const levels = zoneLevels(warnings);
  const quiet = colours(dark).quiet;
  return {
    type: "FeatureCollection",
    features: zones.features.map((z) => {
      const { level, waiting } = levels.get(z.properties.id) ?? { level: 0, waiting: 0 };
      const fill = level > 0 ? scale.paint(level).background : quiet;
      return {
        ...z,
        properties: {
          id: z.properties.id, fill, opacity: level > 0 ? 0.42 : 0.1, edge: level > 0 ? fill : quiet, width: level > 0 ? 2.5 : 1,
          waiting: waiting > 0,
        },
      };
    }),
  };
}

function rings(z: Zones["features"][number]): [number, number][] {
  const polygons = z.geometry.type === "Polygon" ? [z.geometry.coordinates] : z.geometry.coordinates;
  return polygons.flatMap((p) => (p[0] ?? []) as [number, number][]);
}

function bounds(points: [number, number][]): [[number, number], [number, number]] | null {
  if (points.length === 0) return null;
  const lons = points.map((p) => p[0]);
  const lats = points.map((p) => p[1]);
  return [[Math.min(...lons), Math.min(...lats)], [Math.max(...lons), Math.max(...lats)]];
}

function label(className: string, ...parts: (Node | string)[]): HTMLElement {
  const element = document.createElement("div");
  element.className = className;
  element.append(...parts); // strings become text nodes: names are never read as HTML
  return element;
}

export function MapView(props: MapProps) {
  const box = useRef<HTMLDivElement>(null);
  const chart = useRef<Chart | undefined>(undefined);
  const latest = useRef(props);
  latest.current = props;
  const [broken, setBroken] = useState(false);
  const [ready, setReady] = useState(0);
  const drawn = useRef(false); // the view was fitted to the site once
  const touched = useRef(false); // a person has moved the map since

  useEffect(() => {
    if (!box.current) return undefined;
    drawn.current = touched.current = false;
    try {
      const map = create(box.current, props.dark, latest, () => setReady((n) => n + 1));
      map.on("movestart", (event) => {
        if (event.originalEvent) touched.current = true;
      });
      chart.current = map;
    } catch {
      setBroken(true);
    }
    const watch = new ResizeObserver(() => {
      chart.current?.resize();
      // Until a person has moved the map, all of the site stays in view.
      if (drawn.current && !touched.current && chart.current) fit(chart.current, latest.current);
    });
    watch.observe(box.current);
    return () => {
      watch.disconnect();
      chart.current?.remove();
      chart.current = undefined;
    };
  }, [props.dark]);

  useEffect(() => {
    const map = chart.current;
    if (!map || !ready) return;
    update(map, props);
    if (!drawn.current && props.stations.length > 0) {
      drawn.current = true;
      fit(map, props);
    }
  }, [ready, props.stations, props.zones, props.warnings, props.selected]);

  useLabels(chart, ready, props);

  useEffect(() => {
    const zone = props.zones?.features.find((z) => z.properties.id === props.focusZone?.id);
    const frame = zone && bounds(rings(zone));
    touched.current = touched.current || Boolean(frame);
    if (frame) chart.current?.fitBounds(frame, { padding: 70, maxZoom: 12, duration: calm() });
  }, [props.focusZone]);

  useEffect(() => {
    const map = chart.current;
    const at = props.stations.find((s) => s.id === props.selected)?.position;
    if (!map || !at || !touched.current) return;
    map.resize(); // the panel below has just taken its place
    if (!map.getBounds().contains(at) || map.project(at).y > map.getContainer().clientHeight - 50) map.easeTo({ center: at, duration: calm() });
  }, [props.selected]);

  if (broken) return <p class="notice">{words.map.broken}</p>;
  return (
    <div class="map">
      <div ref={box} class="map-box" />
      <div class="map-tools">
        <button type="button" class="quiet" onClick={() => { touched.current = false; if (chart.current) fit(chart.current, props); }}>{words.map.fit}</button>
      </div>
      <Legend scale={props.scale} />
    </div>
  );
}

function calm(): number {
  return matchMedia("(prefers-reduced-motion: reduce)").matches ? 0 : 500;
}

function create(box: HTMLElement, dark: boolean, latest: { current: MapProps }, ready: () => void): Chart {
  const map = new maplibregl.Map({
    container: box, style: style(dark), center: [0, 20], zoom: 1, maxZoom: 15, attributionControl: false, dragRotate: false,
    pitchWithRotate: false, fadeDuration: 0, locale: { "Map.Title": words.map.label },
  });
  map.touchZoomRotate.disableRotation();
  map.addControl(new maplibregl.NavigationControl({ showCompass: false }), "top-right");
  map.addControl(new maplibregl.ScaleControl({ maxWidth: 110 }), "bottom-right");
  map.addControl(new maplibregl.AttributionControl({ compact: false, customAttribution: words.map.credit }), "bottom-right");
  map.on("load", () => {
    ready();
    void base(map);
    box.dataset.ready = "true";
  });
  map.on("click", "stations", (event) => {
    const id = event.features?.[0]?.properties?.id;
    if (typeof id === "string") latest.current.onSelect(id);
  });
  map.on("mouseenter", "stations", () => (map.getCanvas().style.cursor = "pointer"));
  map.on("mouseleave", "stations", () => (map.getCanvas().style.cursor = ""));
  return map;
}

/** base loads the land once, from the program itself. */
async function base(map: Chart): Promise<void> {
  const response = await fetch(countriesURL);
  const world = (await response.json()) as Topology;
  const countries = world.objects.countries;
  const land = world.objects.land;
  if (!countries || !land || !map.getSource("land")) return;
  (map.getSource("land") as GeoJSONSource).setData(feature(world, land) as GeoJSON.GeoJSON);
  const borders = mesh(world, countries as never, (a, b) => a !== b);
  (map.getSource("borders") as GeoJSONSource).setData({ type: "Feature", properties: {}, geometry: borders });
}

function update(map: Chart, p: MapProps): void {
  for (const s of p.stations) {
    if (map.hasImage(iconName(s))) continue;
    const image = icon(s.level, s.age, p.scale, p.dark);
    if (image) map.addImage(iconName(s), image, { pixelRatio: 2 });
  }
  (map.getSource("stations") as GeoJSONSource).setData(stationFeatures(p.stations));
  if (p.stations.length > 0) (map.getSource("grid") as GeoJSONSource).setData(grid(p.stations));
  if (p.zones) (map.getSource("zones") as GeoJSONSource).setData(zoneFeatures(p.zones, p.warnings, p.scale, p.dark));
  map.setFilter("selected", ["==", ["get", "id"], p.selected ?? ""]);
}

function fit(map: Chart, p: MapProps): void {
  const points = p.stations.map((s) => s.position).concat(p.zones?.features.flatMap(rings) ?? []);
  const frame = bounds(points);
  const { clientWidth: width, clientHeight: height } = map.getContainer();
  if (!frame || width < 50 || height < 50) return; // not on the screen now
  const side = Math.min(60, width / 6);
  map.fitBounds(frame, { padding: { top: Math.min(50, height / 5), bottom: Math.min(70, height / 4), left: side, right: side * 1.5 }, maxZoom: 12, duration: 0 });
}

/** useLabels writes names beside stations (while few are in view) and in zones, as HTML: no glyphs are loaded. */
function useLabels(chart: { current: Chart | undefined }, ready: number, p: MapProps): void {
  useEffect(() => {
    const map = chart.current;
    if (!map || !ready) return undefined;
    let markers: Marker[] = [];
    const draw = () => {
      markers.forEach((m) => m.remove());
      const taken: Box[] = p.stations.map((s) => {
        const at = map.project(s.position);
        return { left: at.x - 13, right: at.x + 13, top: at.y - 13, bottom: at.y + 13 };
      });
      markers = [...zoneLabels(map, p, taken), ...stationLabels(map, p, taken)];
    };
    draw();
    map.on("moveend", draw);
    return () => {
      map.off("moveend", draw);
      markers.forEach((m) => m.remove());
    };
  }, [ready, p.stations, p.zones, p.warnings, p.selected]);
}

function put(map: Chart, element: HTMLElement, at: [number, number], anchor: "left" | "center" | "bottom", offset: [number, number]): Marker {
  const marker = new maplibregl.Marker({ element, anchor, offset }).setLngLat(at).addTo(map);
  element.removeAttribute("role");
  element.removeAttribute("aria-label");
  element.removeAttribute("tabindex");
  element.setAttribute("aria-hidden", "true"); // the same is in the lists, in order
  return marker;
}

interface Box { left: number; right: number; top: number; bottom: number }

/** claim takes a place on the screen, unless something lies there already. */
function claim(taken: Box[], box: Box): boolean {
  if (taken.some((t) => t.left < box.right && box.left < t.right && t.top < box.bottom && box.top < t.bottom)) return false;
  taken.push(box);
  return true;
}

const widthOf = (text: string) => Math.min(text.length * 7.6, 176);

/** stationLabels names the stations in view, the gravest first; a name that would lie on another is left out. */
function stationLabels(map: Chart, p: MapProps, taken: Box[]): Marker[] {
  const view = map.getBounds();
  const inView = p.stations.filter((s) => view.contains(s.position)).sort((a, b) => (b.level ?? -1) - (a.level ?? -1));
  if (inView.length > labelsAtMost) return [];
  return inView.flatMap((s) => {
    const at = map.project(s.position);
    const free = claim(taken, { left: at.x + 15, right: at.x + 17 + widthOf(s.name), top: at.y - 9, bottom: at.y + 9 });
    return free ? [put(map, label("map-label", s.name), s.position, "left", [17, 0])] : [];
  });
}

/** zoneLabels names zones with their level and people; those in danger come first and are never left out. */
function zoneLabels(map: Chart, p: MapProps, taken: Box[]): Marker[] {
  const levels = zoneLevels(p.warnings);
  const state = (z: Zones["features"][number]) => levels.get(z.properties.id) ?? { level: 0, waiting: 0 };
  const all = p.zones?.features ?? [];
  const danger = (z: Zones["features"][number]) => Math.max(state(z).level, state(z).waiting);
  return [...all].sort((a, b) => danger(b) - danger(a)).flatMap((z) => {
    const frame = bounds(rings(z));
    if (!frame || (all.length > labelsAtMost && danger(z) === 0)) return [];
    const people = z.properties.people === undefined ? "" : " " + words.desk.people(count(z.properties.people));
    const at: [number, number] = [(frame[0][0] + frame[1][0]) / 2, frame[1][1]];
    const spot = map.project(at);
    const half = widthOf(z.properties.name + people) / 2 + 8;
    const free = claim(taken, { left: spot.x - half, right: spot.x + half, top: spot.y - 27, bottom: spot.y - 2 });
    if (!free && danger(z) === 0) return [];
    const name = document.createElement("b");
    name.textContent = z.properties.name;
    const parts: (Node | string)[] = state(z).level > 0 ? [badge(state(z).level, p.scale), name, people] : [name, people];
    return [put(map, label(danger(z) > 0 ? "map-zone danger" : "map-zone", ...parts), at, "bottom", [0, -3])];
  });
}

function badge(level: number, scale: Scale): HTMLElement {
  const element = document.createElement("i");
  element.textContent = String(level);
  element.style.background = scale.paint(level).background;
  element.style.color = scale.paint(level).ink;
  return element;
}

function Legend({ scale }: { scale: Scale }) {
  return (
    <ul class="legend" aria-label={words.map.legend}>
      {[...scale.levels].reverse().map((l) => <li key={l.level}><Shape level={l.level} scale={scale} size={17} /> {l.name}</li>)}
      <li><Shape level={0} scale={scale} size={17} /> {words.levelZero}</li>
      <li><Shape level={null} scale={scale} size={17} /> {words.map.unknown}</li>
    </ul>
  );
}
