import { useEffect, useRef } from "preact/hooks";
import uPlot from "uplot";
import "uplot/dist/uPlot.min.css";
import type { Reading, Sensor } from "./api";
import { type Clock, figure, unit } from "./format";
import type { Scale } from "./level";

export interface HydrographProps {
  sensor: Sensor; readings: Reading[]; from: number; to: number; clock: Clock; scale: Scale; dark: boolean; label: string;
}

type Column = (number | null | undefined)[];
interface Columns { x: number[]; good: Column; suspect: Column; failed: Column }

const judged = (r: Reading) => r.flag <= 2;

/** columns sorts readings by what the quality tests said. A long silence breaks the line; a flagged reading does not. */
function columns(readings: Reading[], offset: number, gap: number, high: number, low: number): Columns {
  const c: Columns = { x: [], good: [], suspect: [], failed: [] };
  const push = (x: number, good: number | null | undefined, suspect?: number, failed?: number) => {
    c.x.push(x);
    c.good.push(good);
    c.suspect.push(suspect);
    c.failed.push(failed);
  };
  let last = Infinity;
  for (const r of readings) {
    const x = Date.parse(r.time) / 1000 + offset;
    if (x - last > gap) push((x + last) / 2, null);
    const shown = Math.min(Math.max(r.value, low), high); // a failed value off the scale stands at its edge
    if (judged(r)) push(x, r.value);
    else push(x, undefined, r.flag === 3 ? shown : undefined, r.flag === 3 ? undefined : shown);
    last = x;
  }
  return c;
}

/** range is what the axis spans: sound values, and the levels near enough to mean something. */
function range(readings: Reading[], sensor: Sensor): [number, number] {
  const values = readings.filter((r) => r.flag <= 3).map((r) => r.value);
  let low = Math.min(...values);
  let high = Math.max(...values);
  if (values.length === 0) [low, high] = [0, 1];
  const near = Math.max(2.5 * (high - low), sensor.unit === "m" ? 2.2 : 0);
  for (const t of sensor.thresholds ?? []) {
    if (t.raise > high && t.raise - high <= near) high = t.raise;
    if (t.raise < low && low - t.raise <= near) low = t.raise;
  }
  const room = Math.max((high - low) * 0.08, sensor.unit === "m" ? 0.05 : 0.5);
  return [sensor.quantity === "precipitation" ? 0 : low - room, high + room];
}

export function Hydrograph(p: HydrographProps) {
  const box = useRef<HTMLDivElement>(null);
  useEffect(() => {
    const element = box.current;
    if (!element) return undefined;
    const plot = draw(element, p);
    const watch = new ResizeObserver(() => plot.setSize({ width: element.clientWidth, height: element.clientHeight }));
    watch.observe(element);
    return () => {
      watch.disconnect();
      plot.destroy();
    };
  }, [p.readings, p.dark, p.sensor.id, p.from, p.to]);
  return <div class="plot" ref={box} role="img" aria-label={p.label} />;
}

function draw(element: HTMLElement, p: HydrographProps): uPlot {
  const css = getComputedStyle(element);
  const ink = css.getPropertyValue("--ink").trim();
  const soft = css.getPropertyValue("--soft").trim();
  const line = css.getPropertyValue("--line").trim();
  const water = css.getPropertyValue("--water").trim();
  const bad = css.getPropertyValue("--bad").trim();
  const font = "13px 'Atkinson Hyperlegible Next Variable', system-ui";
  const [low, high] = range(p.readings, p.sensor);
  const gap = Math.max(3 * (p.sensor.interval_seconds || 900), 3 * ((p.to - p.from) / 1000 / 400));
  const c = columns(p.readings, p.clock.seconds, gap, high, low);
  const offset = p.clock.seconds;
  const mark = (stroke: string, size: number): uPlot.Series => ({
    stroke, width: 0, points: { show: true, size, stroke, fill: css.getPropertyValue("--card").trim(), width: 2.5 },
  });
  const options: uPlot.Options = {
    width: element.clientWidth, height: element.clientHeight, legend: { show: false },
    tzDate: (t) => uPlot.tzDate(new Date(t * 1000), "Etc/UTC"), // x is shifted to the site's zone already
    scales: { x: { range: [p.from / 1000 + offset, p.to / 1000 + offset] }, y: { range: [low, high] } },
    axes: [
      { stroke: soft, font, grid: { stroke: line, width: 1 }, ticks: { show: false }, values: ticks },
      { stroke: soft, font, grid: { stroke: line, width: 1 }, ticks: { show: false }, size: 52, values: (_, v) => v.map((n) => figure(n, p.sensor.unit)) },
    ],
    cursor: { drag: { x: false, y: false }, points: { size: 7 } },
    series: [
      {},
      p.sensor.quantity === "precipitation"
        ? { stroke: water, fill: water, paths: uPlot.paths.bars?.({ size: [0.8, 12] }), points: { show: false } }
        : { stroke: water, width: 2.2, points: { show: c.x.length < 3, size: 6 } },
      mark("#c77700", 10), mark(bad, 11),
    ],
    hooks: { draw: [(u) => thresholds(u, p, ink, font)], setCursor: [(u) => tip(u, element, p, c)] },
  };
  return new uPlot(options, [c.x, c.good, c.suspect, c.failed] as uPlot.AlignedData, element);
}

/** ticks writes hours, and the day where it begins. */
function ticks(_: uPlot, splits: number[]): string[] {
  return splits.map((t) => {
    const text = new Date(t * 1000).toISOString();
    if (text.slice(11, 16) !== "00:00") return text.slice(11, 16);
    return new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short", timeZone: "UTC" }).format(t * 1000);
  });
}

/** thresholds draws the levels as lines with their number and name. */
function thresholds(u: uPlot, p: HydrographProps, ink: string, font: string): void {
  const g = u.ctx;
  const ratio = devicePixelRatio;
  g.save();
  g.font = font.replace("13px", `600 ${13 * ratio}px`);
  const seen = new Set<string>();
  for (const t of p.sensor.thresholds ?? []) {
    const key = `${t.level}:${t.raise}`;
    const y = u.valToPos(t.raise, "y", true);
    if (seen.has(key) || y < u.bbox.top || y > u.bbox.top + u.bbox.height) continue;
    seen.add(key);
    g.strokeStyle = p.scale.paint(t.level).background;
    g.lineWidth = 2.5 * ratio;
    g.setLineDash([8 * ratio, 4 * ratio]);
    g.beginPath();
    g.moveTo(u.bbox.left, y);
    g.lineTo(u.bbox.left + u.bbox.width, y);
    g.stroke();
    g.fillStyle = ink;
    g.textAlign = "left";
    g.textBaseline = "bottom";
    g.fillText(`${t.level} ${p.scale.name(t.level)}  ${figure(t.raise, p.sensor.unit)}`, u.bbox.left + 6 * ratio, y - 2 * ratio);
  }
  g.restore();
}

/** tip says what the reading under the pointer is. */
function tip(u: uPlot, element: HTMLElement, p: HydrographProps, c: Columns): void {
  let note = element.querySelector<HTMLElement>(".tip");
  if (!note) {
    note = document.createElement("div");
    note.className = "tip";
    element.append(note);
  }
  const i = u.cursor.idx;
  const value = i == null ? undefined : c.good[i] ?? c.suspect[i] ?? c.failed[i];
  note.hidden = i == null || value == null;
  if (i == null || value == null) return;
  note.textContent = `${p.clock.time((c.x[i]! - p.clock.seconds) * 1000)}  ${figure(value, p.sensor.unit)} ${unit(p.sensor.unit)}`;
}
