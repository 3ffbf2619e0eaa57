// Requests by wrk, and what they cost the processes that answer them.

import { execFile } from "node:child_process";
import { promisify } from "node:util";

import { cpuSeconds } from "./world.mjs";

/** Asks for so many seconds; returns microseconds of processor time per request, and requests per second. */
export async function ask(pids, url, { seconds, connections = 64, headers = {} }) {
  const args = ["-t1", `-c${connections}`, `-d${seconds}`];
  for (const [name, value] of Object.entries(headers)) args.push("-H", `${name}: ${value}`);
  const before = cpuSeconds(pids);
  const { stdout } = await promisify(execFile)("wrk", [...args, url]);
  const used = cpuSeconds(pids) - before;
  const [, requests, took] = /(\d+) requests in ([\d.]+)(?=s)/.exec(stdout) ?? [];
  if (requests === undefined || /Non-2xx|Socket errors: (?!connect 0, read \d+, write 0, timeout 0)/.test(stdout)) {
    throw new Error(`${url} did not answer as it should:\n${stdout}`);
  }
  return { micros: (used * 1e6) / Number(requests), perSecond: Number(requests) / Number(took) };
}
