// What visitors see, in each state: looked at by a browser at the narrowest and at an ordinary width, by day and by
// night, with axe looking on. The pictures are kept for a person.

import assert from "node:assert/strict";
import { test } from "node:test";

import { answered, askNow, inspect, openPage, startBrowser } from "./support/browser.mjs";
import { Operator } from "./support/operator.mjs";
import { fillLine, Visitor } from "./support/visitor.mjs";
import { startDemo } from "./support/world.mjs";

/** So slow that a page stands still while it is looked at. */
const SLOW = ["--outflow", "1"];
const AHEAD = 4;
/** As much as a room can let in: whoever waits is called at once. */
const FAST = 600_000;
const MESSAGE = 'The <b>stage</b> is "wet" & we mop it. You keep your place.';

test("waiting page shows the place, a pause, and what became of a ticket", async (t) => {
  const world = await startDemo(t, ...SLOW);
  const operator = new Operator(world);
  await fillLine(world, AHEAD);
  const page = await openPage(await startBrowser(t));

  await page.goto(world.protectedUrl);
  await heading(page, "You are in line");
  await inspect(page, "waiting");

  await operator.pause(MESSAGE);
  await askNow(page);
  await heading(page, "The line is paused");
  await page.getByText(MESSAGE, { exact: true }).waitFor();
  await inspect(page, "paused");

  await operator.resume();
  await askNow(page);
  await heading(page, "You are in line");
  assert.equal(await page.getByText(MESSAGE, { exact: true }).isVisible(), false, "the message goes with the pause");

  const queueId = await page.locator(".reference code").innerText();
  const elsewhere = new Visitor();
  await elsewhere.get(`${world.room}/cancel/multiple/${world.customerId}?wrl=${world.waitingRoomId}~${queueId}`);
  await operator.setOutflow(FAST);
  await askNow(page);
  await heading(page, "This ticket is used up");
  await page.getByRole("link", { name: "Join the line" }).waitFor();
  await inspect(page, "spent");

  await page.getByRole("link", { name: "Join the line" }).click();
  await page.waitForURL(`${world.site}/**`);
  assert.equal(await page.locator("h1").innerText(), "Tickets", "who joins anew gets in");
  assert.deepEqual(page.faults, []);
});

test("visitor without a ticket is told how to get one", async (t) => {
  const world = await startDemo(t, ...SLOW);
  await fillLine(world, AHEAD);
  const page = await openPage(await startBrowser(t), { javaScript: true });
  await page.goto(world.protectedUrl);
  await heading(page, "You are in line");
  await page.context().clearCookies();
  await askNow(page);
  await heading(page, "You have no place yet");
  await inspect(page, "unknown");
});

test("pages of a scheduled start say what comes, and go on by themselves", async (t) => {
  const HOUR = 3600;
  const world = await startDemo(t, ...SLOW);
  const operator = new Operator(world);
  await operator.schedule({ opensIn: HOUR, startsIn: 2 * HOUR });
  await operator.reset();
  const browser = await startBrowser(t);
  const page = await openPage(browser);
  await page.goto(world.protectedUrl);
  await heading(page, "Not open yet");
  assert.match(await page.locator("#countdown").innerText(), /^(01:00:00|00:59:\d\d)$/);
  await inspect(page, "before");

  await operator.schedule({ opensIn: -1, startsIn: HOUR });
  await askNow(page);
  await heading(page, "You are in the draw");
  await page.getByText("How to check it").click();
  await inspect(page, "prequeue");
  const commitment = await page.locator("dd code").innerText();

  await operator.setBeacon("3 9 17 24 38 41, drawn on TV");
  await fillLine(world, AHEAD);
  await operator.pause(MESSAGE);
  await operator.schedule({ opensIn: -1, startsIn: 2 });
  await askNow(page);
  // From here on the page does everything by itself: it counts down, and asks once after the start.
  await heading(page, "The line is paused");
  await page.getByRole("heading", { level: 2, name: "Your place was drawn" }).waitFor();
  assert.ok((await page.locator("dd code").allInnerTexts()).includes(commitment));
  await page.getByText("How to check it").click();
  await inspect(page, "drawn");

  await operator.changeRoom({ mode: "closed" });
  await askNow(page);
  await heading(page, "The waiting room is closed");
  await inspect(page, "closed");

  const other = await openPage(browser);
  await other.goto(world.protectedUrl);
  await heading(other, "The waiting room is closed");
  await inspect(other, "closed-without-ticket");
  await operator.changeRoom({ mode: "queue" });
  await operator.schedule({ opensIn: -10, startsIn: -5, endsIn: -1 });
  await askNow(other);
  await heading(other, "The waiting room has ended");
  await inspect(other, "ended");
  assert.deepEqual([...page.faults, ...other.faults], []);
});

test("pages of a start work without script", async (t) => {
  const world = await startDemo(t, ...SLOW);
  const operator = new Operator(world);
  await operator.schedule({ opensIn: 1, startsIn: 3600 });
  await operator.reset();
  const page = await openPage(await startBrowser(t), { javaScript: false });
  await page.goto(world.protectedUrl);
  // The browser follows the page's own refresh, which comes at any moment within twenty seconds of the opening.
  await heading(page, "You are in the draw", { timeout: 30_000 });
  assert.equal(await page.locator("#countdown").isVisible(), false);
  assert.match(await page.locator(".facts").innerText(), /Starts\s.+ UTC/);
  await page.getByText("The places are drawn at the start, in about").waitFor();
});

test("who has no invitation is told how to get one, and a full site says so", async (t) => {
  const world = await startDemo(t, ...SLOW);
  const operator = new Operator(world);
  const browser = await startBrowser(t);
  await operator.changeRoom({ enqueueToken: "required" });
  const page = await openPage(browser, { tolerated: [answered("4..")] });
  await page.goto(world.protectedUrl);
  await heading(page, "You need an invitation");
  await inspect(page, "invitation-missing");
  const url = `${world.room}/?c=${world.customerId}&e=${world.waitingRoomId}&enqueuetoken=a.b.c`;
  await page.goto(url);
  await heading(page, "Your invitation could not be checked");
  await inspect(page, "invitation-unreadable");

  await operator.changeRoom({ enqueueToken: "notUsed", maxActive: 1, outflowPerMinute: FAST });
  await fillLine(world, AHEAD);
  await page.goto(world.protectedUrl);
  await heading(page, "You are in line");
  await page.getByText("The site is full right now.").waitFor();
  await inspect(page, "full");
});

test("error pages of the room help", async (t) => {
  const world = await startDemo(t);
  const page = await openPage(await startBrowser(t), { tolerated: [answered("4..")] });
  const common = `c=${world.customerId}&e=${world.waitingRoomId}&ver=x&cver=1&man=a`;
  for (const code of ["hash", "timestamp", "eventid", "ip", "qidlimit", "connector/sessionstate"]) {
    const url = `${world.room}/error/${code}/?${common}&queueittoken=none&ts=1&t=${encodeURIComponent(world.protectedUrl)}`;
    const answer = await page.goto(url);
    // `timestamp` may find the visitor's ticket still good; the others say what is wrong.
    assert.ok(answer.status() < 500, `${code}: ${answer.status()}`);
    await inspect(page, `error-${code.replace("/", "-")}`);
  }
  const missing = await page.goto(`${world.room}/?c=${world.customerId}&e=nosuchroom`);
  assert.equal(missing.status(), 404);
  await inspect(page, "unknown-room");
});

async function heading(page, text, options = {}) {
  await page.getByRole("heading", { level: 1, name: text }).waitFor(options);
}
