// What the connector asks the waiting room while a visitor waits at the site: both sides are the real program.

import assert from "node:assert/strict";
import { once } from "node:events";
import { readFile, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import { join } from "node:path";
import { test } from "node:test";

import { Operator } from "./support/operator.mjs";
import { until } from "./support/until.mjs";
import { fillLine, Visitor } from "./support/visitor.mjs";
import { startProgram, temporaryFolder } from "./support/world.mjs";

const ROOM = "spring";

test("queue id passes as often as its action allows, and then is told so", async (t) => {
  const world = await startWorld(t, { limit: 3 });
  const visitor = new Visitor();
  const way = await visitor.follow(world.protectedUrl);
  assert.equal(way.at(-1).status, 200, way.map((answer) => answer.url).join(" -> "));
  assert.equal(way.at(-1).body, "this is /tickets");
  // The queue token was the first use, and the page behind it the second.
  const third = await visitor.get(world.protectedUrl);
  assert.deepEqual([third.status, third.headers["x-queueit-failed"]], [200, undefined]);
  const fourth = await visitor.get(world.protectedUrl);
  assert.equal(fourth.status, 302);
  assert.ok(fourth.location.startsWith(`${world.room}/error/qidlimit/?`), fourth.location);
  const page = await visitor.get(fourth.location);
  assert.equal(page.status, 410);
  assert.ok(page.body.includes("used too often"), page.body);

  const again = await new Visitor().follow(world.protectedUrl);
  assert.equal(again.at(-1).status, 200, "somebody else has uses of their own");

  const metrics = await new Visitor().get(`${world.status}/metrics`);
  assert.match(metrics.body, /anteroom_connector_asked_total\{question="verify",result="answered"\} [5-9]/);
  assert.match(metrics.body, /anteroom_connector_asked_total\{question="verify",result="refused"\} 0/);
});

test("room that is gone is as the settings say, and shows in the metrics", async (t) => {
  for (const [failure, isLetPass] of [["allow", true], ["deny", false]]) {
    const world = await startWorld(t, { limit: 100, features: `verify_failure = "${failure}"` });
    const visitor = new Visitor();
    await visitor.follow(world.protectedUrl);
    world.installation.signal("SIGKILL");
    await world.installation.ended();
    const answer = await visitor.get(world.protectedUrl);
    assert.equal(answer.status, isLetPass ? 200 : 302, failure);
    assert.equal(answer.headers["x-queueit-failed"], isLetPass ? "true" : undefined);
    const metrics = await new Visitor().get(`${world.status}/metrics`);
    assert.match(metrics.body, /anteroom_connector_asked_total\{question="verify",result="unreachable"\} [1-9]/);
  }
});

test("visitor passes directly while the room is idle, and queues like anybody while it is not", async (t) => {
  const features = 'generation = "5"\n[gateway.features.direct_pass]\nis_asked = true';
  const world = await startWorld(t, { features });
  const straight = await new Visitor().get(world.protectedUrl);
  assert.deepEqual([straight.status, straight.body], [200, "this is /tickets"], "no redirect at all");
  assert.ok(straight.setCookies.some((cookie) => /RedirectType%3Didle/i.test(cookie)), straight.setCookies.join("; "));

  const answers = [];
  for (let index = 0; index < 20; index += 1) answers.push(await new Visitor().get(world.protectedUrl));
  const passed = answers.filter((answer) => answer.status === 200).length;
  assert.ok(passed < 10, `${passed} of 20 at once: the room lets one in each second`);
  const sent = answers.find((answer) => answer.status === 302);
  assert.ok(sent.location.startsWith(`${world.room}/?`), sent.location);

  await fillLine(world, 10);
  for (let index = 0; index < 5; index += 1) {
    assert.equal((await new Visitor().get(world.protectedUrl)).status, 302, "others wait");
  }
  assert.equal((await new Visitor().get(`${world.site}/`)).status, 200, "what is not protected is not asked about");
});

test("room for invited visitors takes the invitations that the site gives, and turns others away", async (t) => {
  const features = '[gateway.features.enqueue_token]\nis_sent = true\nhas_address = false';
  const world = await startWorld(t, { features });
  await world.operator.changeRoom({ enqueueToken: "required" });
  const enqueueUrl = `${world.room}/?c=${world.customerId}&e=${ROOM}`;
  const uninvited = await until("the setting is in force", async () => {
    const answer = await new Visitor().get(enqueueUrl);
    return answer.status === 403 && answer;
  });
  assert.match(uninvited.body, /You need an invitation/);
  const invited = await new Visitor().follow(world.protectedUrl);
  assert.equal(invited.at(-1).status, 200, invited.map((answer) => answer.url).join(" -> "));
  assert.ok(invited.some(({ url }) => url.includes("&enqueuetoken=")), "the site gave it");
});

/** Room and platform in one process, a gateway in another, a site behind it, and one protected address. */
async function startWorld(t, { limit, features = "" }) {
  const site = await startSite(t);
  const folder = await temporaryFolder(t);
  const any = JSON.stringify("127.0.0.1:0");
  const settings = join(folder, "anteroom.toml");
  const write = (gateway) => writeFile(settings, `
    data_dir = ${JSON.stringify(join(folder, "data"))}
    [account]
    allowed_hosts = ["127.0.0.1:*"]
    [room]
    listen = ${any}
    [platform]
    listen = ${any}
    ${gateway}
  `);
  await write("");
  const installation = await startProgram(t, "all", "--config", settings);
  const platform = await installation.told("the console is at ");
  const room = await installation.told("the waiting room is at ");
  const credentials = JSON.parse(await readFile(join(folder, "data/credentials.json"), "utf8"));
  const operator = new Operator({ platform, waitingRoomId: ROOM, ...credentials });
  await publish(operator, limit);

  await write(`
    [gateway]
    listen = ${any}
    status_listen = ${any}
    upstream = ${JSON.stringify(site)}
    platform_url = ${JSON.stringify(platform)}
    room_base = ${JSON.stringify(room)}
    [gateway.features]
    ${features}
  `);
  const gateway = await startProgram(t, "gateway", "--config", settings);
  const address = (await gateway.told("the gateway is at ")).split(",")[0];
  const status = new URL(await gateway.told("the gateway's metrics are at ")).origin;
  await until("the version is in force", async () =>
    /config_version [1-9]/.test((await new Visitor().get(`${status}/metrics`)).body));
  return { installation, room, status, operator, customerId: credentials.customerId, site: address, protectedUrl: `${address}/tickets` };
}

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

async function publish(operator, limit) {
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
      ...(limit === undefined ? {} : { VerifyQueueIdEnabled: true, QueueIdUsageLimit: limit }),
      Triggers: [{
        LogicalOperator: "And",
        TriggerParts: [{
          ValidatorType: "UrlValidator", UrlPart: "PagePath", Operator: "Contains", ValueToCompare: "/tickets",
        }],
      }],
    }];
  });
}
