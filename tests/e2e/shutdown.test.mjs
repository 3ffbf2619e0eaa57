// The program starts clean or says why not, and leaves nothing behind.

import assert from "node:assert/strict";
import { once } from "node:events";
import { readdir, readFile } from "node:fs/promises";
import { createServer, connect } from "node:net";
import { test } from "node:test";

import { fillLine } from "./support/visitor.mjs";
import { startDemo, startProgram } from "./support/world.mjs";

for (const signal of ["SIGINT", "SIGTERM"]) {
  test(`${signal} ends it with 0 and nothing is left`, async (t) => {
    const world = await startDemo(t, "--visitors", "5");
    await fillLine(world, 3);
    // A browser keeps its connection open: that must not keep the program.
    const idle = connect(portOf(world.site), "127.0.0.1");
    t.after(() => idle.destroy());
    await once(idle, "connect");
    // Closed or reset, as it comes: what is asked here is whether the program ends.
    idle.on("error", () => {});

    world.program.signal(signal);
    assert.deepEqual(await world.program.ended(), { code: 0, signal: null }, world.program.log());

    assert.deepEqual(await world.program.leftBehind(), [], "no temporary file or folder");
    assert.deepEqual(await childrenOf(world.program.pid), [], "no process");
    for (const name of ["site", "room", "roomTls", "platform"]) {
      assert.equal(await isTaken(portOf(world[name])), false, `the port of ${name} is free again`);
    }
    assert.equal(world.program.output().split("\n").length, 1, "one line of JSON and nothing else");
  });
}

test("signal while starting ends it too", async (t) => {
  const program = await startProgram(t, "demo", "--json", "--port-base", "0");
  program.signal("SIGTERM");
  const { code, signal } = await program.ended();
  // Before its own handler stands, the system ends it by the signal.
  assert.ok(code === 0 || signal === "SIGTERM", `code ${code}, signal ${signal}\n${program.log()}`);
});

test("taken port is told with what to do", async (t) => {
  for (const offset of [0, 3]) {
    const { base, taken } = await takePort(t, offset);
    const program = await startProgram(t, "demo", "--json", "--port-base", String(base));
    const { code } = await program.ended();

    assert.ok(code > 0 && code < 128, `code ${code}`);
    assert.match(program.log(), new RegExp(`127\\.0\\.0\\.1:${taken}`), "the message names the address");
    assert.match(program.log(), /--port-base/, "and the way out");
    assert.doesNotMatch(program.log(), /panicked/);
    assert.equal(program.output(), "", "nothing on standard output");
    assert.deepEqual(await program.leftBehind(), []);
  }
});

/** Listens on `offset` behind a base that a program could have. */
async function takePort(t, offset) {
  const server = createServer();
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  t.after(() => server.close());
  const taken = server.address().port;
  return { taken, base: taken - offset };
}

function portOf(url) {
  return Number(new URL(url).port);
}

/** Whether anybody listens there: seen by trying to, which disturbs nobody. */
async function isTaken(port) {
  const socket = connect(port, "127.0.0.1");
  try {
    await once(socket, "connect");
    return true;
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}

async function childrenOf(parent) {
  const processes = (await readdir("/proc")).filter((name) => /^\d+$/.test(name));
  const stats = await Promise.all(processes.map((id) => readFile(`/proc/${id}/stat`, "utf8").catch(() => "")));
  // The name in brackets may hold anything; the parent is the second field behind it.
  return stats.filter((stat) => Number(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[1]) === parent);
}
