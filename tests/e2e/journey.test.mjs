// A person's way through the gateway in a real browser: join, see the place move, get in, stay in.

import assert from "node:assert/strict";
import { test } from "node:test";

import { inspect, LINE_IS_DOWN, openPage, startBrowser } from "./support/browser.mjs";
import { until } from "./support/until.mjs";
import { fillLine } from "./support/visitor.mjs";
import { startDemo } from "./support/world.mjs";

/** The first two go straight through (the burst is two seconds of outflow); the others make a line of seconds. */
const AHEAD = 8;
/** One admission a second, and some time for a busy machine. */
const ADMITTED_WITHIN_MS = 60_000;

test("place moves without a reload, and who is in stays in", async (t) => {
  const world = await startDemo(t);
  await fillLine(world, AHEAD);
  const page = await openPage(await startBrowser(t));

  await page.goto(`${world.protectedUrl}?seat=1%262`);
  assert.ok(page.url().startsWith(`${world.room}/?`), page.url());
  assert.equal(await page.locator("h1").innerText(), "You are in line");
  const reference = await page.locator(".reference code").innerText();
  // Whatever a script has put there is gone after a reload.
  await page.evaluate(() => (globalThis.isStillTheSamePage = true));

  const seen = [];
  await until("the visitor is at the site", async () => !(await look(page, world, seen)), {
    deadlineMs: ADMITTED_WITHIN_MS,
  });
  const places = seen.map(({ ahead }) => ahead);
  t.diagnostic(`places seen: ${[...new Set(places)].join(", ")}`);
  assert.ok(new Set(places).size >= 3, `the place moves: ${places}`);
  assert.ok(places[0] > 1 && places[0] <= AHEAD, `${places[0]} ahead at first`);
  assert.deepEqual(places, [...places].sort((a, b) => b - a), "and only ever forwards");
  const progress = seen.map((one) => one.progress);
  assert.deepEqual(progress, [...progress].sort((a, b) => a - b), "progress never goes back");
  assert.ok(seen.every((one) => one.isStillTheSamePage), "the page was never reloaded");
  assert.ok(seen.every((one) => one.reference === reference), "one visitor, one queue id");

  await page.waitForURL(`${world.site}/**`);
  assert.equal(page.url(), `${world.protectedUrl}?seat=1%262`, "where they wanted to be, and no queue token to see");
  assert.equal(await page.locator("h1").innerText(), "Tickets");

  const asked = [];
  page.on("request", (request) => asked.push(request.url()));
  await page.reload();
  await page.getByRole("link", { name: "Choose seats" }).click();
  await page.goBack();
  assert.equal(await page.locator("h1").innerText(), "Tickets");
  assert.ok(asked.every((url) => url.startsWith(world.site)), `nobody is sent to the room again: ${asked.join(" ")}`);
  assert.deepEqual(page.faults, []);
});

test("visitor without JavaScript gets in as well", async (t) => {
  const world = await startDemo(t);
  await fillLine(world, AHEAD);
  const page = await openPage(await startBrowser(t), { javaScript: false, width: 320 });
  const documents = [];
  page.on("response", (response) => {
    const isOfRoom = response.status() === 200 && response.url().startsWith(world.room);
    // Read at once: with the next page the browser forgets it.
    if (isOfRoom && response.request().isNavigationRequest()) documents.push(response.text());
  });

  await page.goto(world.protectedUrl);
  assert.equal(await page.locator("h1").innerText(), "You are in line");
  await page.waitForURL(`${world.site}/**`, { timeout: ADMITTED_WITHIN_MS });
  assert.equal(await page.locator("h1").innerText(), "Tickets");

  const shown = await Promise.all(documents);
  const places = shown.map((html) => Number(/<strong id="number">([\d,]*)</.exec(html)[1].replaceAll(",", "")));
  t.diagnostic(`places seen: ${places.join(", ")}`);
  assert.ok(new Set(places).size >= 2, `the place moves by itself: ${places}`);
  assert.deepEqual(places, [...places].sort((a, b) => b - a), "and only ever forwards");
  assert.ok(shown.every((html) => !html.includes("queueittoken=")), "no page holds a queue token");

  await page.reload();
  assert.equal(await page.locator("h1").innerText(), "Tickets", "a reload does not queue again");
  assert.deepEqual(page.faults, []);
});

test("dead line costs nobody the place, and the page says so", async (t) => {
  const world = await startDemo(t);
  await fillLine(world, AHEAD);
  const page = await openPage(await startBrowser(t), { tolerated: [LINE_IS_DOWN] });
  await page.goto(world.protectedUrl);
  const before = await lookAt(page);
  assert.equal(await page.locator("#trouble").isVisible(), false);

  await page.context().setOffline(true);
  await page.locator("#trouble").waitFor({ state: "visible" });
  assert.match(await page.locator("#trouble").innerText(), /Your place is safe/);
  const during = await lookAt(page);
  assert.equal(during.reference, before.reference);
  assert.ok(during.ahead > 0, "what was known last still stands there");
  await inspect(page, "waiting-offline");

  await page.context().setOffline(false);
  // By then it may well be this visitor's turn.
  await until(
    "the page is well again",
    async () => page.url().startsWith(world.site) || !(await page.locator("#trouble").isVisible()),
    { deadlineMs: ADMITTED_WITHIN_MS },
  );
  await page.waitForURL(`${world.site}/**`, { timeout: ADMITTED_WITHIN_MS });
  assert.equal(await page.locator("h1").innerText(), "Tickets");
  const cookies = await page.context().cookies(world.site);
  const accepted = cookies.find((cookie) => cookie.name.startsWith("QueueITAccepted-"));
  assert.ok(decodeURIComponent(accepted.value).includes(before.reference), "it is the same place that led in");
  assert.deepEqual(page.faults, []);
});

/** Adds what the waiting page shows now to `seen`; false once the browser is somewhere else. */
async function look(page, world, seen) {
  if (!page.url().startsWith(world.room)) return false;
  try {
    const now = await lookAt(page);
    if (now.state === "waiting") seen.push(now);
  } catch (error) {
    // The page went away while we looked.
    if (page.url().startsWith(world.room) && !/navigation|destroyed|closed/i.test(error.message)) throw error;
  }
  return true;
}

/** What the waiting page shows, in one look: between two the script could change it. */
function lookAt(page) {
  return page.evaluate(() => {
    const text = (selector) => document.querySelector(selector).textContent;
    return {
      state: document.getElementById("line").dataset.state,
      ahead: Number(text("#number").replaceAll(",", "")),
      progress: document.getElementById("progress").value,
      reference: text(".reference code"),
      isStillTheSamePage: globalThis.isStillTheSamePage ?? false,
    };
  });
}
