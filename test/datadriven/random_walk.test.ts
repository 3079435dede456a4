import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Script } from "./script.js";

/**
 * The commands of the scripts, drawn at random: small, and no substitute for a simulator. After every command the judge
 * looks for a lost write and for two leaders of one term; at the end everything is healed and a leader must come.
 */
const id = fc.constantFrom("n1", "n2", "n3");
const link = fc.constantFrom("n1->n2", "n2->n1", "n1->n3", "n3->n1", "n2->n3", "n3->n2");
const kind = fc.constantFrom("recruit", "promote", "follow", "answer", "status", "wal");
const ms = fc.constantFrom(50, 300, 1000, 3500);

const command = fc.oneof(
  { weight: 6, arbitrary: ms.map((t) => `advance ${t}`) },
  { weight: 3, arbitrary: id.map((n) => `write ${n}`) },
  { weight: 2, arbitrary: id.map((n) => `toggle ${n}`) },
  { weight: 2, arbitrary: id.map((n) => `kill-postgres ${n}`) },
  {
    weight: 1,
    arbitrary: fc.tuple(id, fc.constantFrom("disk-hangs", "disk-works")).map(([n, verb]) => `${verb} ${n}`),
  },
  { weight: 2, arbitrary: link.map((l) => `cut ${l}`) },
  { weight: 1, arbitrary: fc.constant("heal") },
  { weight: 3, arbitrary: fc.tuple(kind, link).map(([k, l]) => `hold ${k} ${l}`) },
  {
    weight: 1,
    arbitrary: fc
      .tuple(id, fc.constantFrom("revoke", "promote", "swap", "clone", "write_record", "follow"))
      .map(([n, action]) => `hold pg ${n} ${action}`),
  },
  { weight: 2, arbitrary: fc.constant("release") },
  { weight: 1, arbitrary: id.map((n) => `fail ${n}`) },
  { weight: 2, arbitrary: fc.nat(400).map((k) => `replay ${k}`) },
  // Its Postgres goes on without it, as a primary if it was one.
  { weight: 1, arbitrary: id.map((n) => `orphan ${n}`) },
  // One disk is lost, the same every time: with more, nothing could be promised.
  { weight: 1, arbitrary: fc.constant("wipe n1") },
);

/** With leases, time and the death of a Postgres matter more; a fence that is held back for ever is beyond every bound. */
const leaseCommand = fc.oneof(
  { weight: 20, arbitrary: command.filter((line) => !/pg n\d revoke/.test(line)) },
  { weight: 2, arbitrary: id.map((n) => `freeze ${n}`) },
  { weight: 3, arbitrary: id.map((n) => `thaw ${n}`) },
  { weight: 2, arbitrary: id.map((n) => `bury ${n}`) },
  { weight: 3, arbitrary: link.map((l) => `hold status ${l}`) },
);

const POLICIES = ["majority", "at_least 2", "at_least 3"];

/** Runs the commands; returns what the judge or the loop complained of, and the whole trace. */
function walk(policy: string, commands: readonly string[]): { complaints: string[]; trace: string[]; led: boolean } {
  const script = new Script();
  const trace: string[] = [];
  const up = new Set(["n1", "n2", "n3"]);
  const run = (line: string) => {
    trace.push(`> ${line}`, ...script.run(line).split("\n"));
  };
  run(`cluster n1 n2 n3 ${policy}\nstart n1 n2 n3\nadvance 3000`);
  commands.forEach((line, i) => {
    const [verb, node = ""] = line.split(" ");
    if (verb === "orphan") {
      if (up.delete(node)) run(`sidecar-dies ${node}`);
    } else if (verb === "bury") {
      run(`kill-postgres ${node}\ngone ${node}`);
    } else if (verb === "wipe") {
      if (up.delete(node)) run(`crash ${node}`);
      run(line);
    } else if (verb === "toggle") {
      run(`${up.has(node) ? "crash" : "start"} ${node}`);
      if (!up.delete(node)) up.add(node);
    } else if (verb === "write") run(`${line} w${i}`);
    else if (verb !== "fail" || script.hasOperation(node)) run(line);
  });
  run("heal\nrelease");
  for (const node of ["n1", "n2", "n3"]) {
    if (!up.has(node)) run(`start ${node}`);
    run(`disk-works ${node}`);
    run(`thaw ${node}`);
  }
  run("advance 60000");
  run("show");
  const complaints = trace.filter((line) => /^(LOST|ROGUE|STALE)|FATAL/.test(line));
  return { complaints, trace, led: trace.slice(-4).some((line) => line.includes("(established)")) };
}

function holdsUp(policies: readonly string[], commands: typeof command, numRuns: number): void {
  fc.assert(
    fc.property(fc.constantFrom(...policies), fc.array(commands, { minLength: 5, maxLength: 40 }), (policy, lines) => {
      const { complaints, trace, led } = walk(policy, lines);
      expect(complaints, trace.join("\n")).toEqual([]);
      // Two of three must be there without the wiped one, which this version does not take back.
      if (!lines.includes("wipe n1")) expect(led, trace.join("\n")).toBe(true);
    }),
    { numRuns, interruptAfterTimeLimit: Number(process.env.WALKS_MS ?? 10_000) },
  );
}

describe("a random walk over three nodes", () => {
  const walks = Number(process.env.WALKS ?? 60);

  it("loses nothing that was acknowledged, never has two leaders of a term, and ends with a leader", () =>
    holdsUp(POLICIES, command, walks));

  it("with leases, and with leaders that watch their quorum, nobody reads from an old leader either", () =>
    holdsUp(
      POLICIES.map((policy) => `${policy} leases progress`),
      leaseCommand,
      walks,
    ));
});
