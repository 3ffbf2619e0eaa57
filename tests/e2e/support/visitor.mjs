// A visitor without a browser: keeps cookies, follows nothing by itself, and sees every header.

import http from "node:http";
import https from "node:https";

import { until } from "./until.mjs";

/** An answer that does not come within this time is a hang, whatever the page says later. */
const ANSWER_WITHIN_MS = 10_000;
/** More redirects than this in a row is a loop. */
const REDIRECTS_MAX = 10;

export class Visitor {
  #cookies = new Map();

  /** Names and values of the cookies held, of all hosts: here every host is 127.0.0.1. */
  cookies() {
    return new Map(this.#cookies);
  }

  /** Asks once. Resolves with `{ url, status, headers, setCookies, body, location }`; `location` is absolute. */
  get(url, headers = {}) {
    return this.ask("GET", url, headers);
  }

  ask(method, url, headers = {}, body = undefined) {
    const cookie = [...this.#cookies].map(([name, value]) => `${name}=${value}`).join("; ");
    const options = {
      method,
      headers: { ...(cookie ? { cookie } : {}), ...headers },
      timeout: ANSWER_WITHIN_MS,
      // The waiting room's certificate is made by the demo itself, for this machine alone.
      rejectUnauthorized: false,
      // A connection of its own: nothing of one test stays open in another.
      agent: false,
    };
    const { promise, resolve, reject } = settled();
    const request = (url.startsWith("https:") ? https : http).request(url, options, (response) => {
      const parts = [];
      response.on("data", (part) => parts.push(part));
      response.on("error", reject);
      response.on("end", () => {
        const setCookies = response.headers["set-cookie"] ?? [];
        setCookies.forEach((text) => this.#keep(text));
        const to = response.headers.location;
        resolve({
          url,
          status: response.statusCode,
          headers: response.headers,
          setCookies,
          body: Buffer.concat(parts).toString("utf8"),
          location: to === undefined ? undefined : new URL(to, url).href,
        });
      });
    });
    request.on("timeout", () => request.destroy(new Error(`${method} ${url}: no answer`)));
    request.on("error", reject);
    request.end(body);
    return promise;
  }

  /** Follows redirects until an answer is none, and returns all answers in order. */
  async follow(url) {
    const answers = [await this.get(url)];
    while (answers.at(-1).status === 302) {
      if (answers.length > REDIRECTS_MAX) {
        throw new Error(`too many redirects: ${answers.map((answer) => answer.url).join(" -> ")}`);
      }
      answers.push(await this.get(answers.at(-1).location));
    }
    return answers;
  }

  #keep(text) {
    const [pair, ...attributes] = text.split(";").map((part) => part.trim());
    const cut = pair.indexOf("=");
    const name = pair.slice(0, cut);
    const value = pair.slice(cut + 1);
    const attribute = (wanted) =>
      attributes.map((one) => one.split("=")).find(([key]) => key.toLowerCase() === wanted)?.[1];
    const age = attribute("max-age");
    const expires = attribute("expires");
    const isOver = age !== undefined ? Number(age) <= 0 : expires !== undefined && Date.parse(expires) <= Date.now();
    if (isOver) this.#cookies.delete(name);
    else this.#cookies.set(name, value);
  }
}

/** The ticket as the room tells it in JSON, for a visitor who has been at the room's page. */
export async function askTicket(visitor, room, world) {
  const url = `${room}/api/v1/rooms/${world.waitingRoomId}/ticket?c=${world.customerId}`;
  const answer = await visitor.get(url);
  return { status: answer.status, ...JSON.parse(answer.body) };
}

/** Asks for the ticket as a waiting page does until the visitor is let in; returns every answer in order. */
export async function waitInLine(visitor, room, world, { deadlineMs = 60_000 } = {}) {
  const answers = [];
  await until(
    "the visitor is let in",
    async () => {
      answers.push(await askTicket(visitor, room, world));
      return answers.at(-1).state === "admitted";
    },
    { deadlineMs, everyMs: 250 },
  );
  return answers;
}

/** Sends `count` people into the line in front of whoever comes next, one after the other. */
export async function fillLine(world, count, { from = world.protectedUrl } = {}) {
  const visitors = [];
  for (let index = 0; index < count; index += 1) {
    const visitor = new Visitor();
    await visitor.follow(from);
    visitors.push(visitor);
  }
  return visitors;
}

function settled() {
  let resolve;
  let reject;
  const promise = new Promise((yes, no) => {
    resolve = yes;
    reject = no;
  });
  return { promise, resolve, reject };
}
