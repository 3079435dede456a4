import type { Policy, Ruleset, RulesetRecord } from "../../src/core/ruleset/ruleset.js";
import type { World } from "./world.js";

/** `majority`, `at_least K`, or for each leader the sets of followers any of which is enough with it: `n1:n2+n3 n4:n5|n6`. */
export function policyFrom(words: readonly string[]): Policy {
  const perLeader = words.filter((word) => /^n\d:/.test(word)).map((word) => word.split(":"));
  if (perLeader.length > 0) {
    const quorums = perLeader.map(([leader, sets = ""]) => [leader, sets.split("|").map((set) => set.split("+"))]);
    return { kind: "per_leader", quorums: Object.fromEntries(quorums) };
  }
  const at = words.indexOf("at_least");
  return at < 0 ? { kind: "majority" } : { kind: "at_least", copies: Number(words[at + 1]) };
}

/**
 * What a machine holds before it starts: `n1 promise=3 log=2 proposed(2,0){n1 n2!} x decided(2,0) 3 y`.
 * A number begins a timeline, another word is a write, `!` marks a member that may not lead, `(2,1)@n1` says who wrote
 * the record, `acked=` names the writes whose clients were told, `system=` whose data it is, `held=no` that the node's own
 * word knows nothing of it.
 */
export function craft(world: World, line: string): void {
  const [, id = "", rest = ""] = /^(\S+)\s*(.*)$/.exec(line) ?? [];
  const machine = world.machine(id);
  const promise = BigInt(/promise=(\d+)/.exec(rest)?.[1] ?? 0);
  for (const write of /acked=(\S+)/.exec(rest)?.[1]?.split(",") ?? []) world.acknowledged.set(write, 0n);
  const log = /log=(.*)$/.exec(rest)?.[1] ?? "";
  const { postgres } = machine;
  let timeline = 1n;
  let before = "";
  for (const [word] of log.matchAll(/\w+\(\d+,\d+\)(@n\d)?(\{[^}]*\})?|\S+/g)) {
    if (/^\d+$/.test(word)) timeline = BigInt(word);
    else if (word.includes("(")) postgres.append(timeline, { record: recordFrom(word) });
    else postgres.append(timeline, { write: word });
    before += ` ${word}`;
    // Logs that begin alike share these records: one is a part of the other.
    const last = postgres.log.at(-1);
    if (last === undefined || /^\d+$/.test(word)) continue;
    const shared = world.crafted.get(before) ?? last;
    world.crafted.set(before, shared);
    postgres.log = [...postgres.log.slice(0, -1), shared];
  }
  const hasData = postgres.log.length > 0;
  const system = /system=(\S+)/.exec(rest)?.[1] ?? "system-crafted";
  if (hasData) Object.assign(postgres, { data: "present", system });
  const held = hasData && !/held=no/.test(rest);
  const word = world.durableOf(machine);
  machine.disk = {
    ...word,
    promise: { term: promise, attempt: promise === 0n ? null : { node: "n9", nonce: "crafted" } },
    // What it has promised as itself is no news.
    promises: word.promise.term === promise ? word.promises : [0n, promise].map((term) => ({ term, boot: "crafted" })),
    ...(held ? { held: true, systemIdentifier: system } : {}),
  };
}

function recordFrom(word: string): RulesetRecord {
  const parts = /^(\w+)\((\d+),(\d+)\)(?:@(n\d))?(?:\{([^}]*)\})?$/.exec(word);
  if (parts === null) throw new Error(`not a ruleset record: ${word}`);
  const [, state = "", term = "", subterm = "", writtenBy = "n9", members] = parts;
  return {
    number: { term: BigInt(term), subterm: Number(subterm) },
    state: state as RulesetRecord["state"],
    ruleset: members === undefined ? null : rulesetFrom(members),
    writtenBy,
  };
}

function rulesetFrom(text: string): Ruleset {
  const words = text.split(/\s+/);
  const cohort = words
    .filter((w) => /^n\d!?$/.test(w))
    .map((w) => ({ id: w.slice(0, 2), incarnation: `${w.slice(0, 2)}-a`, labels: {}, eligible: !w.endsWith("!") }));
  return { policy: policyFrom(words), cohort };
}
