import { useEffect, useState } from "preact/hooks";
import { ask, type Me, type Proposal, type Site, type Text, type Warning } from "./api";
import { Confirm, type Asked } from "./confirm";
import { type Clock, count, figure, sentence, unit } from "./format";
import { type Scale, Shape } from "./level";
import { words } from "./words";

export interface DeskProps {
  site: Site; me: Me; warnings: Warning[] | undefined; scale: Scale; clock: Clock; error: string | undefined;
  onShow: (zone: string, station?: string) => void; onChanged: () => void;
}

const inForce = (w: Warning) => w.status === "issued" || w.status === "updated";

export function Desk(p: DeskProps) {
  const [asked, setAsked] = useState<Asked>();
  const [said, setSaid] = useState("");
  const all = p.warnings ?? [];
  const waiting = all.filter((w) => w.proposal).sort((a, b) => b.proposal!.level - a.proposal!.level);
  const current = all.filter((w) => inForce(w) || w.status === "approved").sort((a, b) => b.level - a.level);
  const before = all.filter((w) => w.status === "ended" || w.status === "rejected");
  const w = words.desk;
  return (
    <>
      <p class="sr" role="status">{said}</p>
      {p.error && <p class="notice" role="alert">{words.failed}: {p.error}</p>}
      <h2>{w.waiting} <span class="badge">{waiting.length}</span></h2>
      {!p.warnings && !p.error && <p class="soft">{words.loading}</p>}
      {p.warnings && waiting.length === 0 && <p class="soft calm">{w.none} {w.noneMore}</p>}
      {waiting.map((x) => <Waiting key={x.id} {...p} warning={x} proposal={x.proposal!} onAsk={setAsked} />)}
      <h2>{w.inForce} <span class="badge">{current.length}</span></h2>
      {p.warnings && current.length === 0 && <p class="soft calm">{w.noneInForce}</p>}
      {current.map((x) => <Current key={x.id} {...p} warning={x} onAsk={setAsked} />)}
      {before.length > 0 && <h2>{w.before}</h2>}
      <ul class="rows plain before">
        {before.map((x) => (
          <li key={x.id}>
            <b>{x.zone_name}</b> {x.level > 0 && `${p.scale.name(x.level)}, `}{w.statuses[x.status]}{" "}
            <small>{p.clock.time(x.changed)}{x.reason ? ` · ${x.reason.replace(/^all_clear\b/, "all-clear")}` : ""}</small>
          </li>
        ))}
      </ul>
      {asked && (
        <Confirm
          asked={asked} site={p.site} scale={p.scale} onClose={() => setAsked(undefined)}
          onDone={(step) => {
            setSaid(words.decide.done[step]);
            setAsked(undefined);
            p.onChanged();
          }}
        />
      )}
    </>
  );
}

interface CardProps extends DeskProps { warning: Warning; onAsk: (asked: Asked) => void }

function Head({ warning, level, scale, kind }: { warning: Warning; level: number; scale: Scale; kind: string }) {
  return (
    <header>
      <Shape level={level} scale={scale} size={38} />
      <div>
        <p class="kind">{sentence(scale.name(level))} · {warning.hazard}{kind ? ` · ${kind}` : ""}</p>
        <h3>{warning.zone_name}</h3>
      </div>
    </header>
  );
}

function Waiting(p: CardProps & { proposal: Proposal }) {
  const { warning, proposal, scale, clock } = p;
  const w = words.desk;
  const submitter = proposal.submitter.startsWith("rule:") ? w.rule(proposal.submitter.slice(5)) : proposal.submitter;
  const stripe = { "--stripe": scale.paint(proposal.level).background };
  return (
    <article class="card waiting" style={stripe} aria-label={`${w.waiting}: ${warning.zone_name}`}>
      <Head warning={warning} level={proposal.level} scale={scale} kind={w.actions[proposal.action] ?? proposal.action} />
      <p class="words">{proposal.words}</p>
      {proposal.doubtful && <p class="doubt"><b>{w.doubtful}:</b> {proposal.doubtful}</p>}
      <Exposed exposure={proposal.exposure} />
      <p class="soft small">{w.by(submitter, clock.time(proposal.at))} · {w.needs(proposal.approvals.length, proposal.needs)}</p>
      <Preview warning={warning} site={p.site} />
      <Evidence proposal={proposal} clock={clock} />
      <div class="buttons">
        {p.me.may_approve && (
          <>
            <button type="button" class="act" onClick={() => p.onAsk({ step: "approve", warning })}>{words.decide.approve}</button>
            <button type="button" onClick={() => p.onAsk({ step: "reject", warning })}>
              {inForce(warning) ? words.decide.dismiss : words.decide.reject}
            </button>
          </>
        )}
        <button type="button" class="quiet" onClick={() => p.onShow(warning.zone, proposal.evidence?.station)}>{w.seen}</button>
      </div>
      {!p.me.may_approve && <p class="soft small">{w.notYours}</p>}
    </article>
  );
}

function Exposed({ exposure }: { exposure: Proposal["exposure"] }) {
  const w = words.desk;
  return (
    <div class="exposed">
      <p><b>{count(exposure.people)}</b> <span>{w.people("").trim()}{exposure.high > exposure.low ? `, ${w.range(count(exposure.low), count(exposure.high))}` : ""}</span></p>
      {exposure.places && exposure.places.length > 0 && (
        <p class="soft small">{exposure.places.slice(0, 6).map((x) => `${x.name} ${count(x.people)}`).join(" · ")}</p>
      )}
      {exposure.sources && exposure.sources.length > 0 && <p class="soft small">{exposure.sources.join("; ")}</p>}
    </div>
  );
}

function Evidence({ proposal, clock }: { proposal: Proposal; clock: Clock }) {
  const readings = proposal.evidence?.readings ?? [];
  if (readings.length === 0) return null;
  return (
    <details>
      <summary>{words.desk.evidence} ({readings.length})</summary>
      <table>
        <tbody>
          {readings.map((r) => (
            <tr key={r.time + r.sensor}><td>{clock.time(r.time)}</td><td>{r.sensor.replaceAll("_", " ")}</td><td class="num">{figure(r.value, r.unit)} {unit(r.unit)}</td><td class="soft">{words.flags[r.flag]}</td></tr>
          ))}
        </tbody>
      </table>
    </details>
  );
}

function Preview({ warning, site }: { warning: Warning; site: Site }) {
  const [texts, setTexts] = useState<Text[]>();
  const [error, setError] = useState<string>();
  useEffect(() => {
    ask<{ texts: Text[] }>(`/warnings/${encodeURIComponent(warning.id)}/preview`).then((a) => setTexts(a.texts), (e: Error) => setError(e.message));
  }, [warning.id, warning.version]);
  if (error) return <p class="notice">{words.desk.texts}: {error}</p>;
  return <Texts title={words.desk.texts} texts={texts} site={site} open />;
}

export function Texts({ title, texts, site, open }: { title: string; texts: Text[] | undefined; site: Site; open?: boolean }) {
  const [language, setLanguage] = useState<string>();
  if (!texts) return <p class="soft small">{words.loading}</p>;
  const text = texts.find((t) => t.language === language) ?? texts[0];
  if (!text) return null;
  const name = (tag: string) => site.languages.find((l) => l.tag === tag)?.name ?? tag;
  return (
    <details class="texts" open={open}>
      <summary>{title}</summary>
      <div class="seg" role="group" aria-label={title}>
        {texts.map((t) => (
          <button type="button" key={t.language} lang={t.language} aria-pressed={t === text} onClick={() => setLanguage(t.language)}>{name(t.language)}</button>
        ))}
      </div>
      {!text.reviewed && <p class="unreviewed">{words.desk.unreviewed}</p>}
      <div lang={text.language} class="text">
        <h4>{text.headline}</h4>
        <p>{text.description}</p>
        {text.instruction && <p class="instruction">{text.instruction}</p>}
        <p class="sms"><span lang="en">{words.desk.sms}</span> {text.sms}</p>
      </div>
    </details>
  );
}

function Current(p: CardProps) {
  const { warning, scale, clock } = p;
  const w = words.desk;
  const may = p.me.may_approve && inForce(warning);
  return (
    <article class="card" style={{ "--stripe": scale.paint(warning.level).background }} aria-label={`${w.inForce}: ${warning.zone_name}`}>
      <Head warning={warning} level={warning.level} scale={scale} kind={w.statuses[warning.status]} />
      <p class="small">
        {count(warning.people)} {w.people("").trim()} · {w.edition(warning.edition)}
        {warning.issued ? ` · ${w.issued(clock.time(warning.issued))}` : ""}{warning.expires ? ` · ${w.expires(clock.time(warning.expires))}` : ""}
      </p>
      <Texts title={w.saidTexts} texts={warning.texts} site={p.site} />
      <div class="buttons">
        {may && (
          <>
            <button type="button" onClick={() => p.onAsk({ step: "all_clear", warning })}>{words.decide.allClear}</button>
            <button type="button" onClick={() => p.onAsk({ step: "cancel", warning })}>{words.decide.cancel}</button>
          </>
        )}
        <button type="button" class="quiet" onClick={() => p.onShow(warning.zone)}>{w.seen}</button>
        {warning.cap && <a href={warning.cap} target="_blank" rel="noopener">{w.cap}</a>}
      </div>
    </article>
  );
}
