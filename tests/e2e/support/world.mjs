// A world of its own for each test: the real program, on free ports, with a folder of its own for temporary files.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

import { until } from "./until.mjs";

const here = dirname(fileURLToPath(import.meta.url));

/** The built program; `cargo xtask e2e` builds it and says where it is. */
export const PROGRAM = process.env.ANTEROOM_PROGRAM ?? join(here, "../../../target/debug/anteroom");
/** From start to ready; the first start also makes keys and a certificate, in an unoptimised build. */
const READY_WITHIN_MS = 30_000;
/** From a signal to the end of the process, with every connection drained. */
const GONE_WITHIN_MS = 15_000;

/**
 * Starts `anteroom demo --json` and waits until it is ready. Ends with the test.
 *
 * Returns what the program says of itself (`site`, `room`, `apiKey`, ...), and `program` (see `startProgram`).
 */
export async function startDemo(t, ...more) {
  const program = await startProgram(t, "demo", "--json", "--port-base", "0", ...more);
  const line = await program.firstLine();
  return { ...JSON.parse(line), program };
}

/** What the first start wrote down: the keys, and the `operator` whom the console lets in. */
export async function credentialsOf(world) {
  const [folder] = await world.program.leftBehind();
  return JSON.parse(await readFile(join(world.program.temporary, folder, "credentials.json"), "utf8"));
}

/** A folder of the test's own; it goes with the test. */
export async function temporaryFolder(t) {
  const folder = await mkdtemp(join(tmpdir(), "anteroom-e2e-"));
  t.after(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

/** Starts the program with these arguments; kills it after the test if it is still there, and shows its log then. */
export async function startProgram(t, ...args) {
  const temporary = await mkdtemp(join(tmpdir(), "anteroom-e2e-"));
  const child = spawn(PROGRAM, args, {
    env: { ...process.env, TMPDIR: temporary },
    stdio: ["ignore", "pipe", "pipe"],
  });
  const log = [];
  const lines = [];
  createInterface({ input: child.stderr }).on("line", (line) => log.push(line));
  const output = createInterface({ input: child.stdout });
  output.on("line", (line) => lines.push(line));
  // Attached at once, so that an early end is not missed.
  const ended = once(child, "close").then(([code, signal]) => ({ code, signal }));
  ended.catch(() => {});

  const program = {
    pid: child.pid,
    /** Its folder for temporary files. */
    temporary,
    /** What it has written to standard error so far. */
    log: () => log.join("\n"),
    /** What it has written to standard output so far. */
    output: () => lines.join("\n"),
    /** The files and folders it has left in its folder for temporary files. */
    leftBehind: () => readdir(temporary),
    firstLine: () => within(READY_WITHIN_MS, firstOf(output, lines, ended), () => `no first line; log:\n${program.log()}`),
    /** Resolves with the rest of the first line it logs that has `told` in it, from its start on. */
    told: (told) =>
      within(
        READY_WITHIN_MS,
        until(`it tells ${told}`, () => log.find((line) => line.includes(told)), { deadlineMs: READY_WITHIN_MS })
          .then((line) => line.slice(line.indexOf(told) + told.length).trim()),
        () => `log:\n${program.log()}`,
      ),
    /** Resolves with `{ code, signal }` once it is gone. */
    ended: () => within(GONE_WITHIN_MS, ended, () => `still running; log:\n${program.log()}`),
    signal: (name) => child.kill(name),
  };
  t.after(async () => {
    if (child.exitCode === null && child.signalCode === null) {
      child.kill("SIGTERM");
      await program.ended().catch(() => child.kill("SIGKILL"));
    }
    await rm(temporary, { recursive: true, force: true });
    if (process.env.ANTEROOM_E2E_LOG) console.error(program.log());
  });
  return program;
}

function firstOf(output, lines, ended) {
  return new Promise((resolve, reject) => {
    if (lines.length > 0) return resolve(lines[0]);
    output.once("line", resolve);
    ended.then(
      ({ code, signal }) => reject(new Error(`the program ended before it was ready (${code ?? signal})`)),
      reject,
    );
  });
}

async function within(deadlineMs, promise, describe) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`not within ${deadlineMs} ms`)), deadlineMs);
  });
  try {
    return await Promise.race([promise, late]);
  } catch (error) {
    throw new Error(`${error.message}: ${describe()}`, { cause: error });
  } finally {
    clearTimeout(timer);
  }
}
