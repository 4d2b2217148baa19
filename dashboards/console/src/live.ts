import { useEffect, useRef, useState } from "preact/hooks";

export type Link = { state: "connecting" | "live" } | { state: "lost"; since: number };

const kinds = ["readings", "warnings", "published", "deliveries", "rejects", "health"] as const;
export type Kind = (typeof kinds)[number];

const silence = 40_000; // the server beats every 15 s: more than two missed beats mean that nobody is there
const again = 3_000;

/**
 * useLive listens to the program's events. heard is called with each kind, and with "all" after every
 * (re)connection, because what happened meanwhile is not told again.
 */
export function useLive(heard: (kind: Kind | "all") => void): Link {
  const [link, setLink] = useState<Link>({ state: "connecting" });
  const handler = useRef(heard);
  handler.current = heard;
  useEffect(() => {
    let source: EventSource | null = null;
    let retry = 0;
    let watch = 0;
    let lastWord = Date.now();
    const lost = () => {
      source?.close();
      setLink((l) => (l.state === "lost" ? l : { state: "lost", since: lastWord }));
      clearTimeout(retry);
      retry = window.setTimeout(open, again);
    };
    const alive = () => {
      lastWord = Date.now();
      clearTimeout(watch);
      watch = window.setTimeout(lost, silence);
    };
    const open = () => {
      source = new EventSource("/api/v1/events");
      source.addEventListener("hello", () => {
        alive();
        setLink({ state: "live" });
        handler.current("all");
      });
      source.addEventListener("beat", alive);
      for (const kind of kinds) {
        source.addEventListener(kind, () => {
          alive();
          handler.current(kind);
        });
      }
      source.onerror = lost;
    };
    open();
    return () => {
      source?.close();
      clearTimeout(retry);
      clearTimeout(watch);
    };
  }, []);
  return link;
}

/** Loaded is what was last fetched, and whether the newest attempt failed. */
export interface Loaded<T> { data: T | undefined; error: string | undefined; reload: () => void }

/** useLoaded keeps an answer of the API; reload asks again, never twice at once. */
export function useLoaded<T>(fetcher: () => Promise<T>): Loaded<T> {
  const [data, setData] = useState<T>();
  const [error, setError] = useState<string>();
  const state = useRef({ busy: false, wanted: false });
  const run = useRef(() => {});
  run.current = async () => {
    if (state.current.busy) {
      state.current.wanted = true;
      return;
    }
    state.current.busy = true;
    try {
      setData(await fetcher());
      setError(undefined);
    } catch (e) {
      setError(e instanceof Error ? e.message : String(e));
    }
    state.current.busy = false;
    if (state.current.wanted) {
      state.current.wanted = false;
      setTimeout(() => run.current(), 250);
    }
  };
  const reload = useRef(() => run.current());
  return { data, error, reload: reload.current };
}
