// Memory of the room's process with nobody waiting, and with very many (I7). They join over HTTP by `anteroom load`,
// which keeps the tickets; what is compared is what the process holds once the joins are over.

import { execFile } from "node:child_process";
import { promisify } from "node:util";

import { cpuSeconds, pause, residentKib, startRoom } from "./world.mjs";

/** How many wait, step by step. The first step makes the process hold what any work makes it hold. */
const STEPS = [1_000, 100_000, 1_000_000];
/** Joins a second that a machine of two cores bears beside the generator. */
const JOINS_PER_SECOND = Number(process.env.ANTEROOM_BENCH_JOINS_PER_SECOND ?? 4_000);
/** By then memory that can go back has gone. */
const SETTLED_AFTER_MS = 15_000;

export async function memory(world, program) {
  const room = await startRoom(world, program);
  await pause(SETTLED_AFTER_MS);
  const table = [row("nobody", 0, residentKib(room.pids), {})];
  let waiting = 0;
  for (const step of STEPS) {
    const cpuBefore = cpuSeconds(room.pids);
    const report = await join(program, room, step - waiting);
    const cpu = cpuSeconds(room.pids) - cpuBefore;
    await pause(SETTLED_AFTER_MS);
    table.push(row(`${step.toLocaleString("en")} waiting`, step - waiting, residentKib(room.pids), { report, cpu }));
    waiting = step;
  }
  return { title: "the room's process, after joins over HTTP", table };
}

async function join(program, room, count) {
  const seconds = count / JOINS_PER_SECOND;
  const { stdout } = await promisify(execFile)(program, [
    "load", `http://${room.plain}`, "--customer", room.customer, "--room", room.room, "--join-only", "--json",
    "--arrivals", `${JOINS_PER_SECOND}/s`, "--for", `${Math.round(seconds * 1000)}ms`, "--connections", "200",
  ]);
  return JSON.parse(stdout);
}

function row(name, joins, kib, { report, cpu }) {
  return {
    case: name,
    "RSS, MiB": (kib / 1024).toFixed(1),
    "joins/s": report && Math.round(report.requests.join.perSecond),
    "µs CPU/join": report && ((cpu * 1e6) / joins).toFixed(1),
    "join, 50% ms": report?.requests.join.latencyMs.p50.toFixed(1),
    "join, 99% ms": report?.requests.join.latencyMs.p99.toFixed(1),
    errors: report && report.errors.reduce((total, { count }) => total + count, 0),
  };
}
