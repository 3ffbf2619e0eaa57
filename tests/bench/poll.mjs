// What a poll costs: processor time of the room's process per status answer, beside nginx answering as many bytes, in
// turns, so that whatever else the machine does hits all of them.

import { ask } from "./wrk.mjs";
import { joinFarBack, median, startNginx, startRoom } from "./world.mjs";

export async function poll(world, program, { rounds, seconds }) {
  const room = await startRoom(world, program);
  const { cookie, path, body } = await joinFarBack(room);
  const nginx = await startNginx(world, { body, certificate: room.certificate, key: room.key });
  const headers = { cookie };
  const cases = {
    "room, status": () => ask(room.pids, `http://${room.plain}${path}`, { seconds, headers }),
    "nginx, constant": () => ask(nginx.pids, `http://${nginx.plain}/constant`, { seconds, headers }),
    "nginx, file": () => ask(nginx.pids, `http://${nginx.plain}/file`, { seconds, headers }),
  };
  const measured = await inTurns(cases, rounds);
  return rows(measured, "nginx, constant", `${body.length} bytes of JSON, ${rounds} rounds of ${seconds} s`);
}

/** Each case once a round. */
export async function inTurns(cases, rounds) {
  const measured = Object.fromEntries(Object.keys(cases).map((name) => [name, []]));
  for (let round = 0; round < rounds; round += 1) {
    for (const [name, measure] of Object.entries(cases)) measured[name].push(await measure());
  }
  return measured;
}

/** For each case: the median, and how many times the reference of the same round, with the least and the most. */
export function rows(measured, reference, title) {
  const table = Object.entries(measured).map(([name, rounds]) => {
    const ratios = rounds.map((round, index) => round.micros / measured[reference][index].micros);
    return {
      case: name,
      "µs CPU/request": median(rounds.map((round) => round.micros)).toFixed(2),
      ratio: median(ratios).toFixed(2),
      "least..most": `${Math.min(...ratios).toFixed(2)}..${Math.max(...ratios).toFixed(2)}`,
      "requests/s": Math.round(median(rounds.map((round) => round.perSecond))),
      "requests/s and core": Math.round(1e6 / median(rounds.map((round) => round.micros))),
    };
  });
  return { title, table };
}
