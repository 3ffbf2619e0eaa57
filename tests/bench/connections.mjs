// What a waiting visitor's connection costs: memory while it is kept alive without a request, and processor time of a
// poll on a connection of its own, beside one on a connection that is kept. Plain and with TLS, beside nginx.

import { connect as connectPlain } from "node:net";
import { connect as connectTls } from "node:tls";
import { readFileSync } from "node:fs";

import { inTurns, rows } from "./poll.mjs";
import { ask } from "./wrk.mjs";
import { joinFarBack, pause, residentKib, startNginx, startRoom } from "./world.mjs";

/** Enough that a page more or less does not show. The limit on file descriptors must hold both ends. */
const CONNECTIONS = 2_000;
/** By then an idle connection holds what it will hold, and memory that can go back has gone. */
const SETTLED_AFTER_MS = 13_000;

/** Processor time of polls on connections that are kept, and on new ones. */
export async function connections(world, program, { rounds, seconds }) {
  const room = await startRoom(world, program);
  const { cookie, path, body } = await joinFarBack(room);
  const nginx = await startNginx(world, { body, certificate: room.certificate, key: room.key });
  const servers = { room: { ...room, path }, nginx: { ...nginx, path: "/constant" } };
  const cases = {};
  for (const [name, server] of Object.entries(servers)) {
    for (const [scheme, authority] of [["http", server.plain], ["https", server.tls]]) {
      const url = `${scheme}://${authority}${server.path}`;
      cases[`${name}, ${scheme}, kept`] = () => ask(server.pids, url, { seconds, headers: { cookie } });
      const headers = { cookie, connection: "close" };
      cases[`${name}, ${scheme}, new`] = () => ask(server.pids, url, { seconds, headers });
    }
  }
  return rows(await inTurns(cases, rounds), "nginx, http, kept", `${rounds} rounds of ${seconds} s`);
}

/** Memory of connections on which one poll was answered. Each kind in processes of its own: memory that one kind gave
 * back to its process, but not to the system, would hide what the next one takes. */
export async function idle(world, program) {
  const table = [];
  for (const scheme of ["http", "https"]) {
    const room = await startRoom(world, program);
    const { cookie, path, body } = await joinFarBack(room);
    const nginx = await startNginx(world, { body, certificate: room.certificate, key: room.key });
    for (const [name, server] of Object.entries({ room: { ...room, path }, nginx: { ...nginx, path: "/constant" } })) {
      const authority = scheme === "http" ? server.plain : server.tls;
      const openSome = (count) => open(scheme, authority, server.path, cookie, room.certificate, count);
      // The first ones fill what is shared and stays.
      await close(await openSome(200));
      await pause(SETTLED_AFTER_MS);
      const before = residentKib(server.pids);
      const sockets = await openSome(CONNECTIONS);
      await pause(SETTLED_AFTER_MS);
      const held = residentKib(server.pids) - before;
      await close(sockets);
      await pause(SETTLED_AFTER_MS);
      const left = residentKib(server.pids) - before;
      table.push({
        case: `${name}, ${scheme}`,
        "KiB/connection": (held / CONNECTIONS).toFixed(2),
        "KiB/connection, after all closed": (left / CONNECTIONS).toFixed(2),
      });
    }
    await world.stop(room.child);
    await world.stop(nginx.child);
  }
  return { title: `${CONNECTIONS} connections, each idle after one poll`, table };
}

async function open(scheme, authority, path, cookie, certificate, count) {
  const [host, port] = authority.split(":");
  const options = scheme === "http" ? { host, port } : { host, port, ca: readFileSync(certificate), servername: "localhost" };
  const sockets = [];
  while (sockets.length < count) {
    const some = Math.min(50, count - sockets.length);
    sockets.push(...await Promise.all(Array.from({ length: some }, () => openOne(scheme, options, path, cookie, authority))));
  }
  return sockets;
}

function openOne(scheme, options, path, cookie, authority) {
  return new Promise((resolve, reject) => {
    const socket = scheme === "http" ? connectPlain(options) : connectTls(options);
    let answer = "";
    socket.setEncoding("utf8");
    socket.on("error", reject).on("data", (text) => {
      answer += text;
      if (answer.includes("\r\n\r\n") && answer.trimEnd().endsWith("}")) resolve(socket);
    });
    socket.once(scheme === "http" ? "connect" : "secureConnect", () => {
      socket.write(`GET ${path} HTTP/1.1\r\nHost: ${authority}\r\nCookie: ${cookie}\r\n\r\n`);
    });
  });
}

function close(sockets) {
  return Promise.all(sockets.map((socket) => new Promise((resolve) => socket.once("close", resolve).destroy())));
}
