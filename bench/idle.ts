import { readFile } from "node:fs/promises";
import type { z } from "zod";
import type { benchIdleShape } from "../src/cli/schemas.js";
import { pause } from "../src/demo/waiting.js";
import { type Bench, describeMachine, formCluster, runBench } from "./bench.js";
import { wholeNumber } from "./options.js";
import { rounded } from "./statistics.js";

/** What one sidecar costs in a healthy cluster in which nothing happens: the dearest of the three is reported. */

type Result = z.output<typeof benchIdleShape>;

/** Linux counts processor time in hundredths of a second, whatever the kernel's own tick is. */
const TICKS_PER_SECOND = 100;
/** The founding has to be over, and what it left in memory collected, which V8 does some 25 s later. */
const SETTLE_MS = 40_000;

interface Cost {
  readonly id: string;
  readonly cpu_percent: number;
  readonly pss_mb: number;
  readonly rss_mb: number;
}

async function measure(bench: Bench): Promise<Result> {
  const seconds = wholeNumber(bench.flags, "seconds", 1);
  const cluster = await formCluster(bench);
  await pause(SETTLE_MS, bench.signal);
  const sidecars = cluster.plan.nodes.flatMap(({ id }) => {
    const pid = cluster.pidOf(id);
    return pid === null ? [] : [{ id, pid }];
  });
  const before = await Promise.all(sidecars.map(({ pid }) => cpuSeconds(pid)));
  const startedAt = performance.now();
  bench.say(`measuring for ${seconds} s`);
  await pause(seconds * 1000, bench.signal);
  const costs: Cost[] = [];
  for (const [index, { id, pid }] of sidecars.entries()) {
    const used = (await cpuSeconds(pid)) - (before[index] ?? 0);
    const elapsed = (performance.now() - startedAt) / 1000;
    costs.push({ id, cpu_percent: rounded((used / elapsed) * 100, 2), ...(await memory(pid)) });
  }
  return {
    schema: "quorate.bench/1",
    bench: "idle",
    machine: describeMachine(bench.binaries),
    settings: { nodes: cluster.plan.nodes.length, seconds },
    sidecars: costs,
    summary: {
      cpu_percent: Math.max(...costs.map(({ cpu_percent }) => cpu_percent)),
      pss_mb: Math.max(...costs.map(({ pss_mb }) => pss_mb)),
    },
  };
}

/** User and system time, its finished children's not included. */
async function cpuSeconds(pid: number): Promise<number> {
  const stat = await readFile(`/proc/${pid}/stat`, "latin1");
  // The second field is the command in parentheses and may hold blanks; user time is the 14th, system time the 15th.
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND;
}

/** The share that is a process' own: what several sidecars of one machine share is divided among them. */
async function memory(pid: number): Promise<{ readonly pss_mb: number; readonly rss_mb: number }> {
  const text = await readFile(`/proc/${pid}/smaps_rollup`, "latin1");
  const megabytes = (name: string) => {
    const kilobytes = new RegExp(`^${name}:\\s+(\\d+) kB`, "m").exec(text)?.[1];
    return rounded(Number(kilobytes) / 1024, 1);
  };
  return { pss_mb: megabytes("Pss"), rss_mb: megabytes("Rss") };
}

function render({ summary }: Result): string {
  return `one idle sidecar: ${summary.cpu_percent} % of a core, ${summary.pss_mb} MB`;
}

await runBench({ seconds: "60" }, measure, render);
