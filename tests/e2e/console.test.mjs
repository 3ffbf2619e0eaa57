// An operator's work in the console: sign in, see the line, steer it, change what is protected, and see it in force.

import assert from "node:assert/strict";
import { test } from "node:test";

import { answered, askNow, inspect, openPage, startBrowser } from "./support/browser.mjs";
import { until } from "./support/until.mjs";
import { fillLine, Visitor } from "./support/visitor.mjs";
import { credentialsOf, startDemo } from "./support/world.mjs";

const AHEAD = 5;
const ROOM = "Tickets for the evening";
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
