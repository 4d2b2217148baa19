import { useEffect, useRef, useState } from "preact/hooks";
import { decide, type Site, type Step, type Warning } from "./api";
import { count, sentence } from "./format";
import { type Scale, Shape } from "./level";
import { words } from "./words";

/** Asked is a step that a person has begun and not yet confirmed. */
export interface Asked { step: Step; warning: Warning }

interface Plan { title: string; more: string; button: string; note: boolean }

function plan({ step, warning }: Asked, site: Site, scale: Scale): Plan {
  const d = words.decide;
  const zone = warning.zone_name;
  const languages = site.languages.map((l) => l.name).join(", ");
  const open = warning.status === "issued" || warning.status === "updated";
  switch (step) {
    case "approve": {
      const ends = warning.proposal?.action === "all_clear";
      const last = (warning.proposal?.approvals.length ?? 0) + 1 >= (warning.proposal?.needs ?? 1);
      const level = scale.name(warning.proposal?.level ?? warning.level);
      return {
        title: ends ? d.endProposalTitle(zone) : d.approveTitle(level, zone), note: false, button: !last ? d.approveFirst : ends ? d.allClearDo : d.approveDo,
        more: ends ? d.allClearMore : d.approveMore(count(warning.proposal?.exposure.people ?? warning.people), languages),
      };
    }
    case "reject":
      return { title: open ? d.dismissTitle(zone) : d.rejectTitle(zone), more: open ? d.dismissMore : d.rejectMore, button: d.rejectDo, note: true };
    case "all_clear":
      return { title: d.allClearTitle(zone), more: d.allClearMore, button: d.allClearDo, note: true };
    case "cancel":
      return { title: d.cancelTitle(zone), more: d.cancelMore, button: d.cancelDo, note: true };
  }
}

/**
 * Confirm asks once more. The way back has the focus, so that a key that is still held down decides
 * nothing; the version that was on the screen goes with the decision, so that nobody decides on what
 * has changed meanwhile.
 */
export function Confirm({ asked, site, scale, onClose, onDone }: {
  asked: Asked; site: Site; scale: Scale; onClose: () => void; onDone: (step: Step) => void;
}) {
  const dialog = useRef<HTMLDialogElement>(null);
  const [note, setNote] = useState("");
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<string>();
  const p = plan(asked, site, scale);
  const level = asked.step === "approve" ? asked.warning.proposal?.level ?? asked.warning.level : asked.warning.level;
  useEffect(() => dialog.current?.showModal(), []);
  const go = async (event: Event) => {
    event.preventDefault();
    if (p.note && note.trim() === "") {
      setError(words.decide.noteMissing);
      return;
    }
    setBusy(true);
    try {
      await decide(asked.step, asked.warning.id, asked.warning.version, note.trim());
      onDone(asked.step);
    } catch (e) {
      setError(e instanceof Error ? e.message : String(e));
      setBusy(false);
    }
  };
  return (
    <dialog ref={dialog} class="confirm" onClose={onClose} aria-labelledby="confirm-title">
      <form onSubmit={go}>
        <p class={`mode-word ${site.mode.toLowerCase()}`}>{words.modes[site.mode].word}</p>
        <h2 id="confirm-title"><Shape level={level} scale={scale} size={34} /> {sentence(p.title)}</h2>
        <p>{p.more}</p>
        <p class="soft">{site.mode === "Actual" ? words.decide.reasonActual : words.decide.reasonOther(site.mode)}</p>
        {p.note && (
          <>
            <label for="confirm-note">{words.decide.note}</label>
            <textarea id="confirm-note" rows={3} maxLength={2000} value={note} onInput={(e) => setNote(e.currentTarget.value)} />
          </>
        )}
        {error && <p class="notice" role="alert">{error}</p>}
        <div class="buttons">
          <button type="button" autofocus onClick={() => dialog.current?.close()}>{words.decide.back}</button>
          <button type="submit" class="act" disabled={busy}>{busy ? words.decide.working : p.button}</button>
        </div>
      </form>
    </dialog>
  );
}
