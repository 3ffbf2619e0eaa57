// An operator's work in the console: sign in, see the line, steer it, change what is protected, and see it in force.

import assert from "node:assert/strict";
import { test } from "node:test";

import { answered, askNow, inspect, openPage, startBrowser } from "./support/browser.mjs";
import { Operator } from "./support/operator.mjs";
import { until } from "./support/until.mjs";
import { askTicket, fillLine, Visitor } from "./support/visitor.mjs";
import { credentialsOf, startDemo } from "./support/world.mjs";

const AHEAD = 5;
const ROOM = "Tickets for the evening";
const GATHERING = 5;
/** Time enough for a busy machine to gather, and to look at the page at each width. */
const START_IN_SECONDS = 20;
const MESSAGE = "The stage is wet. You keep your place.";

test("operator steers the line and changes what is protected", async (t) => {
  const world = await startDemo(t, "--outflow", "1");
  await fillLine(world, AHEAD);
  const browser = await startBrowser(t);
  const page = await openPage(browser, { tolerated: [answered(401), answered(403)] });
  const visitor = await openPage(browser);
  await visitor.goto(world.protectedUrl);

  const { operator } = await credentialsOf(world);
  await page.goto(world.platform);
  await signIn(page, operator.name, "not the password");
  await page.getByRole("alert").filter({ hasText: /\S/ }).waitFor();
  await inspect(page, "console-sign-in");
  await signIn(page, operator.name, operator.password);
  await page.getByRole("heading", { name: ROOM }).waitFor();
  await page.getByText("Version 1 is in force on 1 of 1 connector.").waitFor();
  await inspect(page, "console");

  await t.test("outflow", async () => {
    await page.getByRole("button", { name: `Change outflow of ${ROOM}` }).click();
    await page.getByLabel("Visitors let in per minute").fill("2");
    await page.locator("dialog .effect").filter({ hasText: "From 1 to 2 a minute" }).waitFor();
    await inspect(page, "console-outflow");
    await page.getByRole("button", { name: "Apply" }).click();
    await page.getByText(/now lets in 2 a minute/).waitFor();
    await page.getByText(/^\d+ of 2$/).waitFor();
  });

  await t.test("pause and resume", async () => {
    await page.getByRole("button", { name: `Pause ${ROOM}` }).click();
    await page.getByLabel("Message to those who wait").fill(MESSAGE);
    await page.getByRole("button", { name: "Pause the room" }).click();
    await page.getByText(/Nobody is let in. Everybody keeps their place/).waitFor();
    await askNow(visitor);
    await visitor.getByText(MESSAGE, { exact: true }).waitFor();
    await inspect(page, "console-paused");
    await page.getByRole("button", { name: `Resume ${ROOM}` }).click();
    await page.getByText("Visitors are waiting and are being let in.").waitFor();
    await askNow(visitor);
    await visitor.getByRole("heading", { level: 1, name: "You are in line" }).waitFor();
  });

  await t.test("a problem in the draft is told where it is", async () => {
    const action = await openAction(page, "Queue for tickets");
    await action.getByLabel("A visit lasts, in minutes").fill("0");
    await page.getByRole("button", { name: "Check" }).click();
    const problems = page.getByRole("list", { name: "Problems" });
    await problems.getByText(/CookieValidityMinute/).waitFor();
    await inspect(page, "console-problems");
    await action.getByLabel("A visit lasts, in minutes").fill("20");
    await page.getByRole("button", { name: "Check" }).click();
    await page.getByText("The draft can be published as version 2.").waitFor();
  });

  await t.test("a changed trigger is in force at the connector", async () => {
    assert.equal((await new Visitor().get(world.protectedUrl)).status, 302, "protected so far");
    const action = await openAction(page, "Queue for tickets");
    await action.getByLabel("Value of condition 1").fill("/tickets/seats");
    await action.getByRole("button", { name: "Add a trigger" }).click();
    const added = action.getByRole("group", { name: "Trigger 2" });
    await added.getByLabel("Value of condition 1").fill("/circle");
    await page.getByText("You have changes that are not saved.").waitFor();
    await inspect(page, "console-draft");
    await page.getByRole("button", { name: "Publish…" }).click();
    await page.getByLabel("What changes, for the list of versions").fill("Only the seats");
    await page.getByRole("button", { name: "Publish", exact: true }).click();
    await page.getByText(/Version 2 is in force on 1 of 1 connector after /).waitFor();
    assert.equal((await new Visitor().get(world.protectedUrl)).status, 200, "and no longer");
    assert.equal((await new Visitor().get(`${world.protectedUrl}/seats`)).status, 302);
    assert.equal((await new Visitor().get(`${world.site}/circle`)).status, 302, "the other trigger holds as well");
    await page.getByText("Version 2: Only the seats").waitFor();
    await inspect(page, "console-published");
  });

  await page.getByRole("button", { name: "Sign out" }).click();
  await page.getByRole("heading", { name: "Sign in" }).waitFor();
  await until("signed out for good", async () => {
    await page.reload();
    return page.getByRole("heading", { name: "Sign in" }).isVisible();
  });
  assert.deepEqual([...page.faults, ...visitor.faults], []);
});

test("operator prepares a sale with a draw, and is told what will happen", async (t) => {
  const world = await startDemo(t);
  const page = await openPage(await startBrowser(t), { tolerated: [answered(401), answered(422)] });
  const { operator } = await credentialsOf(world);
  await page.goto(world.platform);
  await signIn(page, operator.name, operator.password);
  await page.getByRole("heading", { name: ROOM }).waitFor();

  await t.test("a room is added with its schedule", async () => {
    await page.getByRole("button", { name: "Add a room…" }).click();
    await page.getByLabel("Id").fill("finale");
    await page.getByLabel("Name shown to visitors").fill("The finale");
    await page.getByLabel("Default target").fill(world.protectedUrl);
    await page.getByText("Open it by a schedule").click();
    await page.getByLabel("Time zone").fill("Europe/Berlin");
    await page.getByLabel("Visitors may gather from").fill("2096-11-24T09:30");
    await page.getByLabel("The line starts at").fill("2096-11-24T10:00");
    await inspect(page, "console-add-room");
    await page.getByRole("button", { name: "Add the room" }).click();
    const card = cardOf(page, "The finale");
    await card.getByText("Not open yet").waitFor();
    await card.getByText("People may gather from Sat 24 Nov 2096 09:30 Europe/Berlin (08:30 UTC).").waitFor();
    await card.getByText(/everyone there gets a random place/).waitFor();
  });

  await t.test("a time that does not exist is told at once, where it is", async () => {
    await page.getByRole("button", { name: "Schedule of The finale" }).click();
    const dialog = page.getByRole("dialog");
    await dialog.getByText(/^People may gather from/).waitFor();
    await dialog.getByLabel("The line starts at").fill("2096-03-25T02:30");
    await dialog.getByText(/The line starts at: found .* which does not exist there/).waitFor();
    await inspect(page, "console-schedule-problem");
    await dialog.getByLabel("The line starts at").fill("2096-10-28T02:30");
    await dialog.getByText(/which comes twice there/).waitFor();
    await dialog.getByLabel("The line starts at").fill("2096-10-28T02:30+01:00");
    await dialog.getByLabel("Visitors may gather from").fill("2096-10-27T20:00");
    await dialog.getByLabel("The room ends at").fill("2096-10-28T06:00");
    await dialog.getByText(/At Sun 28 Oct 2096 06:00 Europe\/Berlin \(05:00 UTC\) it ends/).waitFor();
    await inspect(page, "console-schedule");
    await dialog.getByRole("button", { name: "Save the schedule" }).click();
    await cardOf(page, "The finale").getByText(/At Sun 28 Oct 2096 02:30 Europe\/Berlin \(01:30 UTC\)/).waitFor();
  });

  await t.test("limits and lanes", async () => {
    await page.getByRole("button", { name: "Limits and lanes of The finale" }).click();
    const dialog = page.getByRole("dialog");
    await dialog.getByLabel("Most people inside").fill("250");
    await dialog.getByLabel("Weights of the lanes").fill("3, x");
    await dialog.getByLabel("Enqueue tokens are").selectOption("requiredWithKey");
    await dialog.getByRole("button", { name: "Save" }).click();
    await dialog.getByText(/Weights of the lanes: found/).waitFor();
    await inspect(page, "console-limits");
    await dialog.getByLabel("Weights of the lanes").fill("3, 1");
    await dialog.getByRole("button", { name: "Save" }).click();
    const card = cardOf(page, "The finale");
    await card.getByText("Lane 1, weight 1: 0 gathered").waitFor();
    await card.getByText("0 of 250").waitFor();
  });

  await t.test("the draw's commitment stands there before, and takes a beacon", async () => {
    await page.getByRole("button", { name: "Beacon of The finale" }).click();
    await page.getByRole("dialog").getByLabel("Value").fill("4 8 15 16 23 42");
    await inspect(page, "console-beacon");
    await page.getByRole("button", { name: "Set the beacon" }).click();
    const card = cardOf(page, "The finale");
    await card.getByText("Draw: 0 entrants, committed").click();
    await card.getByText("4 8 15 16 23 42").waitFor();
    await card.getByText("shown after the start").waitFor();
    await inspect(page, "console-scheduled");
  });

  await t.test("closed and open again", async () => {
    const card = cardOf(page, ROOM);
    await page.getByRole("button", { name: `Open or close ${ROOM}` }).click();
    await page.getByLabel("Closed", { exact: true }).check();
    await inspect(page, "console-mode");
    await page.getByRole("button", { name: "Apply" }).click();
    await card.getByText("Closed", { exact: true }).waitFor();
    await card.getByText(/whatever the schedule says/).waitFor();
    await page.getByRole("button", { name: `Open or close ${ROOM}` }).click();
    await page.getByLabel("Visitors wait in line").check();
    await page.getByRole("button", { name: "Apply" }).click();
    await card.getByText("Nobody is waiting: visitors go straight through.").waitFor();
  });

  await t.test("a reset wants the room's id", async () => {
    await page.getByRole("button", { name: `Reset ${ROOM}` }).click();
    await page.getByLabel(/Type .* to confirm/).fill("yes");
    await page.getByRole("button", { name: "Reset the room" }).click();
    await page.getByRole("dialog").getByText(/found "yes", expected/).waitFor();
    await inspect(page, "console-reset");
    await page.getByLabel(/Type .* to confirm/).fill(world.waitingRoomId);
    await page.getByRole("button", { name: "Reset the room" }).click();
    await page.getByText(`${ROOM} begins anew.`).waitFor();
  });
  assert.deepEqual(page.faults, []);
});

test("card follows a room from gathering through its start to its end", async (t) => {
  const world = await startDemo(t);
  const rest = new Operator(world);
  const page = await openPage(await startBrowser(t), { tolerated: [answered(401)] });
  const { operator } = await credentialsOf(world);
  await page.goto(world.platform);
  await signIn(page, operator.name, operator.password);

  const from = Date.now();
  const inUtc = (seconds) => new Date(from + seconds * 1_000).toISOString().slice(0, 19);
  await rest.ask("POST", "/rooms", { body: {
    waitingRoomId: "finale", displayName: "The finale", defaultTarget: world.protectedUrl, outflowPerMinute: 600, maxActive: 2,
    schedule: { timeZone: "UTC", preQueueAt: inUtc(-60), startsAt: inUtc(START_IN_SECONDS) },
  } });
  const target = encodeURIComponent(world.protectedUrl);
  const visitors = await fillLine(world, GATHERING, { from: `${world.room}/?c=${world.customerId}&e=finale&t=${target}` });
  const card = cardOf(page, "The finale");
  await card.getByText("Visitors gather. Their places are drawn at the start.").waitFor();
  await card.locator(".big").getByText(String(GATHERING), { exact: true }).waitFor();
  await card.getByText(`Draw: ${GATHERING} entrants, committed`).click();
  const commitment = await card.locator(".draw code").first().innerText();
  await inspect(page, "console-gathering");

  await card.getByText(`Draw: ${GATHERING} entrants, drawn`).waitFor({ timeout: (START_IN_SECONDS + 20) * 1_000 });
  await card.getByText(/^The room started at/).waitFor();
  assert.equal(await card.locator(".draw code").first().innerText(), commitment, "what was promised was kept");
  assert.match(await card.locator(".draw code").nth(1).innerText(), /^[0-9a-f]{64}$/);
  const fields = (state) => state.map((one) => one.state).sort().join(" ");
  await until("two are inside, and nobody more", async () =>
    fields(await Promise.all(visitors.map((one) => askTicket(one, world.room, { ...world, waitingRoomId: "finale" })))) ===
      ["admitted", "admitted", ...Array(GATHERING - 2).fill("waiting")].join(" "));
  await card.getByText("2 of 2").waitFor();
  await card.getByText("As many are inside as may be: the line moves as they leave.").waitFor();
  await inspect(page, "console-started");

  await rest.ask("PATCH", "/rooms/finale", { body: {
    schedule: { timeZone: "UTC", preQueueAt: inUtc(-60), startsAt: inUtc(START_IN_SECONDS), endsAt: inUtc(START_IN_SECONDS + 1) },
  } });
  await card.getByText("Ended", { exact: true }).waitFor();
  await card.getByText(/^It ended at/).waitFor();
  assert.deepEqual(page.faults, []);
});

const cardOf = (page, name) => page.locator("article.card").filter({ has: page.getByRole("heading", { name }) });

async function signIn(page, name, password) {
  await page.getByLabel("Name").fill(name);
  await page.getByLabel("Password").fill(password);
  await page.getByRole("button", { name: "Sign in" }).click();
}

/** Unfolds an action of the draft, unless it is. */
async function openAction(page, name) {
  const action = page.locator("li.integration").filter({ hasText: name });
  const details = action.locator("details");
  if ((await details.getAttribute("open")) === null) await action.locator("summary").click();
  return action;
}
