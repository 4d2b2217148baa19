import { useState } from "preact/hooks";
import type { Delivery, Health, Phone, Reject, Station, Zones } from "./api";
import { type Clock, figure, unit } from "./format";
import { levelShown, type Scale, Shape } from "./level";
import { words } from "./words";

const urgency = (s: Station) => (s.level ?? -0.5) * 10 + { current: 0, late: 3, silent: 4, never: 5 }[s.age];

export function Stations({ stations, scale, clock, selected, onSelect }: {
  stations: Station[]; scale: Scale; clock: Clock; selected: string | undefined; onSelect: (id: string) => void;
}) {
  const [text, setText] = useState("");
  const needle = text.trim().toLowerCase();
  const fits = (s: Station) => [s.name, s.id, s.river ?? ""].some((t) => t.toLowerCase().includes(needle));
  const found = stations.filter(fits).sort((a, b) => urgency(b) - urgency(a));
  return (
    <>
      <div class="find">
        <label for="find-station">{words.stations.search}</label>
        <input id="find-station" type="search" value={text} onInput={(e) => setText(e.currentTarget.value)} />
        <p class="soft" role="status">{found.length ? words.stations.count(found.length, stations.length) : words.stations.none}</p>
      </div>
      <ul class="rows">
        {found.slice(0, 200).map((s) => (
          <li key={s.id}>
            <button type="button" class="row" aria-pressed={s.id === selected} onClick={() => onSelect(s.id)}>
              <Shape level={levelShown(s)} scale={scale} size={28} />
              <span class="row-main">
                <b>{s.name}</b>
                <small>
                  {levelWord(s, scale)}
                  {s.river ? ` · ${s.river}` : ""}{s.invented ? ` · ${words.stations.invented}` : ""}
                </small>
              </span>
              <Newest station={s} clock={clock} />
            </button>
          </li>
        ))}
      </ul>
    </>
  );
}

function levelWord(s: Station, scale: Scale): string {
  const level = levelShown(s);
  if (level !== null) return scale.name(level);
  return s.age === "current" || s.age === "late" ? words.stations.unknown : words.stations.silentNow;
}

function Newest({ station, clock }: { station: Station; clock: Clock }) {
  const sensor = station.sensors.find((s) => s.judged) ?? station.sensors[0];
  const latest = sensor?.latest;
  if (!latest) return <span class="row-figure"><small class="alarm">{words.stations.never}</small></span>;
  return (
    <span class="row-figure">
      <b>{figure(latest.value, latest.unit)} <i>{unit(latest.unit)}</i></b>
      <small class={station.age === "current" ? "" : "alarm"}>
        {station.age === "current" ? clock.ago(latest.time) : `${words.ages[station.age]}, ${clock.ago(latest.time)}`}
      </small>
    </span>
  );
}

export function Phones({ phones, clock }: { phones: Phone[] | undefined; clock: Clock }) {
  if (!phones) return <p class="soft pad">{words.loading}</p>;
  if (phones.length === 0) return <p class="soft pad">{words.phones.none}</p>;
  return (
    <>
      <p class="soft pad">{words.phones.intro}</p>
      <ul class="phones">
        {phones.map((p) => (
          <li key={p.id} class="phone">
            <header><b>{p.name}</b><span>{p.address} · {p.language}</span></header>
            <div class="screen" tabIndex={0} role="log" aria-label={p.name}>
              {p.messages.length === 0 && <p class="empty">{words.phones.empty}</p>}
              {p.messages.map((m) => (
                <div class="bubble" key={m.warning + m.edition}>
                  <p lang={p.language}>{m.text}</p>
                  <small>{clock.time(m.time)} · {m.state}</small>
                </div>
              ))}
            </div>
          </li>
        ))}
      </ul>
    </>
  );
}

export function Sent({ deliveries, zones, clock }: { deliveries: Delivery[] | undefined; zones: Zones | undefined; clock: Clock }) {
  void zones;
  if (!deliveries) return <p class="soft pad">{words.loading}</p>;
  if (deliveries.length === 0) return <p class="soft pad">{words.sent.none}</p>;
  const states = new Map<string, number>();
  for (const d of deliveries) states.set(d.state, (states.get(d.state) ?? 0) + 1);
  return (
    <>
      <dl class="tally">{[...states].map(([state, n]) => <div key={state}><dt>{state}</dt><dd>{n}</dd></div>)}</dl>
      <ul class="rows plain">
        {deliveries.map((d) => (
          <li key={d.key}>
            <b class={`state ${d.state}`}>{d.state}</b> {words.sent.to(d.recipient, d.channel)} <span class="soft">({d.language})</span>
            <small>{clock.time(d.changed)}{d.detail ? ` · ${d.detail}` : ""}</small>
          </li>
        ))}
      </ul>
    </>
  );
}

export function Refused({ rejects, clock }: { rejects: Reject[] | undefined; clock: Clock }) {
  if (!rejects) return <p class="soft pad">{words.loading}</p>;
  if (rejects.length === 0) return <p class="soft pad">{words.refused.none}</p>;
  return (
    <>
      <p class="soft pad">{words.refused.intro}</p>
      <ul class="rows plain">
        {rejects.map((r, i) => (
          <li key={`${r.position}-${i}`}>
            <b class="reason">{r.reason.replaceAll("_", " ")}</b> {r.detail}
            <small>{clock.time(r.received)} · {words.refused.topic} {r.topic}{r.station ? ` · ${words.refused.station} ${r.station}` : ""}</small>
            {r.excerpt && <code>{r.excerpt}</code>}
          </li>
        ))}
      </ul>
    </>
  );
}

const marks = { ok: "✓", warn: "!", bad: "✕", off: "–" };

export function HealthStrip({ health }: { health: Health | null | undefined }) {
  if (!health) return null;
  return (
    <footer class="health" aria-label={words.health.title} tabIndex={0}>
      <ul>
        <li class={health.ready ? "ok" : "warn"}><b>{health.ready ? marks.ok : marks.warn}</b> {health.ready ? words.health.ready : words.health.notReady}</li>
        {health.checks.map((c) => (
          <li class={c.state} key={c.name}>
            <b title={words.health.states[c.state]}>{marks[c.state]}<span class="sr"> {words.health.states[c.state]}</span></b> <strong>{c.name}</strong> <span>{c.detail}</span>
          </li>
        ))}
      </ul>
    </footer>
  );
}
