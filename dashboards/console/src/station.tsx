import { useEffect, useState } from "preact/hooks";
import { ask, type Reading, type Sensor, type Station } from "./api";
import { type Clock, figure, quantity, sentence, unit } from "./format";
import { Hydrograph } from "./hydrograph";
import { levelShown, type Scale, Shape } from "./level";
import { words } from "./words";

export interface StationProps { station: Station; clock: Clock; scale: Scale; dark: boolean; news: number; onClose: () => void }

/** first is the sensor a person wants to see first: one that is judged, else a level, else any. */
function first(station: Station): Sensor | undefined {
  return station.sensors.find((s) => s.judged) ?? station.sensors.find((s) => s.quantity === "water_level") ?? station.sensors[0];
}

export function StationPanel(p: StationProps) {
  const [chosen, setChosen] = useState<string>();
  const [hours, setHours] = useState("24");
  const sensor = p.station.sensors.find((s) => s.id === chosen) ?? first(p.station);
  useEffect(() => setChosen(undefined), [p.station.id]);
  return (
    <section class="station" aria-labelledby="station-name">
      <header>
        <div>
          <h2 id="station-name">{p.station.name}</h2>
          <p class="soft">
            {[p.station.river, p.station.outburst && words.stations.outburst, p.station.invented && words.stations.invented].filter(Boolean).join(" · ")}
          </p>
        </div>
        <LevelWord level={levelShown(p.station)} scale={p.scale} />
        <button type="button" class="icon" aria-label={words.station.close} onClick={p.onClose}>✕</button>
      </header>
      {p.station.note && <p class="soft note">{p.station.note}</p>}
      <div class="choices">
        <div class="seg" role="group" aria-label={p.station.name}>
          {p.station.sensors.map((s) => (
            <button type="button" key={s.id} aria-pressed={s.id === sensor?.id} onClick={() => setChosen(s.id)}>{quantity(s.quantity)}</button>
          ))}
        </div>
        <div class="seg" role="group" aria-label={words.station.span}>
          {Object.entries(words.station.spans).sort((a, b) => Number(a[0]) - Number(b[0])).map(([h, name]) => (
            <button type="button" key={h} aria-pressed={h === hours} onClick={() => setHours(h)}>{name}</button>
          ))}
        </div>
      </div>
      {sensor && <SensorView {...p} sensor={sensor} hours={Number(hours)} />}
    </section>
  );
}

export function LevelWord({ level, scale }: { level: number | null; scale: Scale }) {
  return (
    <span class="level-word">
      <Shape level={level} scale={scale} size={26} />
      {level === null ? words.stations.unknown : scale.name(level)}
    </span>
  );
}

function SensorView(p: StationProps & { sensor: Sensor; hours: number }) {
  const { sensor, clock } = p;
  const [readings, setReadings] = useState<Reading[]>();
  const [more, setMore] = useState(false);
  const [error, setError] = useState<string>();
  const to = clock.now();
  const from = to - p.hours * 3600_000;
  useEffect(() => {
    let current = true;
    const query = new URLSearchParams({ sensor: sensor.id, from: new Date(from).toISOString(), limit: "5000" });
    if (p.hours > 48) query.set("step", p.hours > 200 ? "2h" : "30m");
    ask<{ readings: Reading[]; next: string }>(`/stations/${encodeURIComponent(p.station.id)}/readings?${query}`).then(
      (answer) => {
        if (!current) return;
        setReadings(answer.readings);
        setMore(answer.next !== "");
        setError(undefined);
      },
      (e: Error) => current && setError(e.message),
    );
    return () => {
      current = false;
    };
  }, [p.station.id, sensor.id, p.hours, p.news]);
  if (error) return <p class="notice" role="alert">{words.failed}: {error}</p>;
  if (!readings) return <p class="soft pad">{words.loading}</p>;
  return (
    <div class="series">
      <div>
        {readings.length === 0
          ? <p class="soft pad">{words.station.noReadings}</p>
          : <Hydrograph sensor={sensor} readings={readings} from={begin(readings, from, to)} to={to} clock={clock} scale={p.scale} dark={p.dark} label={describe(sensor, readings)} />}
        {more && <p class="soft pad">{words.station.more}</p>}
      </div>
      <div class="facts">
        <Figures sensor={sensor} readings={readings} clock={clock} />
        <Flagged readings={readings} clock={clock} />
      </div>
    </div>
  );
}

/** begin is where the axis begins: a gauge that is new fills it with what there is, an hour at least. */
function begin(readings: Reading[], from: number, to: number): number {
  const first = Date.parse(readings[0]!.time);
  return first > (from + to) / 2 ? Math.min(first, to - 3600_000) : from;
}

function extremes(readings: Reading[]): { low?: Reading; high?: Reading } {
  const good = readings.filter((r) => r.flag <= 2);
  const by = (better: (a: number, b: number) => boolean) => good.reduce<Reading | undefined>((m, r) => (!m || better(r.value, m.value) ? r : m), undefined);
  return { low: by((a, b) => a < b), high: by((a, b) => a > b) };
}

function describe(sensor: Sensor, readings: Reading[]): string {
  const { low, high } = extremes(readings);
  const value = (r?: Reading) => (r ? `${figure(r.value, r.unit)} ${unit(r.unit)}` : "–");
  return `${quantity(sensor.quantity)}: ${words.station.now} ${value(sensor.latest)}, ${words.station.lowest} ${value(low)}, ${words.station.highest} ${value(high)}`;
}

function Figures({ sensor, readings, clock }: { sensor: Sensor; readings: Reading[]; clock: Clock }) {
  const latest = sensor.latest;
  const { low, high } = extremes(latest ? [...readings, latest] : readings);
  const cell = (name: string, r: Reading | undefined) => (
    <div>
      <dt>{name}</dt>
      <dd>
        <b>{r ? figure(r.value, r.unit) : "–"}</b> {r && unit(r.unit)} <span class="soft">{r && clock.time(r.time)}</span>
      </dd>
    </div>
  );
  return (
    <dl class="figures">
      {cell(words.station.now, latest)}
      {cell(words.station.lowest, low)}
      {cell(words.station.highest, high)}
      <div>
        <dt>{sentence(words.ages[sensor.age])}</dt>
        <dd class={sensor.age === "current" ? "" : "alarm"}>{latest ? clock.ago(latest.time) : words.stations.never}</dd>
      </div>
      {sensor.datum && <div><dt>{words.station.datum}</dt><dd>{sensor.datum}</dd></div>}
    </dl>
  );
}

function Flagged({ readings, clock }: { readings: Reading[]; clock: Clock }) {
  const flagged = readings.filter((r) => r.flag > 2).reverse();
  return (
    <details class="flagged" open={flagged.length > 0 && flagged.length < 6}>
      <summary>{words.station.flagged} ({flagged.length})</summary>
      {flagged.length === 0 && <p class="soft">{words.station.noFlagged}</p>}
      <ul>
        {flagged.slice(0, 50).map((r) => (
          <li key={r.time}>
            <span class={r.flag === 3 ? "mark suspect" : "mark failed"} aria-hidden="true" />
            <b>{clock.time(r.time)}</b> {figure(r.value, r.unit)} {unit(r.unit)} – {r.flag === 3 ? words.station.suspect : words.station.failed}
            {r.marks?.map((m) => <span class="soft" key={m.test}> {m.test}: {m.detail}</span>)}
          </li>
        ))}
      </ul>
    </details>
  );
}
