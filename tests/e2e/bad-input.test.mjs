// Whatever a visitor sends, the room answers with a page that helps or a problem in JSON, never with a 500.

import assert from "node:assert/strict";
import { test } from "node:test";

import { fillLine, Visitor } from "./support/visitor.mjs";
import { startDemo } from "./support/world.mjs";

const AHEAD = 4;
/** More than any address that leads anywhere. */
const TOO_LONG = "a".repeat(20_000);

test("address that leads nowhere is answered with a page that helps", async (t) => {
  const world = await startDemo(t);
  const room = `c=${world.customerId}&e=${world.waitingRoomId}`;
  for (const [what, path, statuses] of [
    ["unknown room", `/?c=${world.customerId}&e=nosuchroom`, [404]],
    ["unknown account", `/?c=nobody&e=${world.waitingRoomId}`, [404]],
    ["no account", `/?e=${world.waitingRoomId}`, [400, 404]],
    ["no room", `/?c=${world.customerId}`, [400, 404]],
    ["ids that cannot be", "/?c=%00%ff&e=../../etc", [400, 404]],
    ["unknown path", "/no/such/page", [404]],
    ["unknown error code", `/error/nonsense/?${room}`, [400, 404]],
  ]) {
    const answer = await new Visitor().get(`${world.room}${path}`);
    assert.ok(statuses.includes(answer.status), `${what}: ${answer.status}`);
    assert.match(answer.headers["content-type"], /^text\/html/, what);
    assert.match(answer.body, /<h1>[\s\S]*\S[\s\S]*<\/h1>/, `${what}: the page says something`);
    assert.equal(answer.setCookies.length, 0, `${what}: no ticket`);
  }
});

test("target on a host of somebody else is not redirected to", async (t) => {
  const world = await startDemo(t);
  for (const target of [
    "https://evil.example/",
    "http://127.0.0.1@evil.example/",
    "javascript:alert(1)",
    "//evil.example/",
    "http:\\\\evil.example/",
    "http://127.0.0.1\n.evil.example/",
  ]) {
    const entered = `${world.room}/?c=${world.customerId}&e=${world.waitingRoomId}&t=${encodeURIComponent(target)}`;
    const answer = await new Visitor().get(entered);
    assert.ok(answer.status === 302 || answer.status === 200, `${target}: ${answer.status}`);
    if (answer.status === 302) assert.ok(answer.location.startsWith(world.site), `${target} -> ${answer.location}`);
    const cancelled = await new Visitor().get(
      `${world.room}/cancel/multiple/${world.customerId}?wrl=${world.waitingRoomId}&r=${encodeURIComponent(target)}`,
    );
    const to = cancelled.location ?? world.site;
    assert.ok(to.startsWith(world.site) || to.startsWith(world.room), `cancel, ${target} -> ${to}`);
  }
});

test("oversize requests are refused with the right status", async (t) => {
  const world = await startDemo(t);
  const visitor = new Visitor();
  for (const [what, url] of [
    ["room", `${world.room}/?c=${world.customerId}&e=${world.waitingRoomId}&t=${TOO_LONG}`],
    ["room, path", `${world.room}/${TOO_LONG}`],
    ["ticket", `${world.room}/api/v1/rooms/${world.waitingRoomId}/ticket?c=${TOO_LONG}`],
    ["platform", `${world.platform}/${TOO_LONG}`],
  ]) {
    const answer = await visitor.get(url);
    assert.ok([400, 404, 414, 431].includes(answer.status), `${what}: ${answer.status}`);
  }
  // The site itself judges its own addresses; the connector must only not stumble.
  const passed = await visitor.get(`${world.site}/?x=${TOO_LONG}`);
  assert.ok(passed.status < 500, `gateway: ${passed.status}`);
  const headers = { cookie: `x=${"b".repeat(60_000)}` };
  const answer = await visitor.get(`${world.room}/?c=${world.customerId}&e=${world.waitingRoomId}`, headers);
  assert.equal(answer.status, 431, "too much in the headers");
});

test("garbage and forged tickets are no tickets", async (t) => {
  const world = await startDemo(t, "--outflow", "1");
  const holder = (await fillLine(world, AHEAD)).at(-1);
  const [[name, genuine]] = [...holder.cookies()].filter(([name]) => name.startsWith("anteroom-ticket-"));
  const url = `${world.room}/api/v1/rooms/${world.waitingRoomId}/ticket?c=${world.customerId}`;
  const answerTo = async (cookie) => {
    const answer = await new Visitor().get(url, { cookie: `${name}=${cookie}` });
    assert.equal(answer.status, 200, `${cookie.slice(0, 40)}: ${answer.status} ${answer.body}`);
    return JSON.parse(answer.body);
  };
  assert.equal((await answerTo(genuine)).state, "waiting");
  const flip = (text, at) => text.slice(0, at) + (text[at] === "A" ? "B" : "A") + text.slice(at + 1);
  const forged = [
    "",
    "x",
    "1",
    "%00%ff",
    '"; DROP TABLE',
    TOO_LONG.slice(0, 8_000),
    genuine.slice(0, -1),
    `${genuine}A`,
    `2${genuine.slice(1)}`,
    flip(genuine, 5),
    flip(genuine, 60),
    flip(genuine, genuine.length - 3),
  ];
  for (const cookie of forged) {
    const answer = await answerTo(cookie);
    assert.equal(answer.state, "unknown", `${cookie.slice(0, 60)}`);
    assert.equal(answer.redirectUrl ?? null, null);
    assert.equal(answer.queueId ?? null, null);
  }
  const ended = await new Visitor().get(url.replace(world.waitingRoomId, "nosuchroom"));
  assert.equal(ended.status, 404);
  assert.match(ended.headers["content-type"], /json/);
  // Whoever carries one is not turned away: the page gives a real place.
  const entered = `${world.room}/?c=${world.customerId}&e=${world.waitingRoomId}`;
  const page = await new Visitor().get(entered, { cookie: `${name}=garbage` });
  assert.equal(page.status, 200);
  assert.ok(page.setCookies.some((cookie) => cookie.startsWith(`${name}=`)), "a place in the line");
});

test("forged queue tokens and accepted cookies do not get past the gateway", async (t) => {
  const world = await startDemo(t);
  const name = `QueueITAccepted-SDFrts345E-V3_${world.waitingRoomId}`;
  const id = "11111111-2222-3333-4444-555555555555";
  const hash = "0".repeat(64);
  const token = `e_${world.waitingRoomId}~q_${id}~ts_9999999999~ce_true~rt_queue~h_${hash}`;
  for (const [what, url, headers] of [
    ["queue token", `${world.protectedUrl}?queueittoken=${token}`, {}],
    ["empty queue token", `${world.protectedUrl}?queueittoken=`, {}],
    ["garbage token", `${world.protectedUrl}?queueittoken=%00~~_~h_`, {}],
    ["accepted cookie", world.protectedUrl, {
      cookie: `${name}=${encodeURIComponent(`EventId=${world.waitingRoomId}&QueueId=${id}&RedirectType=queue&IssueTime=9999999999&Hash=${hash}`)}`,
    }],
    ["garbage cookie", world.protectedUrl, { cookie: `${name}=%%%` }],
  ]) {
    const answer = await new Visitor().get(url, headers);
    assert.equal(answer.status, 302, `${what}: ${answer.status}`);
    assert.ok(answer.location.startsWith(`${world.room}/`), `${what} -> ${answer.location}`);
    assert.ok(!answer.setCookies.some((cookie) => /QueueITAccepted.*=.*Hash/.test(cookie)), what);
  }
});
