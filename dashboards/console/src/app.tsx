import { useEffect, useLayoutEffect, useMemo, useRef, useState } from "preact/hooks";
import { ask, type Delivery, type Health, type Me, optional, type Phone, type Reject, type Site, type Station, type Warning, type Zones } from "./api";
import { Desk } from "./desk";
import { Clock } from "./format";
import { Scale } from "./level";
import { HealthStrip, Phones, Refused, Sent, Stations } from "./lists";
import { type Kind, type Link, useLive, useLoaded } from "./live";
import { MapView } from "./map";
import { StationPanel } from "./station";
import { words } from "./words";

type View = keyof typeof words.views;

export function App({ site, me }: { site: Site; me: Me }) {
  const clock = useMemo(() => new Clock(site.utc_offset_seconds, site.now), [site]);
  const scale = useMemo(() => new Scale(site.levels), [site]);
  const [view, setView] = useState<View>("desk");
  const [selected, setSelected] = useState<string>();
  const [focusZone, setFocusZone] = useState<{ id: string }>();
  const [news, setNews] = useState(0);
  const [dark, toggle] = useTheme();

  const stations = useLoaded(async () => {
    const answer = await ask<{ now: string; stations: Station[] }>("/stations");
    clock.set(answer.now);
    return answer.stations;
  });
  const warnings = useLoaded(async () => (await ask<{ warnings: Warning[] }>("/warnings")).warnings);
  const zones = useLoaded(() => ask<Zones>("/zones"));
  const phones = useLoaded(async () => (await optional<{ phones: Phone[] }>("/phones"))?.phones ?? null);
  const deliveries = useLoaded(async () => (await optional<{ deliveries: Delivery[] }>("/deliveries"))?.deliveries ?? null);
  const rejects = useLoaded(async () => (await optional<{ rejects: Reject[] }>("/rejects"))?.rejects ?? null);
  const health = useLoaded(() => optional<Health>("/health"));

  const reload: Record<Kind, () => void> = {
    readings: () => {
      stations.reload();
      setNews((n) => n + 1);
    },
    warnings: warnings.reload,
    published: () => {
      warnings.reload();
      phones.reload();
    },
    deliveries: () => {
      deliveries.reload();
      phones.reload();
    },
    rejects: rejects.reload,
    health: health.reload,
  };
  const everything = () => [stations, warnings, zones, phones, deliveries, rejects, health].forEach((l) => l.reload());
  useEffect(everything, []);
  useEffect(() => {
    const timer = setInterval(health.reload, 20_000);
    return () => clearInterval(timer);
  }, []);
  const link = useLive((kind) => (kind === "all" ? everything() : reload[kind]()));

  const station = stations.data?.find((s) => s.id === selected);
  const select = (id: string) => {
    setSelected(id);
    setView((v) => (v === "stations" || v === "desk" ? (innerWidth < 900 ? "map" : v) : v));
  };
  const show = (zone: string, of?: string) => {
    setFocusZone({ id: zone });
    if (of) setSelected(of);
    if (innerWidth < 900) setView("map");
  };
  const waiting = warnings.data?.filter((w) => w.proposal).length ?? 0;
  useTitle(site, waiting);

  const has: Record<View, boolean> = {
    desk: true, map: true, stations: true, phones: phones.data !== null, sent: deliveries.data !== null, refused: rejects.data !== null,
  };
  const side = view === "desk" || view === "map" ? "stations" : view;
  return (
    <div class="app" data-view={view}>
      <a class="skip" href="#desk">{words.skip}</a>
      <TopBar site={site} me={me} clock={clock} link={link} dark={dark} toggle={toggle} />
      {link.state === "lost" && (
        <p class="cut" role="alert"><b>{words.link.lost}.</b> {words.link.lostMore(clock.time(link.since + clock.now() - Date.now()))}</p>
      )}
      <main>
        <section class="p-desk" id="desk" tabIndex={-1} aria-label={words.views.desk}>
          <Desk site={site} me={me} warnings={warnings.data} error={warnings.error} scale={scale} clock={clock} onShow={show} onChanged={() => { everything(); }} />
        </section>
        <section class="p-map" aria-label={words.views.map}>
          <MapView
            stations={stations.data ?? []} zones={zones.data} warnings={warnings.data ?? []} scale={scale} dark={dark} selected={selected}
            focusZone={focusZone} onSelect={select}
          />
          {station && <StationPanel station={station} clock={clock} scale={scale} dark={dark} news={news} onClose={() => setSelected(undefined)} />}
        </section>
        <section class="p-side" aria-label={words.views[side]}>
          {stations.error && <p class="notice" role="alert">{words.failed}: {stations.error}</p>}
          {side === "stations" && <Stations stations={stations.data ?? []} scale={scale} clock={clock} selected={selected} onSelect={select} />}
          {side === "phones" && <Phones phones={phones.data ?? undefined} clock={clock} />}
          {side === "sent" && <Sent deliveries={deliveries.data ?? undefined} zones={zones.data} clock={clock} />}
          {side === "refused" && <Refused rejects={rejects.data ?? undefined} clock={clock} />}
        </section>
      </main>
      <nav class="views" aria-label={words.console}>
        {(Object.keys(words.views) as View[]).filter((v) => has[v]).map((v) => (
          <button
            type="button" key={v} class={`v-${v}`} aria-current={v === view || (v === "stations" && side === v && view !== "map" && view !== "desk") ? "page" : undefined}
            data-side={v === side} onClick={() => setView(v)}
          >
            {words.views[v]}
            {v === "desk" && waiting > 0 && <span class="badge hot">{waiting}</span>}
            {v === "refused" && (rejects.data?.length ?? 0) > 0 && <span class="badge">{rejects.data!.length}</span>}
          </button>
        ))}
      </nav>
      <HealthStrip health={health.data} />
    </div>
  );
}

function TopBar({ site, me, clock, link, dark, toggle }: { site: Site; me: Me; clock: Clock; link: Link; dark: boolean; toggle: () => void }) {
  const mode = words.modes[site.mode];
  return (
    <header class={`top ${site.mode.toLowerCase()}`}>
      <p class="mode"><b>{mode.word}</b> <span>{mode.more}</span></p>
      <div class="bar">
        <h1><img src="/favicon.svg" alt="" width="30" height="30" /> <span>{site.name}</span></h1>
        <Ticker clock={clock} />
        <p class={`link ${link.state}`} role="status"><i aria-hidden="true" /> {words.link[link.state]}</p>
        <span class="grow" />
        <button type="button" class="icon" aria-label={dark ? words.theme.light : words.theme.dark} onClick={toggle}>{dark ? "☀" : "☾"}</button>
        <form method="post" action="/logout">
          <span class="who">{me.name || me.id} <small>{me.role}</small></span>
          <button type="submit" class="quiet">{words.signOut}</button>
        </form>
      </div>
    </header>
  );
}

function Ticker({ clock }: { clock: Clock }) {
  const [, tick] = useState(0);
  useEffect(() => {
    const timer = setInterval(() => tick((n) => n + 1), 1000);
    return () => clearInterval(timer);
  }, []);
  const { day, time, zone } = clock.full();
  return <p class="clock" title={words.siteTime}><b>{time}</b> <span>{day} · {zone}</span></p>;
}

/** useTheme follows the machine's colours until a person chooses. */
function useTheme(): [boolean, () => void] {
  const system = matchMedia("(prefers-color-scheme: dark)");
  const [dark, setDark] = useState(() => (localStorage.getItem("theme") ?? (system.matches ? "dark" : "light")) === "dark");
  useLayoutEffect(() => { // before the effects that draw with the theme's colours
    document.documentElement.dataset.theme = dark ? "dark" : "light";
  }, [dark]);
  return [dark, () => setDark((d) => {
    localStorage.setItem("theme", d ? "light" : "dark");
    return !d;
  })];
}

/** useTitle says in the tab what waits, for who works in another window. */
function useTitle(site: Site, waiting: number): void {
  const before = useRef(document.title);
  useEffect(() => {
    const mode = site.mode === "Actual" ? "" : `${words.modes[site.mode].word} · `;
    document.title = `${waiting > 0 ? `(${waiting}) ` : ""}${mode}${site.name}`;
    return () => {
      document.title = before.current;
    };
  }, [waiting, site]);
}
