import { writeSync } from "node:fs";

const root = process.argv[2]!;
const { drawConfig } = await import(`./config.js`);
const { runSeed } = await import(`./run_seed.js`);
const from = Number(process.argv[3]),
  want = Number(process.argv[4]),
  only = process.argv[5] === "leave";
let n = 0,
  seed = from;
const marks = new Map<string, number>();
let bad = 0;
const out = (s: string) => writeSync(1, `${s}\n`);
for (; n < want; seed++) {
  const c = drawConfig(seed);
  if (!c.leases || (only && c.faults.sidecar_leaves === 0)) continue;
  n++;
  const o = runSeed(seed);
  for (const [k, v] of o.marks) marks.set(k, (marks.get(k) ?? 0) + v);
  if (o.violation) {
    bad++;
    out(`SEED ${seed} ${JSON.stringify(o.violation)}`);
  }
  if (n % 200 === 0) out(`${n} runs, to seed ${seed}, ${bad} bad`);
}
for (const k of [
  "leader_adopted_under_a_lease",
  "adopted_leader",
  "note not_left",
  "note leaving",
  "note not_adopted",
  "fuse_burnt",
  "action sidecar_leaves",
])
  out(`${k}: ${marks.get(k) ?? 0}`);
out(`done: ${n} runs, ${bad} bad`);
