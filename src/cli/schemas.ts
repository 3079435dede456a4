import { z } from "zod";

/*
 * The JSON that scripts and dashboards may rely on. Objects are loose: fields may be added, none is
 * renamed or removed. What is null is not known, or does not exist yet; it is never left out.
 */

const id = z.string().regex(/^[a-z][a-z0-9-]{0,39}$/);
const lsn = z.string().regex(/^[0-9A-F]{1,8}\/[0-9A-F]{1,8}$/);
const count = z.number().int().nonnegative();
const ms = z.number().nonnegative();
const port = z.number().int().min(1).max(65535);
const pid = z.number().int().positive();

/** What the shapes of other files are made of. */
export const parts = { id, lsn, count, ms };

export const pendingSetting = z.looseObject({ name: z.string(), from: z.string(), to: z.string() });

const policy = z.union([z.literal("majority"), z.looseObject({ at_least: count })]);

export const versionShape = z.looseObject({
  schema: z.literal("quorate.version/1"),
  version: z.string(),
  node: z.string(),
});

const problem = z.looseObject({ file: z.string(), line: count, column: count, path: z.string(), message: z.string() });

export const configShape = z.discriminatedUnion("ok", [
  z.looseObject({ schema: z.literal("quorate.config/1"), ok: z.literal(false), problems: z.array(problem).min(1) }),
  z.looseObject({
    schema: z.literal("quorate.config/1"),
    ok: z.literal(true),
    file: z.string(),
    cluster: z.string(),
    policy,
    tolerance: z.looseObject({ copies: count, commits_survive: count, failover_survives: count }),
    insecure: z.boolean(),
    /** The cluster exists: nobody founds another one. */
    founded: z.boolean().optional(),
    timings: z.looseObject({
      detect_ms: ms,
      heartbeat_ms: ms,
      rpc_deadline_ms: ms,
      persist_deadline_ms: ms,
      recruit_deadline_ms: ms,
      /** 0: `detect` is too short for leases. */
      lease_ms: ms,
      lease_renew_ms: ms,
      lease_fence_ms: ms,
    }),
    /** What follows from `detect`; null where there are no leases. */
    bounds: z.looseObject({
      suspected_ms: ms,
      last_coordinator_ms: ms,
      stalled_leader_yields_ms: ms,
      isolated_leader_fenced_ms: ms.nullable(),
      old_lease_over_ms: ms.nullable(),
      clock_ratio_max: z.number().nullable(),
      stale_reads_ms: ms.nullable(),
      stale_reads_after_thaw_ms: ms.nullable(),
      stale_reads_after_suspension_ms: ms.nullable(),
    }),
    nodes: z.array(z.looseObject({ id, host: z.string(), port, data_dir: z.string() })),
    warnings: z.array(problem),
  }),
]);

const statusNode = z.looseObject({
  id,
  role: z.enum(["leader", "follower", "observer", "witness", "none"]),
  reachable: z.boolean(),
  /** Null while nobody has heard of it. */
  postgres: z.enum(["running", "starting", "stopped", "cloning", "rewinding", "failed"]).nullable(),
  version: z.string().nullable(),
  host: z.string(),
  port,
  labels: z.record(z.string(), z.string()),
  term: count.nullable(),
  timeline: count.nullable(),
  promise: count.nullable(),
  flush_lsn: lsn.nullable(),
  replay_lsn: lsn.nullable(),
  lag_bytes: count.nullable(),
  ack_age_ms: ms.nullable(),
  seen_age_ms: ms.nullable(),
  voter: z.boolean(),
  eligible: z.boolean(),
  why_not: z.string().nullable(),
  sidecar_pid: pid.nullable(),
  postmaster_pid: pid.nullable(),
  data_dir: z.string(),
  /** Settings that its Postgres takes up with its next start; null while that is not known. */
  pending_restart: z.array(pendingSetting).nullable().optional(),
  /** Written somewhere, and not what a restart would bring either. */
  held_settings: z
    .array(z.looseObject({ name: z.string(), wanted: z.string(), runs: z.string(), why: z.string() }))
    .nullable()
    .optional(),
  /** Of whom it would found a cluster, were they all empty; null: it founds none, or that is not known. */
  founds: z.array(id).nullable().optional(),
});

/** `quorate status -o json` */
export const statusShape = z.looseObject({
  schema: z.literal("quorate.status/1"),
  cluster: z.string(),
  /** 64 bits: more than a JSON number can carry. */
  system_identifier: z.string().regex(/^\d+$/).nullable(),
  term: count.nullable(),
  leader: id.nullable(),
  established: z.boolean(),
  paused: z.boolean(),
  quorum_lsn: lsn.nullable(),
  ruleset: z
    .looseObject({ number: z.tuple([count, count]), decided: z.boolean(), policy, cohort: z.array(id) })
    .nullable(),
  enforced_by: z.enum(["native", "relay"]).nullable(),
  /** Each set of nodes whose loss leaves a cluster that can go on by itself. */
  survives: z.array(z.array(id)),
  /** What Postgres was told to wait for; not `exact`: stricter than the rules, as long as a change of them lasts. */
  enforced: z.looseObject({ names: z.string(), exact: z.boolean() }).nullable().optional(),
  /** A change of the rules under way. */
  change: z
    .looseObject({
      stage: z.string(),
      number: z.tuple([count, count]).nullable(),
      cause: z.string(),
      cohort: z.array(id),
      waits_for: z.string().nullable(),
    })
    .nullable()
    .optional(),
  /** Each set of followers whose loss would not even make a commit wait. */
  spare: z.array(z.array(id)).optional(),
  nodes: z.array(statusNode),
  /**
   * Of the leader, as it says itself; null elsewhere and without leases. `left_ms`: how long it may serve if no follower
   * grants it anything more, null for ever; `lacks`: followers that have granted it nothing lately.
   */
  lease: z
    .looseObject({ left_ms: ms.nullable(), lacks: z.array(id) })
    .nullable()
    .optional(),
  /** What a restore to a point in time names; null while nobody is established. */
  timeline: z.looseObject({ id: count, parent: count.nullable(), switch_lsn: lsn.nullable() }).nullable().optional(),
  blocked: z
    .looseObject({
      code: z.string(),
      reason: z.string(),
      missing: z.array(id),
      next_step: z.string(),
      /** Each of these sets would be enough, if it came back; sidecars of the first version do not say. */
      enough: z.array(z.array(id)).optional(),
    })
    .nullable(),
  uri: z.string().startsWith("postgresql://").nullable(),
  /** What works today and will not for ever, as certificates that expire; absent where nobody looked. */
  warnings: z.array(z.string()).optional(),
});

const day = z.string().regex(/^\d{4}-\d{2}-\d{2}$/);

/** `quorate tls init -o json` */
export const tlsShape = z.looseObject({
  schema: z.literal("quorate.tls/1"),
  cluster: z.string(),
  dir: z.string(),
  ca: z.looseObject({ cert: z.string(), key: z.string(), written: z.boolean(), until: day }),
  /** `node` is null for an administrator's. */
  certificates: z.array(z.looseObject({ node: id.nullable(), folder: z.string(), written: z.boolean(), until: day })),
});

const phases = z.looseObject({ detect_ms: ms, recruit_ms: ms, promote_ms: ms, establish_ms: ms });
const fault = z.enum(["postmaster", "node"]);
/** The demo only kills. */
const benchFault = z.enum(["postmaster", "node", "switchover"]);

/** `quorate demo -o json`; parts that a failed demo never reached are null, and then `ok` is false. */
export const demoShape = z
  .looseObject({
    schema: z.literal("quorate.demo/1"),
    ok: z.boolean(),
    dir: z.string(),
    config: z.string(),
    uri: z.string().nullable(),
    ledger: z.string(),
    postgres: z.looseObject({ version: z.string(), source: z.string() }).nullable(),
    nodes: z.array(
      z.looseObject({
        id,
        pg_port: port,
        port,
        http_port: port,
        sidecar_pid: pid.nullable(),
        postmaster_pid: pid.nullable(),
        data_dir: z.string(),
      }),
    ),
    writer: z.looseObject({ acked: count, refused: count, unknown: count }),
    failover: z
      .looseObject({ fault, old_leader: id, new_leader: id, term: count, timeline: count, outage_ms: ms, phases })
      .nullable(),
    rejoin: z.looseObject({ node: id, method: z.enum(["stream", "rewind", "clone"]), ms }).nullable(),
    verify: z
      .looseObject({
        lost: count,
        duplicated: count,
        phantom: count,
        nodes: z.array(z.looseObject({ id, rows: count })),
      })
      .nullable(),
    left_behind: z.array(z.string()),
  })
  .refine(({ ok, failover, rejoin, verify }) => !ok || (failover !== null && rejoin !== null && verify !== null), {
    message: "a demo that is ok has done everything",
  });

/** One line of the demo's ledger. */
export const ledgerLineShape = z.looseObject({ n: count, outcome: z.enum(["acked", "refused", "unknown"]), at_ms: ms });

const bench = {
  schema: z.literal("quorate.bench/1"),
  machine: z.looseObject({ cpus: count, node: z.string(), postgres: z.string() }),
  settings: z.looseObject({}),
};

export const benchFailoverShape = z.looseObject({
  ...bench,
  bench: z.literal("failover"),
  trials: z.array(
    z.looseObject({
      fault: benchFault,
      /** Null for a trial that got stuck. */
      outage_ms: ms.nullable(),
      /** Of a switchover: from the old leader's last acknowledgement, which comes after the order. */
      unserved_ms: ms.nullable().optional(),
      phases: phases.nullable(),
      acked: count,
      lost: count,
      term: count.nullable(),
    }),
  ),
  summary: z.partialRecord(
    benchFault,
    z.looseObject({
      n: count,
      median_ms: ms.nullable(),
      /** Null for what kills: there the outage begins with the fault. */
      unserved_median_ms: ms.nullable().optional(),
      p90_ms: ms.nullable(),
      max_ms: ms.nullable(),
      lost: count,
      stuck: count,
    }),
  ),
});

export const benchCommitShape = z.looseObject({
  ...bench,
  bench: z.literal("commit"),
  pairs: z.array(z.looseObject({ clients: count, baseline_tps: z.number(), tps: z.number() })),
  summary: z.record(
    z.string().regex(/^\d+$/),
    z.looseObject({ ratio: z.number(), ci95: z.tuple([z.number(), z.number()]) }),
  ),
});

export const benchIdleShape = z.looseObject({
  ...bench,
  bench: z.literal("idle"),
  summary: z.looseObject({ cpu_percent: z.number().nonnegative(), pss_mb: z.number().nonnegative() }),
});

export const simShape = z.looseObject({
  schema: z.literal("quorate.sim/1"),
  seeds: count,
  violations: count,
  seeds_per_s: z.number(),
  events_per_s: z.number(),
  marks_listed: count,
  marks_hit: count,
});

export const mutantsShape = z.looseObject({
  schema: z.literal("quorate.mutants/1"),
  mutants: z.array(z.looseObject({ name: z.string(), killed: z.boolean(), by: z.string().nullable() })),
});

export type StatusJson = z.infer<typeof statusShape>;
export type DemoJson = z.infer<typeof demoShape>;
export type BenchFailoverJson = z.infer<typeof benchFailoverShape>;
export type BenchCommitJson = z.infer<typeof benchCommitShape>;
export type BenchIdleJson = z.infer<typeof benchIdleShape>;
