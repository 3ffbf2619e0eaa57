// The official connector, unchanged, protects a site under Express; configuration and waiting room are ours.

import assert from "node:assert/strict";
import { test } from "node:test";

import { downloadConfig, startOfficialSite } from "./support/official-site.mjs";
import { fillLine, Visitor, waitInLine } from "./support/visitor.mjs";
import { startDemo } from "./support/world.mjs";

const COOKIE = "QueueITAccepted-SDFrts345E-V3_";
const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;
/** The first two go straight through (the burst is two seconds of outflow); the others make a line of seconds. */
const AHEAD = 6;

test("configuration is downloaded like the official one", async (t) => {
  const world = await startDemo(t);

  const first = await downloadConfig(world);
  assert.equal(first.status, 200);
  assert.match(first.headers.get("content-type"), /^application\/json/);
  const config = await first.json();
  assert.ok(Number.isInteger(config.Version) && config.Version > 0, `Version is ${config.Version}`);
  assert.deepEqual(new Set(config.Integrations.map((one) => one.ActionType)), new Set(["Queue", "Cancel", "Ignore"]));
  for (const integration of config.Integrations.filter((one) => one.ActionType !== "Ignore")) {
    assert.equal(`https://${integration.QueueDomain}`, world.roomTls);
  }

  const etag = first.headers.get("etag");
  assert.ok(etag, "there is an ETag");
  const again = await downloadConfig(world, { etag });
  assert.equal(again.status, 304);
  assert.equal(await again.text(), "");

  for (const [what, status] of [
    [{ apiKey: "wrong" }, 401],
    [{ apiKey: "" }, 401],
    [{ customerId: "nobody" }, 404],
  ]) {
    const refused = await downloadConfig(world, what);
    // Whoever has no key of that account learns nothing about which accounts there are.
    const expected = what.customerId ? [401, 404] : [status];
    assert.ok(expected.includes(refused.status), `${JSON.stringify(what)}: ${refused.status}`);
    assert.ok((await refused.text()).length > 0, "a refusal says why");
  }
});

test("visitor waits in line, gets in, and browses on", async (t) => {
  const world = await startDemo(t);
  const site = await startOfficialSite(t, world);
  const others = await fillLine(world, AHEAD, { from: `${site}/tickets` });
  const visitor = new Visitor();

  const free = await visitor.get(`${site}/`);
  assert.equal(free.status, 200, "an unprotected page is for everybody");
  assert.equal((await visitor.get(`${site}/tickets/info`)).status, 200, "so is an ignored one");

  const sent = await visitor.get(`${site}/tickets?seat=1%262`);
  assert.equal(sent.status, 302);
  assert.ok(sent.location.startsWith(`${world.roomTls}/?`), sent.location);
  const query = new URL(sent.location).searchParams;
  assert.equal(query.get("c"), world.customerId);
  assert.equal(query.get("e"), world.waitingRoomId);
  assert.equal(query.get("ver"), "javascript-4.4.4");
  assert.equal(query.get("t"), `${site}/tickets?seat=1%262`);

  const page = await visitor.get(sent.location);
  assert.equal(page.status, 200);
  assert.match(page.headers["content-type"], /^text\/html/);
  assert.match(page.headers["cache-control"], /no-store/);
  assert.match(page.body, /http-equiv="refresh"/, "the page goes on without script");

  const answers = await waitInLine(visitor, world.roomTls, world);
  const ahead = answers.map((answer) => answer.peopleAhead).filter((count) => count !== null);
  assert.ok(answers[0].state === "waiting" && ahead[0] > 0, `there is a line: ${JSON.stringify(answers[0])}`);
  assert.deepEqual(ahead, [...ahead].sort((a, b) => b - a), "nobody is put in front");
  const progress = answers.map((answer) => answer.progress);
  assert.deepEqual(progress, [...progress].sort((a, b) => a - b), "progress never goes back");
  const { queueId, redirectUrl } = answers.at(-1);
  assert.match(queueId, UUID);
  assert.ok(answers.every((answer) => answer.queueId === queueId), "one visitor, one queue id");

  const way = await visitor.follow(redirectUrl);
  const back = way.find((answer) => answer.url.startsWith(site));
  assert.match(back.url, /[?&]queueittoken=e_[a-z0-9]+~q_[0-9a-f-]{36}~ts_\d{10}~ce_true.*~rt_queue.*~h_[0-9a-f]{64}$/);
  assert.equal(back.status, 302, "the queue token is taken out of the address");
  assert.ok(back.setCookies.some((cookie) => cookie.startsWith(COOKIE + world.waitingRoomId)), back.setCookies.join());
  assert.equal(way.at(-1).status, 200);
  assert.match(way.at(-1).body, /You are at \/tickets/);
  assert.match(way.at(-1).url, /seat=1%262$/, "the visitor is where they wanted to be");

  assert.equal((await visitor.get(`${site}/tickets`)).status, 200, "a reload does not queue again");
  assert.equal(others.length, AHEAD);
});

test("tampered queue token leads to a page that helps", async (t) => {
  const world = await startDemo(t);
  const site = await startOfficialSite(t, world);
  const token = await takeToken(site, world);
  const tampered = token.replace(/.$/, (digit) => (digit === "0" ? "1" : "0"));

  const visitor = new Visitor();
  const refused = await visitor.get(`${site}/tickets?queueittoken=${tampered}`);
  assert.equal(refused.status, 302);
  assert.ok(refused.location.startsWith(`${world.roomTls}/error/hash/?`), refused.location);
  assert.equal(refused.setCookies.length, 0, "nothing forged gets in");

  const page = await visitor.get(refused.location);
  assert.ok(page.status >= 400 && page.status < 500, `it is the visitor's to mend: ${page.status}`);
  assert.match(page.headers["content-type"], /^text\/html/);
  assert.doesNotMatch(page.body, new RegExp(tampered), "the page does not show the token");
  const again = links(page).find((link) => link.startsWith(`${world.roomTls}/?`));
  assert.ok(again, "the page leads back to the line");
  assert.equal(new URL(again).searchParams.get("e"), world.waitingRoomId);
  assert.equal(new URL(again).searchParams.get("t"), `${site}/tickets`);
  const retried = await visitor.follow(again);
  assert.ok(retried.at(-1).status === 200, "and from there a visitor gets on");

  const expired = token.replace(/~ts_\d+/, "~ts_1000000000");
  const late = await new Visitor().get(`${site}/tickets?queueittoken=${expired}`);
  assert.ok(late.location.startsWith(`${world.roomTls}/error/hash/?`), "the time is signed too");
});

test("cancel action gives the place inside back", async (t) => {
  const world = await startDemo(t);
  const site = await startOfficialSite(t, world);
  const visitor = new Visitor();
  await visitor.follow(`${site}/tickets`);
  assert.equal((await visitor.get(`${site}/tickets`)).status, 200, "the visitor is in");

  const done = await visitor.get(`${site}/checkout/done`);
  assert.equal(done.status, 302);
  assert.ok(done.location.startsWith(`${world.roomTls}/cancel/multiple/${world.customerId}?wrl=`), done.location);
  assert.match(new URL(done.location).searchParams.get("wrl"), new RegExp(`^${world.waitingRoomId}~[0-9a-f-]{36}$`));
  assert.ok(![...visitor.cookies().keys()].some((name) => name.startsWith(COOKIE)), "the accepted cookie is gone");

  const released = await visitor.get(done.location);
  assert.equal(released.status, 302);
  assert.equal(released.location, `${site}/checkout/done`);
  assert.equal((await visitor.get(released.location)).status, 200, "who is out sees the page");

  const again = await visitor.get(`${site}/tickets`);
  assert.equal(again.status, 302, "and queues anew");
  assert.ok(again.location.startsWith(`${world.roomTls}/?`), again.location);
  const before = new URL(done.location).searchParams.get("wrl").split("~")[1];
  const anew = await visitor.follow(again.location);
  assert.ok(!anew.some((answer) => answer.url.includes(`q_${before}`)), "the cancelled place is not used again");
});

test("ajax call is told where to go by a header", async (t) => {
  const world = await startDemo(t);
  const site = await startOfficialSite(t, world);
  const visitor = new Visitor();
  const pageUrl = `${site}/shop/page?a=1`;

  const answer = await visitor.get(`${site}/tickets/api`, { "x-queueit-ajaxpageurl": encodeURIComponent(pageUrl) });
  assert.equal(answer.status, 200);
  assert.equal(answer.body, "");
  assert.match(answer.headers["access-control-expose-headers"], /x-queueit-redirect/i);
  const target = decodeURIComponent(answer.headers["x-queueit-redirect"]);
  assert.ok(target.startsWith(`${world.roomTls}/?`), target);
  assert.equal(new URL(target).searchParams.get("t"), pageUrl);

  const way = await visitor.follow(target);
  assert.ok(way.at(-1).url.startsWith(pageUrl), "the visitor comes back to the page, not to the call");
});

/** A genuine queue token, taken from the redirect before the site sees it. */
async function takeToken(site, world) {
  const visitor = new Visitor();
  let answer = await visitor.get(`${site}/tickets`);
  for (let hops = 0; hops < 5 && answer.status === 302; hops += 1) {
    const token = /[?&]queueittoken=([^&#]+)/.exec(answer.location);
    if (token) return token[1];
    answer = await visitor.get(answer.location);
  }
  const answers = await waitInLine(visitor, world.roomTls, world);
  const way = await visitor.get(answers.at(-1).redirectUrl);
  return /[?&]queueittoken=([^&#]+)/.exec(way.location ?? answers.at(-1).redirectUrl)[1];
}

function links(page) {
  return [...page.body.matchAll(/href="([^"]+)"/g)].map(([, link]) =>
    new URL(link.replaceAll("&amp;", "&").replaceAll("&#x2f;", "/").replaceAll("&#x3D;", "="), page.url).href,
  );
}
