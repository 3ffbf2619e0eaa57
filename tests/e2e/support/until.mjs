// Waiting for something to become true: by asking again and again, never by guessing how long it takes.

import { setTimeout as pause } from "node:timers/promises";

/** How often `until` asks. Small enough that the tests measure the product and not this. */
const ASK_EVERY_MS = 50;

/**
 * Calls `probe` until it returns something truthy, and returns that.
 *
 * The error at the deadline tells what was waited for and what the probe last threw or returned.
 */
export async function until(what, probe, { deadlineMs = 20_000, everyMs = ASK_EVERY_MS } = {}) {
  const begun = performance.now();
  let last;
  for (;;) {
    try {
      last = await probe();
      if (last) return last;
    } catch (error) {
      last = error;
    }
    if (performance.now() - begun > deadlineMs) {
      throw new Error(`not within ${deadlineMs} ms: ${what} (last: ${describe(last)})`, {
        cause: last instanceof Error ? last : undefined,
      });
    }
    await pause(everyMs);
  }
}

function describe(value) {
  if (value instanceof Error) return value.message;
  return JSON.stringify(value) ?? String(value);
}
