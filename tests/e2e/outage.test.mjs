// I8: the connector decides from what it has. Its platform may be killed, stay away, or never have been there.

import assert from "node:assert/strict";
import { once } from "node:events";
import { readFile, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import { join } from "node:path";
import { test } from "node:test";

import { answered, inspect, openPage, startBrowser } from "./support/browser.mjs";
import { Operator } from "./support/operator.mjs";
import { until } from "./support/until.mjs";
import { Visitor } from "./support/visitor.mjs";
import { startProgram, temporaryFolder } from "./support/world.mjs";

const ROOM = "spring";
/** Nobody is there, whatever the port. */
const NOBODY = "127.0.0.1:9";

test("i8: gateway goes on deciding while the platform is dead, and starts from its kept copy", async (t) => {
  const site = await startSite(t);
  const folder = await temporaryFolder(t);
  const settings = await writeSettings(folder, site);
  const platform = await startProgram(t, "platform", "--config", settings);
  const platformUrl = await platform.told("the console is at ");
  const credentials = JSON.parse(await readFile(join(folder, "data/credentials.json"), "utf8"));
  await publish({ platform: platformUrl, waitingRoomId: ROOM, ...credentials });

  await writeSettings(folder, site, { platformUrl });
  const first = await startProgram(t, "gateway", "--config", settings);
  const gateway = await gatewayOf(first);
  await until("the version is in force", async () => (await ask(gateway, "/tickets")).status === 302);

  platform.signal("SIGKILL");
  await platform.ended();
  for (let round = 0; round < 20; round += 1) await assertDecides(gateway);

  // Somebody is there again, and talks nonsense.
  const nonsense = await startNonsense(t, platformUrl);
  await until("it was asked and answered", () => nonsense.answers >= NONSENSE.length, { deadlineMs: 60_000 });
  for (let round = 0; round < 20; round += 1) await assertDecides(gateway);
  nonsense.end();

  // It starts anew while nobody answers, and decides the very first request by the copy it kept.
  first.signal("SIGTERM");
  assert.deepEqual(await first.ended(), { code: 0, signal: null }, first.log());
  const second = await startProgram(t, "gateway", "--config", settings);
  await assertDecides(await gatewayOf(second));

  // Without a copy the settings say what becomes of visitors (I9).
  for (const [fallback, status] of [["let-pass", 200], ["hold", 503]]) {
    await rm(join(folder, "data/integration-config.json"), { force: true });
    await writeSettings(folder, site, { platformUrl: `http://${NOBODY}`, fallback });
    const third = await startProgram(t, "gateway", "--config", settings);
    const answer = await ask(await gatewayOf(third), "/tickets");
    assert.equal(answer.status, status, fallback);
    if (status === 200) assert.equal(answer.headers["x-queueit-failed"], "true");
    if (status === 503) await lookAt(t, await gatewayOf(third), "gateway-hold", status);
    third.signal("SIGTERM");
    await third.ended();
  }
});

test("site that is down is told by a page of ours, and the gateway lives", async (t) => {
  const folder = await temporaryFolder(t);
  const settings = await writeSettings(folder, `http://${NOBODY}`);
  const all = await startProgram(t, "all", "--config", settings);
  const gateway = await gatewayOf(all);
  assert.equal((await ask(gateway, "/")).status, 502);
  await lookAt(t, gateway, "gateway-site-down", 502);
  assert.equal((await ask(gateway, "/")).status, 502, "again and again");
});

async function assertDecides(gateway) {
  assert.equal((await ask(gateway, "/")).status, 200, "what is not protected passes");
  const sent = await ask(gateway, "/tickets");
  assert.equal(sent.status, 302, "what is protected queues");
  assert.ok(sent.location.startsWith("https://queue.example/?"), sent.location);
}

/** The gateway's own page, as a visitor sees it. */
async function lookAt(t, gateway, name, status) {
  const page = await openPage(await startBrowser(t), { tolerated: [answered(status)] });
  const answer = await page.goto(`${gateway}/tickets`);
  assert.equal(answer.status(), status);
  // Nothing can be pressed here and no script runs: the page has to go on by itself when the site is back.
  await inspect(page, name, { except: ["meta-refresh"] });
}

const ask = (gateway, path) => new Visitor().get(`${gateway}${path}`);
const gatewayOf = async (program) => (await program.told("the gateway is at ")).split(",")[0];

async function startSite(t) {
  const server = createServer((request, response) => response.end(`this is ${request.url}`));
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  return `http://127.0.0.1:${server.address().port}`;
}

/** What a platform should never say: not JSON, no config, somebody else's, and one without what it needs. */
const NONSENSE = [
  "<html>it works</html>",
  "{}",
  JSON.stringify({ CustomerId: "other", Version: 99, Integrations: [] }),
  JSON.stringify({ CustomerId: "main", Version: 99, Integrations: [{ ActionType: "Queue", Triggers: [{}] }] }),
];

/** Takes the platform's place and says all of it in turn. */
async function startNonsense(t, platformUrl) {
  let answers = 0;
  const server = createServer((request, response) => {
    response.setHeader("content-type", "application/json");
    response.setHeader("etag", `"${answers}"`);
    response.end(NONSENSE[answers % NONSENSE.length]);
    answers += 1;
  });
  server.listen(Number(new URL(platformUrl).port), "127.0.0.1");
  await once(server, "listening");
  const end = () => {
    server.closeAllConnections();
    server.close();
  };
  t.after(end);
  return { end, get answers() { return answers; } };
}

async function writeSettings(folder, upstream, { platformUrl = "", fallback = "let-pass" } = {}) {
  const path = join(folder, "anteroom.toml");
  const any = JSON.stringify("127.0.0.1:0");
  await writeFile(path, `
    data_dir = ${JSON.stringify(join(folder, "data"))}
    [account]
    allowed_hosts = ["127.0.0.1:*"]
    [room]
    listen = ${any}
    [platform]
    listen = ${any}
    [gateway]
    listen = ${any}
    upstream = ${JSON.stringify(upstream)}
    platform_url = ${JSON.stringify(platformUrl)}
    fallback = ${JSON.stringify(fallback)}
  `);
  return path;
}

/** Makes a room and protects what is about tickets. */
async function publish(world) {
  const operator = new Operator(world);
  await operator.ask("POST", "/rooms", {
    body: { waitingRoomId: ROOM, displayName: "Spring", defaultTarget: "http://127.0.0.1:1/", outflowPerMinute: 60 },
  });
  await operator.publish("protect tickets", (draft) => {
    draft.integrations = [{
      Name: "Tickets",
      ActionType: "Queue",
      EventId: ROOM,
      QueueDomain: "queue.example",
      CookieValidityMinute: 20,
      ExtendCookieValidity: true,
      RedirectLogic: "AllowTParameter",
      Triggers: [{
        LogicalOperator: "And",
        TriggerParts: [{
          ValidatorType: "UrlValidator", UrlPart: "PagePath", Operator: "Contains", ValueToCompare: "/tickets",
        }],
      }],
    }];
  });
}
