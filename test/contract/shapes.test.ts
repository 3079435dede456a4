import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import type { z } from "zod";
import { explainShape, historyShape, watchShape } from "../../src/cli/insight_schemas.js";
import {
  benchCommitShape,
  benchFailoverShape,
  benchIdleShape,
  configShape,
  demoShape,
  ledgerLineShape,
  mutantsShape,
  simShape,
  statusShape,
  tlsShape,
  versionShape,
} from "../../src/cli/schemas.js";
import { cli } from "../cli/cli_run.js";
import { tempDir } from "../temp_dir.js";

/** Before the cluster exists: what the contract says is null then. */
const STATUS = {
  schema: "quorate.status/1",
  cluster: "shop",
  system_identifier: null,
  term: null,
  leader: null,
  established: false,
  paused: false,
  quorum_lsn: null,
  ruleset: null,
  enforced_by: null,
  survives: [],
  nodes: [
    {
      id: "n1",
      role: "none",
      reachable: false,
      postgres: null,
      version: null,
      host: "10.0.0.1",
      port: 5432,
      labels: {},
      term: null,
      timeline: null,
      promise: null,
      flush_lsn: null,
      replay_lsn: null,
      lag_bytes: null,
      ack_age_ms: null,
      seen_age_ms: null,
      voter: false,
      eligible: true,
      why_not: "never heard of",
      sidecar_pid: null,
      postmaster_pid: null,
      data_dir: "/d/1",
    },
  ],
  blocked: { code: "bootstrap_waits", reason: "n2 is missing", missing: ["n2"], next_step: "start n2" },
  uri: null,
};

const HEALTHY = {
  ...STATUS,
  system_identifier: "7301234567890123456",
  term: 2,
  leader: "n1",
  established: true,
  quorum_lsn: "0/3000060",
  ruleset: { number: [2, 0], decided: true, policy: "majority", cohort: ["n1", "n2", "n3"] },
  enforced_by: "native",
  survives: [["n1"], ["n2"], ["n3"]],
  blocked: null,
  uri: "postgresql://10.0.0.1:5432,10.0.0.2:5432/postgres?target_session_attrs=read-write",
};

const PHASES = { detect_ms: 10, recruit_ms: 20, promote_ms: 30, establish_ms: 5 };
const DEMO = {
  schema: "quorate.demo/1",
  ok: true,
  dir: "/tmp/d",
  config: "/tmp/d/quorate.yaml",
  uri: "postgresql://127.0.0.1:5001/postgres",
  ledger: "/tmp/d/ledger",
  postgres: { version: "18.4", source: "npm" },
  nodes: [
    {
      id: "n1",
      pg_port: 5001,
      port: 7001,
      http_port: 8001,
      sidecar_pid: 11,
      postmaster_pid: 12,
      data_dir: "/tmp/d/n1",
    },
  ],
  writer: { acked: 100, refused: 2, unknown: 1 },
  failover: {
    fault: "postmaster",
    old_leader: "n1",
    new_leader: "n2",
    term: 3,
    timeline: 3,
    outage_ms: 65,
    phases: PHASES,
  },
  rejoin: { node: "n1", method: "clone", ms: 1500 },
  verify: { lost: 0, duplicated: 0, phantom: 0, nodes: [{ id: "n1", rows: 101 }] },
  left_behind: [],
};

const BENCH = { schema: "quorate.bench/1", machine: { cpus: 2, node: "20.20.2", postgres: "18.4" }, settings: {} };
const FAILOVER = {
  ...BENCH,
  bench: "failover",
  trials: [{ fault: "node", outage_ms: 1900, phases: PHASES, acked: 10, lost: 0, term: 3 }],
  summary: { node: { n: 1, median_ms: 1900, p90_ms: 1900, max_ms: 1900, lost: 0, stuck: 0 } },
};
const COMMIT = {
  ...BENCH,
  bench: "commit",
  pairs: [{ clients: 8, baseline_tps: 1000, tps: 990 }],
  summary: { "8": { ratio: 0.99, ci95: [0.97, 1.01] } },
};

const TERM = {
  ...{ term: 3, leader: "n2", at: "2026-01-01T00:00:00.000Z", ended_at: null, lsn: "0/3000060", established: true },
  ...{ cause: "n1 was silent", founding: false, coordinator: "n3", recruited: ["n2", "n3"], started_unix_ms: 1 },
  ...{ phases: PHASES, changes: [] },
};
const EXPLANATION = {
  ...{ schema: "quorate.explain/1", cluster: "shop", state: "healthy", leader: "n1", term: 2, writable: true },
  ...{ summary: "n1 leads", reasons: [], missing: [], enough: [], next_step: null },
  ...{ may_die: { without_pause: [["n2"]], with_failover: [["n1"]] }, nodes: [{ id: "n1", answers: true, says: "-" }] },
};

const SAMPLES: readonly (readonly [string, z.ZodType, object])[] = [
  ["status before the cluster exists", statusShape, STATUS],
  ["status of a healthy cluster", statusShape, HEALTHY],
  ["a line of watch", watchShape, { ...HEALTHY, at: "2026-01-01T00:00:00.000Z", silent: [] }],
  ["history", historyShape, { schema: "quorate.history/1", cluster: "shop", node: "n1", terms: [TERM] }],
  ["explain", explainShape, EXPLANATION],
  ["demo", demoShape, DEMO],
  ["demo that failed early", demoShape, { ...DEMO, ok: false, failover: null, rejoin: null, verify: null }],
  ["ledger line", ledgerLineShape, { n: 1, outcome: "acked", at_ms: 12.5 }],
  ["bench failover", benchFailoverShape, FAILOVER],
  ["bench commit", benchCommitShape, COMMIT],
  ["bench idle", benchIdleShape, { ...BENCH, bench: "idle", summary: { cpu_percent: 0.3, pss_mb: 51 } }],
  [
    "sim",
    simShape,
    {
      schema: "quorate.sim/1",
      seeds: 1,
      violations: 0,
      seeds_per_s: 1,
      events_per_s: 1,
      marks_listed: 1,
      marks_hit: 1,
    },
  ],
  ["mutants", mutantsShape, { schema: "quorate.mutants/1", mutants: [{ name: "m", killed: true, by: "seed 1" }] }],
];

describe("the published shapes", () => {
  test.each(SAMPLES)("%s fits, with fields added, and with none removed or renamed", (_what, shape, sample) => {
    expect(shape.safeParse(sample).error?.issues).toBeUndefined();
    expect(shape.safeParse({ ...sample, added_later: 1 }).success).toBe(true);
    for (const key of Object.keys(sample)) {
      const { [key]: _removed, ...rest } = sample as Record<string, unknown>;
      expect(shape.safeParse(rest).success, `without ${key}`).toBe(false);
    }
  });

  test.each([
    ["an LSN that is a number", statusShape, { ...HEALTHY, quorum_lsn: 50331744 }],
    [
      "a system identifier that lost digits as a number",
      statusShape,
      { ...HEALTHY, system_identifier: 7301234567890123000 },
    ],
    ["a role of Postgres' own words", statusShape, { ...HEALTHY, nodes: [{ ...HEALTHY.nodes[0], role: "primary" }] }],
    ["a demo that is ok but verified nothing", demoShape, { ...DEMO, verify: null }],
    ["a fault that does not exist", benchFailoverShape, { ...FAILOVER, summary: { meteor: FAILOVER.summary.node } }],
  ] as const)("%s does not fit", (_what, shape, sample) => {
    expect(shape.safeParse(sample).success).toBe(false);
  });
});

describe("what the program prints", () => {
  test("tls init", async () => {
    const file = join(await tempDir(), "quorate.yaml");
    await writeFile(
      file,
      "cluster: shop\nnodes: { n1: { host: 10.0.0.1 }, n2: { host: 10.0.0.2 } }\npolicy: majority\ninsecure: true\n",
    );
    tlsShape.parse(JSON.parse((await cli(["tls", "init", "-c", file, "-o", "json"])).stdout));
  });

  test("version", async () => {
    versionShape.parse(JSON.parse((await cli(["version", "-o", "json"])).stdout));
  });

  test("config check, right and wrong", async () => {
    const file = join(await tempDir(), "quorate.yaml");
    const text =
      "cluster: shop\nnodes: { n1: { host: 10.0.0.1 }, n2: { host: 10.0.0.2 }, n3: { host: 10.0.0.3 } }\npolicy: majority\n";
    await writeFile(file, text);
    const wrong = configShape.parse(JSON.parse((await cli(["config", "check", file, "-o", "json"])).stdout));
    await writeFile(file, `${text}insecure: true\n`);
    const right = configShape.parse(JSON.parse((await cli(["config", "check", file, "-o", "json"])).stdout));
    expect([wrong.ok, right.ok]).toEqual([false, true]);
  });
});
