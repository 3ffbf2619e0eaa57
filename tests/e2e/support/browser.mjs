// A visitor or operator with a real browser: headless Chromium, driven from outside, watched for every complaint.

import assert from "node:assert/strict";
import { accessSync, constants, readFileSync } from "node:fs";
import { mkdir } from "node:fs/promises";
import { createRequire } from "node:module";
import { delimiter, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

import { chromium } from "playwright-core";

const here = dirname(fileURLToPath(import.meta.url));
const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

/** Where pictures of the pages are kept, for a person to look at. */
const ARTIFACTS = join(here, "../artifacts");
/** The narrowest phone there is, and an ordinary screen. */
const WIDTHS = [320, 1280];
const HEIGHT = 800;
/** A page that does not show what it should within this time does not show it. */
const SHOWN_WITHIN_MS = 15_000;

/** Left to itself the browser talks to its maker, which a test has no use for, and draws with what is not there. */
const ARGUMENTS = [
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-gpu",
  "--disable-quic",
  "--disable-sync",
  "--no-first-run",
];
/** Its sandbox refuses to be started by root, as in many containers. What it shows here are pages of our own. */
const ARGUMENTS_FOR_ROOT = process.getuid?.() === 0 ? ["--no-sandbox"] : [];

/** Starts the browser; it ends with the test. */
export async function startBrowser(t) {
  const args = [...ARGUMENTS, ...ARGUMENTS_FOR_ROOT];
  const browser = await chromium.launch({ executablePath: chromiumProgram(), args });
  t.after(() => browser.close());
  return browser;
}

/**
 * Opens a page that shares nothing with any other. It complains in `page.faults` about everything that a browser
 * complains about: errors in scripts, refused by the content security policy, not found.
 *
 * `tolerated` says which complaints the test itself brings about.
 */
export async function openPage(browser, { javaScript = true, width = WIDTHS[1], tolerated = [] } = {}) {
  const context = await browser.newContext({
    javaScriptEnabled: javaScript,
    viewport: { width, height: HEIGHT },
    // The waiting room's certificate is made by the demo itself, for this machine alone.
    ignoreHTTPSErrors: true,
    locale: "en-GB",
  });
  context.setDefaultTimeout(SHOWN_WITHIN_MS);
  const page = await context.newPage();
  page.faults = [];
  const complain = (text) => {
    if (!tolerated.some((pattern) => pattern.test(text))) page.faults.push(text);
  };
  page.on("console", (message) => {
    if (["error", "warning"].includes(message.type())) complain(`${message.text()} (${message.location().url})`);
  });
  page.on("pageerror", (error) => complain(`error in a script: ${error.stack}`));
  return page;
}

/** The browser's word for an answer with this status: expected where a test goes to such a page on purpose. */
export const answered = (status) => new RegExp(`responded with a status of ${status} `);
/** Lets a waiting page ask at once, as it does when a phone has found its network again. */
export const askNow = (page) => page.evaluate(() => globalThis.dispatchEvent(new Event("online")));

/** The browser's word for a line that is down. */
export const LINE_IS_DOWN = /net::ERR_INTERNET_DISCONNECTED/;

/**
 * Looks at a page as it is now, at each width and by day and night: nothing is off to the side, axe has nothing to
 * say, the browser did not complain. Keeps a picture of each as `artifacts/{name}-{width}.png`.
 *
 * `except` names rules of axe that do not hold here; the caller says why.
 */
export async function inspect(page, name, { except = [] } = {}) {
  await mkdir(ARTIFACTS, { recursive: true });
  const before = page.viewportSize();
  const found = [];
  for (const colorScheme of ["dark", "light"]) {
    await page.emulateMedia({ colorScheme, reducedMotion: "reduce" });
    for (const width of WIDTHS) {
      await page.setViewportSize({ width, height: HEIGHT });
      const suffix = colorScheme === "light" ? "" : "-dark";
      await page.screenshot({ path: join(ARTIFACTS, `${name}-${width}${suffix}.png`), fullPage: true });
      const where = `${name} at ${width} px, ${colorScheme}`;
      const [scrolls, has] = await page.evaluate(() => {
        const { scrollWidth, clientWidth } = document.documentElement;
        return [scrollWidth, clientWidth];
      });
      if (scrolls > has) found.push(`${where}: ${scrolls} px wide in a window of ${has}`);
      found.push(...(await violations(page, except)).map((text) => `${where}: ${text}`));
    }
  }
  await page.setViewportSize(before);
  assert.deepEqual([...found, ...page.faults], [], `${name} (${page.url()})`);
}

async function violations(page, except) {
  // Handed to the browser from outside: the page's content security policy stays as it is.
  await page.evaluate(axe);
  const rules = Object.fromEntries(except.map((rule) => [rule, { enabled: false }]));
  const { violations: all } = await page.evaluate((options) => globalThis.axe.run(document, options), { rules });
  return all.map(({ id, help, nodes }) => `${id}: ${help}: ${nodes.map((node) => node.html).join(" ")}`);
}

function chromiumProgram() {
  if (process.env.ANTEROOM_CHROMIUM) return process.env.ANTEROOM_CHROMIUM;
  for (const folder of (process.env.PATH ?? "").split(delimiter)) {
    const candidate = join(folder, "chromium");
    try {
      accessSync(candidate, constants.X_OK);
      return candidate;
    } catch {
      // Not in this folder.
    }
  }
  throw new Error("no chromium on the path: cargo xtask setup, or name one in ANTEROOM_CHROMIUM");
}
