import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Script } from "./script.js";

/**
 * Changes of the rules drawn at random among everything else that can happen: cohorts and policies are asymmetric, the
 * leader may be outside, disks are lost. The judge looks for a lost write and for two leaders of one term after every
 * command, the core's own assertions (I7 among them) end in FATAL; at the end everything is healed and a leader must come.
 */
const NODES = ["n1", "n2", "n3", "n4", "n5"] as const;
const id = fc.constantFrom(...NODES);
const link = fc.tuple(id, id).map(([a, b]) => `${a}->${b}`);
const ms = fc.constantFrom(30, 300, 1000, 3500, 7000);

const cohort = fc
  .uniqueArray(fc.tuple(id, fc.integer({ min: 0, max: 4 })), { minLength: 2, maxLength: 5, selector: ([n]) => n })
  .map((members) => `{${members.map(([n, bang], i) => (bang === 0 && i > 0 ? `${n}!` : `${n}+`)).join(" ")}}`);
const policy = fc.constantFrom("majority", "at_least 2", "at_least 3", "at_least 4");
const change = fc
  .tuple(fc.constantFrom("leader", "leader", "leader", "n1"), policy, cohort, fc.constantFrom(0, 4000))
  .map(([n, p, c, wait]) => `change ${n} ${p} ${c} wait ${wait}`);

/** A change that stops at its k-th record, and then something happens to its leader. */
const interrupted = fc
  .tuple(fc.nat(3), fc.constantFrom("crash", "depose", "nothing"), policy, cohort)
  .map(([finished, fault, p, c]) => `interrupted ${finished} ${fault} ${p} ${c}`);

const command = fc.oneof(
  { weight: 3, arbitrary: interrupted },
  { weight: 6, arbitrary: ms.map((t) => `advance ${t}`) },
  { weight: 4, arbitrary: id.map((n) => `write ${n}`) },
  { weight: 6, arbitrary: change },
  { weight: 3, arbitrary: id.map((n) => `toggle ${n}`) },
  { weight: 1, arbitrary: id.map((n) => `kill-postgres ${n}`) },
  { weight: 2, arbitrary: link.map((l) => `cut ${l}`) },
  { weight: 1, arbitrary: fc.constant("heal") },
  { weight: 4, arbitrary: link.map((l) => `hold wal ${l}`) },
  {
    weight: 2,
    arbitrary: fc
      .tuple(fc.constantFrom("recruit", "promote", "follow", "status"), link)
      .map((x) => `hold ${x.join(" ")}`),
  },
  {
    weight: 4,
    arbitrary: fc
      .tuple(id, fc.constantFrom("write_record", "set_names", "set_followers", "revoke", "promote", "swap"))
      .map(([n, action]) => `hold pg ${n} ${action}`),
  },
  { weight: 3, arbitrary: id.map((n) => `finish ${n}`) },
  { weight: 1, arbitrary: id.map((n) => `fail ${n}`) },
  { weight: 3, arbitrary: fc.constant("release") },
  { weight: 2, arbitrary: fc.nat(400).map((k) => `replay ${k}`) },
  { weight: 1, arbitrary: fc.constant("wipe n2") },
);

/** With leases; a fence that waits for ever behind an operation that is held is beyond every bound. */
const leaseCommand = fc.oneof(
  { weight: 20, arbitrary: command.filter((line) => !/^(hold pg|interrupted)/.test(line)) },
  { weight: 1, arbitrary: id.map((n) => `freeze ${n}`) },
  { weight: 3, arbitrary: id.map((n) => `thaw ${n}`) },
  { weight: 2, arbitrary: link.map((l) => `hold status ${l}`) },
);

function walk(commands: readonly string[], leases = ""): { complaints: string[]; trace: string[]; led: boolean } {
  const script = new Script();
  const trace: string[] = [];
  const up = new Set<string>(NODES);
  const run = (line: string) => {
    trace.push(`> ${line}`, ...script.run(line).split("\n"));
  };
  run(`cluster n1 n2 n3 ${leases}\nspare n4 n5 of n1 n2 n3 ${leases}\nadmit-observers`);
  run("start n1 n2 n3 n4 n5\nadvance 3000");
  const interrupt = (i: number, finished: number, fault: string, asked: string) => {
    const leader = script.leaderNow();
    if (leader === null) return;
    run(`hold pg ${leader} write_record\nchange ${leader} c${i} ${asked}`);
    for (let k = 0; k < finished; k++) if (script.hasOperation(leader)) run(`finish ${leader}`);
    if (fault === "depose") run(`send recruit/2 n5->${leader} term=${100 + 10 * i} nonce=rogue${i}`);
    if (fault === "crash" && up.delete(leader)) run(`crash ${leader}`);
  };
  commands.forEach((line, i) => {
    const [verb, node = "", ...rest] = line.split(" ");
    if (verb === "wipe") {
      if (up.delete(node)) run(`crash ${node}`);
      run(line);
    } else if (verb === "interrupted") interrupt(i, Number(node), rest[0] ?? "", rest.slice(1).join(" "));
    else if (verb === "toggle") {
      run(`${up.has(node) ? "crash" : "start"} ${node}`);
      if (!up.delete(node)) up.add(node);
    } else if (verb === "write") run(`${line} w${i}`);
    else if (verb === "change") {
      if (node !== "leader" || script.leaderNow() !== null) run(`change ${node} c${i} ${rest.join(" ")}`);
    } else if ((verb !== "fail" && verb !== "finish") || script.hasOperation(node)) run(line);
  });
  run("heal\nrelease");
  for (const node of NODES) {
    if (!up.has(node)) run(`start ${node}`);
    run(`thaw ${node}`);
  }
  run("advance 90000");
  run("show");
  const complaints = trace.filter((line) => /^(LOST|ROGUE|STALE)|FATAL/.test(line));
  return { complaints, trace, led: trace.slice(-NODES.length).some((line) => line.includes("(established)")) };
}

/** What must have happened somewhere, or the walk is blind. */
const SEEN = [
  /is decided/,
  /is taken back/,
  /answers c\d+: done/,
  /answers c\d+: voided/,
  /answers c\d+: unknown/,
  /do not let it lead any more/,
];

describe("a random walk with changes of the rules", () => {
  it("loses nothing that was acknowledged, breaks no invariant, and ends with a leader", () => {
    const seen = SEEN.map(() => 0);
    let walks = 0;
    fc.assert(
      fc.property(fc.array(command, { minLength: 8, maxLength: 45 }), (commands) => {
        walks++;
        const { complaints, trace, led } = walk(commands);
        SEEN.forEach((mark, i) => {
          if (trace.some((line) => mark.test(line))) seen[i] = (seen[i] ?? 0) + 1;
        });
        expect(complaints, trace.join("\n")).toEqual([]);
        // A lost disk may have been needed: two copies on it and on a node that left are gone for good.
        if (!commands.includes("wipe n2")) expect(led, trace.join("\n")).toBe(true);
      }),
      { numRuns: Number(process.env.WALKS ?? 60), interruptAfterTimeLimit: Number(process.env.WALKS_MS ?? 12_000) },
    );
    if (process.env.WALKS !== undefined && walks > 100)
      expect(Object.fromEntries(SEEN.map((m, i) => [m.source, (seen[i] ?? 0) > 0]))).toEqual(
        Object.fromEntries(SEEN.map((m) => [m.source, true])),
      );
  });

  it("with leases nobody reads from an old leader either", () =>
    fc.assert(
      fc.property(fc.array(leaseCommand, { minLength: 8, maxLength: 45 }), (commands) => {
        const { complaints, trace, led } = walk(commands, "leases");
        expect(complaints, trace.join("\n")).toEqual([]);
        if (!commands.includes("wipe n2")) expect(led, trace.join("\n")).toBe(true);
      }),
      { numRuns: Number(process.env.WALKS ?? 60), interruptAfterTimeLimit: Number(process.env.WALKS_MS ?? 12_000) },
    ));
});
