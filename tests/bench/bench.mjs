// All measurements of docs/performance.md: `cargo xtask bench`, or some of them: `cargo xtask bench poll`. Prints
// figures; judges nothing, because a machine that is busy with other things measures those.

import { connections, idle } from "./connections.mjs";
import { memory } from "./memory.mjs";
import { poll } from "./poll.mjs";
import { World } from "./world.mjs";

const MEASUREMENTS = { poll, connections, idle, memory };

const program = process.env.ANTEROOM_PROGRAM;
const options = {
  rounds: Number(process.env.ANTEROOM_BENCH_ROUNDS ?? 7),
  seconds: Number(process.env.ANTEROOM_BENCH_SECONDS ?? 3),
};
const wanted = process.argv.slice(2);
const unknown = wanted.filter((name) => !(name in MEASUREMENTS));
if (unknown.length > 0 || !program) {
  console.error(`usage: ANTEROOM_PROGRAM=target/release/anteroom node bench.mjs [${Object.keys(MEASUREMENTS).join("|")}]...`);
  process.exit(2);
}
for (const name of wanted.length > 0 ? wanted : Object.keys(MEASUREMENTS)) {
  const world = new World();
  process.once("exit", () => world.end());
  try {
    const { title, table } = await MEASUREMENTS[name](world, program, options);
    console.log(`\n${name}: ${title}`);
    console.table(Object.fromEntries(table.map(({ case: row, ...rest }) => [row, rest])));
  } finally {
    world.end();
  }
}
process.exit(0);
