// An operator's script: speaks the platform's REST interface with the account's API key.

import assert from "node:assert/strict";

export class Operator {
  #world;

  constructor(world) {
    this.#world = world;
  }

  /** Asks the platform below the account, and insists on an answer of success. */
  async ask(method, path, { body, headers = {} } = {}) {
    const response = await fetch(`${this.#world.platform}/api/v1/accounts/${this.#world.customerId}${path}`, {
      method,
      headers: {
        authorization: `Bearer ${this.#world.apiKey}`,
        ...(body === undefined ? {} : { "content-type": "application/json" }),
        ...headers,
      },
      body: body === undefined ? undefined : JSON.stringify(body),
    });
    const text = await response.text();
    assert.ok(response.ok, `${method} ${path}: ${response.status} ${text}`);
    return { status: response.status, etag: response.headers.get("etag"), json: text ? JSON.parse(text) : undefined };
  }

  setOutflow(perMinute) {
    return this.ask("PATCH", `/rooms/${this.#world.waitingRoomId}`, { body: { outflowPerMinute: perMinute } });
  }

  changeRoom(change) {
    return this.ask("PATCH", `/rooms/${this.#world.waitingRoomId}`, { body: change });
  }

  /** Opens the pre-queue and starts the line so many seconds from now. */
  schedule({ opensIn, startsIn, endsIn }) {
    const at = (seconds) => new Date(Date.now() + 1000 * seconds).toISOString().slice(0, 19);
    const moments = { preQueueAt: opensIn, startsAt: startsIn, endsAt: endsIn };
    const given = Object.entries(moments).filter(([, seconds]) => seconds !== undefined);
    const schedule = Object.fromEntries(given.map(([name, seconds]) => [name, at(seconds)]));
    return this.changeRoom({ schedule: { timeZone: "UTC", ...schedule } });
  }

  /** Begins the line anew, by the schedule as it is set. */
  async reset() {
    const room = this.#world.waitingRoomId;
    const { epoch } = (await this.ask("GET", `/rooms/${room}`)).json;
    return this.ask("POST", `/rooms/${room}/reset`, { body: { confirm: room, epoch } });
  }

  setBeacon(value) {
    return this.ask("POST", `/rooms/${this.#world.waitingRoomId}/beacon`, { body: { value } });
  }

  pause(message) {
    return this.ask("POST", `/rooms/${this.#world.waitingRoomId}/pause`, { body: { message } });
  }

  resume() {
    return this.ask("POST", `/rooms/${this.#world.waitingRoomId}/resume`);
  }

  /** Replaces the draft with what `edit` makes of it, and publishes. Returns when the platform has said yes. */
  async publish(description, edit) {
    const draft = await this.ask("GET", "/draft");
    const edited = structuredClone(draft.json);
    edit(edited);
    await this.ask("PUT", "/draft", { body: edited, headers: { "if-match": draft.etag } });
    return this.ask("POST", "/publish", { body: { description } });
  }
}
