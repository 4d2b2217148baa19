import "@fontsource-variable/atkinson-hyperlegible-next/wght.css";
import { render } from "preact";
import { App } from "./app";
import { ask, type Me, type Site } from "./api";
import "./style.css";
import { words } from "./words";

async function start(): Promise<void> {
  const root = document.getElementById("app");
  if (!root) return;
  try {
    const [site, me] = await Promise.all([ask<Site>("/site"), ask<Me>("/session")]);
    root.replaceChildren();
    render(<App site={site} me={me} />, root);
  } catch (error) {
    const retry = () => location.reload();
    render(
      <div class="boot"><p role="alert">{words.failed}: {error instanceof Error ? error.message : String(error)}</p><button type="button" onClick={retry}>{words.retry}</button></div>,
      root,
    );
  }
}

void start();
