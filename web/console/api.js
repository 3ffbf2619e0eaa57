// Talks to the REST interface. The console can do nothing that a script with an API key could not do as well.

/** An answer that is not what was asked for: `title` and `detail` are for people, `problems` belong to fields. */
export class Refusal extends Error {
  constructor(status, body) {
    super(body.detail || body.title || `The platform answered ${status}.`);
    this.status = status;
    this.title = body.title || "That did not work";
    this.problems = body.problems || [];
  }
}

/** The platform did not answer at all. */
export class Unreachable extends Error {
  constructor() {
    super("The platform cannot be reached at the moment.");
  }
}

/** Called when an answer says that nobody is signed in any more. */
export const signedOut = { handle: () => {} };

export const get = (path) => ask("GET", path).then((answer) => answer.body);
export const getWithEtag = (path) => ask("GET", path);
export const post = (path, body) => ask("POST", path, { body }).then((answer) => answer.body);
export const postMatching = (path, body, etag) => ask("POST", path, { body, etag }).then((answer) => answer.body);
export const patch = (path, body) => ask("PATCH", path, { body }).then((answer) => answer.body);
export const putMatching = (path, body, etag) => ask("PUT", path, { body, etag });
export const remove = (path) => ask("DELETE", path);

/** The address of an account's resource. */
export const of = (account, ...parts) =>
  ["accounts", account, ...parts].map((part) => encodeURIComponent(part)).join("/");

async function ask(method, path, { body, etag } = {}) {
  // The header tells the platform that this page asked, not a form on some other site.
  const headers = { accept: "application/json", "x-anteroom-console": "1" };
  if (body !== undefined) headers["content-type"] = "application/json";
  if (etag) headers["if-match"] = etag;
  let response;
  try {
    response = await fetch(`/api/v1/${path}`, {
      method,
      headers,
      cache: "no-store",
      body: body === undefined ? undefined : JSON.stringify(body),
    });
  } catch {
    throw new Unreachable();
  }
  const text = await response.text();
  let answer = {};
  try {
    answer = text ? JSON.parse(text) : {};
  } catch {
    // Not ours: a proxy in between, say. The status alone must do.
  }
  if (response.ok) return { body: answer, etag: response.headers.get("etag") };
  if (response.status === 401 && path !== "session") signedOut.handle();
  throw new Refusal(response.status, answer);
}
