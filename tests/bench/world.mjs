// The processes that are measured: the platform and the room, and an nginx to compare with. All on loopback, on free
// ports, in a folder of their own.

import { execFileSync, spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { availableParallelism, tmpdir } from "node:os";
import { join } from "node:path";

const TICKS_PER_SECOND = Number(execFileSync("getconf", ["CLK_TCK"], { encoding: "utf8" }));
const ROOM = "spring";
/** Nobody may be let in while polls are measured: with one a minute, whoever is measured waits for years. */
const OUTFLOW_PER_MINUTE = 1;

/** A folder, and processes that end with the script. */
export class World {
  folder = mkdtempSync(join(tmpdir(), "anteroom-bench-"));
  #children = [];

  /** Starts a process and waits until it has logged a line with each of these in it; returns what followed them. */
  async start(program, args, marks = [], options = {}) {
    const child = spawn(program, args, { stdio: ["ignore", "ignore", "pipe"], ...options });
    this.#children.push(child);
    let log = "";
    const told = (mark) => log.split("\n").slice(0, -1).find((line) => line.includes(mark))?.split(mark)[1].trim();
    await new Promise((resolve, reject) => {
      const look = () => marks.every((mark) => told(mark) !== undefined) && resolve();
      child.stderr.setEncoding("utf8").on("data", (text) => {
        log += text;
        look();
      });
      child.on("exit", (code) => reject(new Error(`${program} ended with ${code}:\n${log}`)));
      look();
    });
    return { child, told: marks.map(told) };
  }

  stop(child) {
    return new Promise((resolve) => child.removeAllListeners("exit").on("exit", resolve).kill());
  }

  end() {
    for (const child of this.#children) child.removeAllListeners("exit").kill("SIGKILL");
    rmSync(this.folder, { recursive: true, force: true });
  }
}

/** The room alone in its process, with one waiting room in which nobody is let in, and a certificate. */
export async function startRoom(world, program) {
  const folder = mkdtempSync(join(world.folder, "room-"));
  const [certificate, key] = makeCertificate(folder);
  const settings = join(folder, "anteroom.toml");
  writeFileSync(settings, `
data_dir = ${JSON.stringify(join(folder, "data"))}
[account]
customer_id = "acme"
allowed_hosts = ["shop.example"]
[room]
listen = "127.0.0.1:0"
tls_listen = "127.0.0.1:0"
tls_certificate = ${JSON.stringify(certificate)}
tls_key = ${JSON.stringify(key)}
[platform]
listen = "127.0.0.1:0"
`);
  const platform = await world.start(program, ["platform", "--config", settings], ["the console is at "]);
  const { customerId, apiKey } = JSON.parse(readFileSync(join(folder, "data/credentials.json"), "utf8"));
  const made = await fetch(`${platform.told[0]}/api/v1/accounts/${customerId}/rooms`, {
    method: "POST",
    headers: { "content-type": "application/json", authorization: `Bearer ${apiKey}` },
    body: JSON.stringify({
      waitingRoomId: ROOM,
      displayName: "Spring",
      defaultTarget: "https://shop.example/",
      outflowPerMinute: OUTFLOW_PER_MINUTE,
    }),
  });
  if (!made.ok) throw new Error(`the room could not be made: ${made.status} ${await made.text()}`);
  await world.stop(platform.child);
  const marks = ["the waiting room is at http://", "the waiting room is at https://"];
  const { child, told } = await world.start(program, ["room", "--config", settings], marks);
  const [plain, tls] = told;
  return { pids: [child.pid], child, customer: customerId, room: ROOM, plain, tls, certificate, key };
}

/** A visitor far back in line: the cookie, the path to poll, and what is answered. */
export async function joinFarBack(room) {
  const base = `http://${room.plain}`;
  const enqueue = `${base}/?c=${room.customer}&e=${room.room}`;
  for (let visitor = 0; visitor < 50; visitor += 1) await fetch(enqueue, { redirect: "manual" });
  const joined = await fetch(enqueue, { redirect: "manual" });
  const cookie = joined.headers.getSetCookie().map((set) => set.split(";")[0]).join("; ");
  const path = `/api/v1/rooms/${room.room}/ticket?c=${room.customer}`;
  const answer = await fetch(base + path, { headers: { cookie } });
  const body = await answer.text();
  if (JSON.parse(body).state !== "waiting") throw new Error(`the visitor does not wait: ${body}`);
  return { cookie, path, body };
}

/**
 * An nginx that answers `/constant` from its configuration and `/file` from a file, both of these bytes. It has as many
 * workers as the machine has cores, like the room, unless told otherwise.
 */
export async function startNginx(world, { body, certificate, key, workers = availableParallelism() }) {
  const [plain, tls] = [await freePort(), await freePort()];
  const folder = mkdtempSync(join(world.folder, "nginx-"));
  writeFileSync(join(folder, "answer.json"), body);
  const configuration = join(folder, "nginx.conf");
  writeFileSync(configuration, `
${process.getuid() === 0 ? "user root;" : ""} daemon off; worker_processes ${workers}; error_log ${folder}/nginx.log; pid ${folder}/nginx.pid;
worker_rlimit_nofile 20000;
events { worker_connections 15000; }
http {
  access_log off; default_type application/json; server_tokens off;
  keepalive_timeout 35; keepalive_requests 100000000;
  open_file_cache max=10; open_file_cache_valid 60s;
  client_body_temp_path ${folder}; proxy_temp_path ${folder}; fastcgi_temp_path ${folder};
  uwsgi_temp_path ${folder}; scgi_temp_path ${folder};
  server {
    listen 127.0.0.1:${plain}; listen 127.0.0.1:${tls} ssl;
    ssl_certificate ${certificate}; ssl_certificate_key ${key};
    location /constant { return 200 ${JSON.stringify(body)}; }
    location /file { alias ${folder}/answer.json; }
  }
}
`);
  const { child } = await world.start("nginx", ["-c", configuration]);
  await untilAnswers(`http://127.0.0.1:${plain}/constant`);
  const pids = readFileSync(`/proc/${child.pid}/task/${child.pid}/children`, "utf8").trim().split(" ").map(Number);
  return { pids, child, plain: `127.0.0.1:${plain}`, tls: `127.0.0.1:${tls}` };
}

export function makeCertificate(folder) {
  const [certificate, key] = [join(folder, "certificate.pem"), join(folder, "key.pem")];
  execFileSync("openssl", [
    "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
    "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1", "-keyout", key, "-out", certificate,
  ], { stdio: "ignore" });
  return [certificate, key];
}

/** Seconds of processor time that processes have used, their own and the kernel's for them. */
export function cpuSeconds(pids) {
  const ticks = pids.map((pid) => {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    const [utime, stime] = stat.slice(stat.lastIndexOf(")") + 2).split(" ").slice(11, 13).map(Number);
    return utime + stime;
  });
  return sum(ticks) / TICKS_PER_SECOND;
}

/** Kibibytes of memory that processes hold. */
export function residentKib(pids) {
  return sum(pids.map((pid) => Number(/VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, "utf8"))[1])));
}

const sum = (numbers) => numbers.reduce((total, number) => total + number, 0);

export const pause = (millis) => new Promise((resolve) => setTimeout(resolve, millis));

export const median = (numbers) => numbers.toSorted((a, b) => a - b)[Math.floor(numbers.length / 2)];

async function freePort() {
  const server = createServer();
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address();
  await new Promise((resolve) => server.close(resolve));
  return port;
}

async function untilAnswers(url) {
  for (let tries = 0; tries < 100; tries += 1) {
    if (await fetch(url).then((answer) => answer.ok, () => false)) return;
    await pause(50);
  }
  throw new Error(`nothing answers at ${url}`);
}
