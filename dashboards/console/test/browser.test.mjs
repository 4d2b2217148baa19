// The console and the residents' page in a real browser, on a running program.
//
//   BASE_URL    of the program, as http://127.0.0.1:8080 (needed)
//   LOGIN_LINK  a one-time login link of an approver, absolute or a path (needed)
//   SHOTS       a folder for screenshots (optional)
//   CHROMIUM    the browser (default /usr/bin/chromium)
//   REFUSED     part of a message that the program has refused (optional)
//   AGAIN       set where the program proposes a second time, and then waits for people (optional)
//
// The program must come to have a proposal within three minutes. Waits are bounds for a busy machine; no
// step depends on how fast it was.

import assert from "node:assert/strict";
import { mkdtempSync, mkdirSync, readFileSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { chromium } from "playwright-core";

const base = process.env.BASE_URL;
const link = process.env.LOGIN_LINK;
const shots = process.env.SHOTS;
const axeSource = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const password = "seven quiet rivers run";
const flags = [
  "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
  "--disable-component-update", "--disable-sync",
];

let profile, context, page;
const faults = [];
const outside = [];

/**
 * watch notes console errors, uncaught exceptions and requests that leave this machine. A 409 is no fault:
 * the story went on between what the page showed and what it asked for, and the page shows the news.
 */
function watch(p) {
  p.on("console", (m) => m.type() === "error" && !/\b409 \(Conflict\)/.test(m.text()) && faults.push(`${p.url()}: ${m.text()}`));
  p.on("pageerror", (e) => faults.push(`${p.url()}: ${e}`));
  p.on("request", (r) => {
    const url = new URL(r.url());
    if (/^(https?|wss?):$/.test(url.protocol) && url.hostname !== "127.0.0.1") outside.push(r.url());
  });
}

async function shot(p, name) {
  if (shots) await p.screenshot({ path: join(shots, `${name}.png`) });
}

/** axe fails on any violation of WCAG 2.2 AA or of axe's best practices. */
async function axe(p, what) {
  await p.evaluate(axeSource); // through the debugger: the page's own policy allows no foreign script
  const { violations } = await p.evaluate(() => globalThis.axe.run(document, {
    runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"],
  }));
  const told = violations.map((v) => `${v.id} (${v.help}): ${v.nodes.slice(0, 4).map((n) => `${n.target} ${n.failureSummary}`).join(" | ")}`);
  assert.deepEqual(told, [], `axe on ${what}`);
}

const noSideways = (p) => p.evaluate(() => document.documentElement.scrollWidth - innerWidth);

/** labelLight is the mean brightness, 0 to 255, of what is written left of the hydrograph. */
const labelLight = (p) => p.evaluate(() => {
  const canvas = document.querySelector(".plot canvas");
  const { data } = canvas.getContext("2d").getImageData(0, 0, Math.round(44 * devicePixelRatio), canvas.height);
  let sum = 0;
  let n = 0;
  for (let i = 0; i < data.length; i += 4) {
    if (data[i + 3] < 200) continue;
    sum += (data[i] + data[i + 1] + data[i + 2]) / 3;
    n++;
  }
  return sum / n;
});

before(async () => {
  assert.ok(base && link, "BASE_URL and LOGIN_LINK must be given: see the head of this file");
  if (shots) mkdirSync(shots, { recursive: true });
  profile = mkdtempSync(join(tmpdir(), "tocsin-browser-"));
  context = await chromium.launchPersistentContext(profile, {
    executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium", headless: true, args: flags, viewport: { width: 1440, height: 900 },
    colorScheme: "light",
  });
  context.setDefaultTimeout(90_000);
  page = context.pages()[0] ?? (await context.newPage());
  watch(page);
});

after(async () => {
  await context?.close();
  if (profile) rmSync(profile, { recursive: true, force: true });
});

test("an operator comes in by a one-time link, which works once", async () => {
  await page.goto(new URL("/console", base).href);
  await page.waitForURL(/\/login$/);
  await axe(page, "login");
  await shot(page, "login");
  await page.goto(new URL(link, base).href);
  await axe(page, "link");
  await page.fill("#password", password);
  await page.fill("#again", password);
  await page.keyboard.press("Enter");
  await page.waitForURL(/\/console$/);
  await page.getByRole("status").filter({ hasText: "Live" }).waitFor({ timeout: 90_000 });
});

test("the map shows the site", async () => {
  await page.locator(".map-box[data-ready=true]").waitFor({ timeout: 90_000 });
  assert.ok((await page.locator(".p-side .row").count()) > 0, "no station in the list");
  await page.locator(".map-label").first().waitFor();
});

test("a station opens by keyboard, with its hydrograph", async () => {
  await page.locator(".p-side .row").first().focus();
  await page.keyboard.press("Enter");
  await page.locator(".station .plot canvas").waitFor({ timeout: 90_000 });
});

test("a proposal is approved with a second, deliberate step", async () => {
  const card = page.locator("article.waiting").first();
  await card.waitFor({ timeout: 180_000 });
  await card.locator(".text .sms").waitFor();
  await page.waitForTimeout(700); // the map and fonts settle for the picture
  await axe(page, "console");
  await shot(page, "console-proposal");
  await page.getByRole("button", { name: "Use dark colours" }).click();
  await page.locator(".map-box[data-ready=true]").waitFor();
  await page.waitForTimeout(900);
  assert.ok((await labelLight(page)) > 120, "the hydrograph's labels are dark on dark");
  await axe(page, "console, dark");
  await shot(page, "console-dark");

  const inForce = page.locator("article.card:not(.waiting)");
  const earlier = await inForce.count();
  const zone = await card.locator("h3").innerText();
  await card.getByRole("button", { name: "Approve…" }).focus();
  await page.keyboard.press("Enter");
  const dialog = page.getByRole("dialog");
  await dialog.waitFor();
  await axe(page, "confirm");
  await shot(page, "confirm");
  assert.equal(await page.evaluate(() => document.activeElement?.textContent), "Go back", "the way back has the focus");
  await page.keyboard.press("Enter");
  await dialog.waitFor({ state: "detached" });
  assert.equal(await inForce.count(), earlier, "a second Enter on the way back issued nothing");

  await page.getByRole("button", { name: "Use light colours" }).click();
  for (let tries = 3; ; tries--) { // evidence that came meanwhile asks for a second look, of people too
    await card.getByRole("button", { name: "Approve…" }).click();
    await dialog.getByRole("button", { name: /^(Issue now|Send all-clear|Approve; .*)$/ }).click();
    const refused = dialog.getByRole("alert");
    await Promise.race([dialog.waitFor({ state: "detached", timeout: 90_000 }), refused.waitFor({ timeout: 90_000 }).catch(() => {})]);
    if ((await dialog.count()) === 0) break;
    assert.ok(tries > 0, await refused.innerText());
    await dialog.getByRole("button", { name: "Go back" }).click();
  }
  const issued = page.locator(`article.card:not(.waiting)`, { hasText: zone }).first();
  await issued.waitFor({ timeout: 90_000 });
  await issued.getByText("What was said").click();
  await issued.locator(".text .sms").waitFor();
  await page.locator(".map-box[data-ready=true]").waitFor();
  await page.waitForTimeout(900);
  await axe(page, "console, issued");
  await shot(page, "console-issued");
});

test("residents read it in both languages, without JavaScript", async () => {
  const browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium", headless: true, args: flags });
  try {
    for (const [name, language, width] of [["public-en", "en", 1280], ["public-en-360", "en", 360], ["public-dz-360", "dz", 360]]) {
      const silent = await browser.newContext({ javaScriptEnabled: false, viewport: { width, height: 900 }, colorScheme: "light" });
      const p = await silent.newPage();
      watch(p);
      await p.goto(new URL(`/?lang=${language}`, base).href);
      const warning = p.locator(`article.w[lang=${language}]`).first();
      await warning.waitFor();
      assert.match(await warning.innerText(), language === "en" ? /EXERCISE: / : /[\u0f40-\u0fbc]{3}/);
      await shot(p, name);
      await silent.close();
    }
  } finally {
    await browser.close();
  }
});

test("the phones show the message, in more than one language", async () => {
  await page.locator(".views").getByRole("button", { name: "Phones" }).click();
  await page.locator(".bubble").first().waitFor({ timeout: 90_000 });
  await page.waitForFunction(() => new Set([...document.querySelectorAll(".bubble p")].map((p) => p.lang)).size > 1, null, { timeout: 90_000 });
  await page.waitForTimeout(400);
  await axe(page, "phones");
  await shot(page, "phones");
});

test("what was refused is shown with its reason", async () => {
  await page.locator(".views").getByRole("button", { name: "Refused" }).click();
  await page.locator(".p-side").getByText(/could not become a reading|Nothing was refused/).first().waitFor();
  if (process.env.REFUSED) await page.locator(".p-side").getByText(process.env.REFUSED).first().waitFor({ timeout: 90_000 });
  await axe(page, "refused");
  await shot(page, "refused");
});

test("an ended warning needs a reason and a second step", async () => {
  if (process.env.AGAIN) await page.locator("article.waiting").first().waitFor({ timeout: 180_000 }); // from here on the story waits
  const card = page.locator("article.card:not(.waiting)", { has: page.getByRole("button", { name: "All-clear…" }) }).last();
  const count = await page.getByRole("button", { name: "All-clear…" }).count();
  await card.getByRole("button", { name: "All-clear…" }).click();
  const dialog = page.getByRole("dialog");
  await dialog.getByRole("button", { name: "Send all-clear" }).click();
  await dialog.getByRole("alert").waitFor();
  await dialog.getByLabel("Why (kept in the record)").fill("Browser test: the gauges have fallen.");
  await dialog.getByRole("button", { name: "Send all-clear" }).click();
  await dialog.waitFor({ state: "detached", timeout: 90_000 });
  await page.waitForFunction((n) => [...document.querySelectorAll("button")].filter((b) => b.textContent === "All-clear…").length < n, count, { timeout: 90_000 });
});

test("the console works at 360 px", async () => {
  await page.setViewportSize({ width: 360, height: 780 });
  for (const view of ["Desk", "Map", "Stations", "Phones"]) {
    await page.locator(".views").getByRole("button", { name: new RegExp(`^${view}`) }).click();
    await page.waitForTimeout(300);
    await shot(page, `narrow-${view.toLowerCase()}`);
    assert.ok((await noSideways(page)) <= 0, `${view} scrolls sideways at 360 px`);
    await axe(page, `${view} at 360 px`);
  }
  await page.setViewportSize({ width: 1440, height: 900 });
});

test("a lost connection is said", async () => {
  const before = faults.length;
  await page.setViewportSize({ width: 1440, height: 1200 }); // the banner must not push controls half under the desk's buttons
  await page.route("**/api/v1/events", (route) => route.abort());
  await page.reload();
  await page.locator("p.cut[role=alert]").waitFor({ timeout: 90_000 });
  await axe(page, "connection lost");
  await shot(page, "lost");
  await page.unroute("**/api/v1/events");
  await page.getByRole("status").filter({ hasText: "Live" }).waitFor({ timeout: 90_000 });
  await page.setViewportSize({ width: 1440, height: 900 });
  faults.length = before; // the browser names the request that this test cut
});

test("residents read the page without JavaScript, at 360 px, in 14 kB", async () => {
  const browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium", headless: true, args: flags });
  try {
    for (const [name, width, scheme] of [["public-narrow", 360, "light"], ["public-wide", 1280, "light"], ["public-dark", 360, "dark"]]) {
      const silent = await browser.newContext({ javaScriptEnabled: false, viewport: { width, height: 780 }, colorScheme: scheme });
      const p = await silent.newPage();
      watch(p);
      const network = await silent.newCDPSession(p);
      await network.send("Network.enable");
      let bytes = 0;
      network.on("Network.loadingFinished", (e) => (bytes += e.encodedDataLength));
      await p.goto(new URL("/", base).href);
      await p.waitForTimeout(300);
      assert.ok(bytes > 500 && bytes <= 14 * 1024, `${bytes} bytes over the wire`);
      assert.match(await p.locator("h1").innerText(), /warning/i);
      if (shots) await p.screenshot({ path: join(shots, `${name}.png`), fullPage: true });
      await silent.close();
    }
    const open = await browser.newContext({ viewport: { width: 360, height: 780 } });
    const p = await open.newPage();
    watch(p);
    for (const path of ["/", "/?lang=dz", "/levels"]) {
      await p.goto(new URL(path, base).href);
      assert.ok((await noSideways(p)) <= 0, `${path} scrolls sideways at 360 px`);
      await axe(p, path);
    }
    await open.close();
  } finally {
    await browser.close();
  }
});

test("nothing went wrong in the browser, and nothing left the machine", () => {
  assert.deepEqual(faults, []);
  assert.deepEqual(outside, []);
});
