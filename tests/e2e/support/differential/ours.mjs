// Our connector, asked through `anteroom connector evaluate`: one process for all cases.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";

import { PROGRAM } from "../world.mjs";

/** Asks about every case; resolves with the answers, in order. */
export async function askOurs(cases) {
  const child = spawn(PROGRAM, ["connector", "evaluate"], { stdio: ["pipe", "pipe", "inherit"] });
  const ended = once(child, "close");
  const answers = [];
  createInterface({ input: child.stdout }).on("line", (line) => answers.push(JSON.parse(line)));
  for (const testCase of cases) {
    if (!child.stdin.write(`${JSON.stringify(testCase)}\n`)) await once(child.stdin, "drain");
  }
  child.stdin.end();
  const [code] = await ended;
  if (code !== 0) throw new Error(`the program ended with ${code}`);
  return answers;
}
