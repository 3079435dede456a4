import { subsetsOfSize } from "../../src/core/quorum/sufficiency.js";
import type { PerLeaderPolicy, Policy } from "../../src/core/ruleset/ruleset.js";
import { Rng } from "./prng.js";

/** Raised when the same seed would no longer draw the same run: kept seeds name the version they failed under. */
export const CONFIG_VERSION = 5;

/** Chances are out of a million, times in microseconds of virtual time, ranges inclusive. */
export interface SimConfig {
  readonly version: number;
  readonly seed: number;
  /** Machines; the first so many of them found the cluster, the others are in no ruleset until somebody asks for them. */
  readonly nodes: number;
  readonly founders: number;
  /** Whether nodes that no ruleset names are let in, and wiped ones are put back by the leader. */
  readonly admitObservers: boolean;
  /** How often an operator asks for other rules. */
  readonly changes: number;
  readonly zones: readonly string[];
  readonly policy: Policy;
  readonly detectMs: number;
  /** Whether the cluster is founded in peace before anything goes wrong. */
  readonly founded: boolean;
  /** How long faults go on before the run is healed. */
  readonly chaosUs: number;
  readonly latencyUs: readonly [number, number];
  readonly spikes: number;
  readonly spikeUs: number;
  readonly loss: number;
  readonly duplicates: number;
  /** A message that comes again does so this much later, at most. */
  readonly duplicateWithinUs: number;
  readonly persistUs: readonly [number, number];
  readonly persistSlow: number;
  readonly persistFails: number;
  readonly flushUs: readonly [number, number];
  readonly replayUs: readonly [number, number];
  readonly replayStalls: number;
  readonly operationFails: number;
  readonly operationSlow: number;
  readonly promoteSwallowed: number;
  /** Whether a diverged follower that dials is let in and counted (POSTGRES.md trap 1), out of a million dials. */
  readonly falseAcks: number;
  /** Whether a standby serves those who dial it. */
  readonly cascades: number;
  /** Never drawn: a world in which followers stream without slots, so that a name may count twice (trap 17). */
  readonly slotless: boolean;
  /** Names reach a walsender this late after the reload (trap 15). */
  readonly namesLateUs: number;
  /** Clock rates differ by up to so many parts of a million. */
  readonly clockDriftPpm: number;
  /** Actions of each kind in the schedule. */
  readonly faults: Readonly<Record<FaultKind, number>>;
  readonly writes: number;
  readonly reads: number;
  /** Whether the nodes hold leases: only then I8 is demanded. */
  readonly leases: boolean;
  /** Whether leaders watch the progress of their quorum. */
  readonly progress: boolean;
  /** `beyond` the bound that leases stand on (DESIGN 7), I8 is not demanded; everything else is. */
  readonly clocks: "within" | "beyond";
  /** From so long after the faults began a sidecar that starts has this `detect`; 0: it stays what it was. */
  readonly loweredDetectMs: number;
  readonly loweredAfterUs: number;
  /** Founders without a Postgres, as bits. */
  readonly witnesses: number;
  /** How much data each node holds, as far as its adapter says: a diverged one with much of it is rewound. 0: not said. */
  readonly dataBytes: number;
  /** Scenes that chance alone would seldom play (scenes.ts). */
  readonly scenes: readonly SceneKind[];
  /** At the end: heal a core that satisfies the policy, or (the reverse) one that does not, and then the whole. */
  readonly ending: "core" | "too_few";
}

/** What a seed draws a handful of. */
const SWARM_KINDS = [
  "machine_dies",
  "sidecar_dies",
  "postgres_dies",
  "dies_at_effect",
  "pause",
  "pause_sidecar",
  "cut",
  "cut_wal",
  "cut_sidecars",
  "isolate",
  "split",
  "flap",
  "clog",
  "slow",
  "disk_hangs",
  "disk_fails",
  "replay_stalls",
  "shutdown",
  "all_die",
  "data_lost",
  "wiped",
  "state_torn",
  "restored",
  "cancel",
  "slot_lost",
] as const;

/** What only seeds with leases draw: what leases stand on. */
const LEASE_KINDS = ["suspend", "pause_postgres", "clock_jump"] as const;

/** A sidecar that is restarted on purpose, its Postgres going on: drawn on top, and for more seeds than the others. */
const ON_PURPOSE = ["sidecar_leaves"] as const;

export const FAULT_KINDS = [...SWARM_KINDS, ...LEASE_KINDS, ...ON_PURPOSE] as const;
export type FaultKind = (typeof FAULT_KINDS)[number];

const LEASE_SCENES = [
  "leader_cut_off",
  "leader_frozen",
  "leader_suspended",
  "sidecar_frozen",
  "sidecar_killed",
  "postmaster_killed",
  "granter_restarts",
  "disk_hangs_with_a_fence_due",
] as const;
/** Several actions that belong together (scenes.ts). */
export type SceneKind =
  | (typeof LEASE_SCENES)[number]
  | "detect_lowered"
  | "newest_on_a_witness"
  | "newest_on_an_ineligible"
  | "diverged_comes_back";

const MACHINES_MAX = 7;

/** Two clocks this far off in opposite directions keep the bound of src/core/lease/bounds.ts: 1000 ppm. */
const CLOCK_PPM_MAX = 499;

/** How many of each kind a seed that draws the kind has at most. */
const MOST: Readonly<Record<FaultKind, number>> = {
  machine_dies: 6,
  sidecar_dies: 6,
  postgres_dies: 6,
  dies_at_effect: 8,
  pause: 5,
  pause_sidecar: 4,
  cut: 8,
  cut_wal: 6,
  cut_sidecars: 6,
  isolate: 5,
  split: 4,
  flap: 3,
  clog: 6,
  slow: 4,
  disk_hangs: 4,
  disk_fails: 3,
  replay_stalls: 4,
  shutdown: 3,
  all_die: 2,
  data_lost: 1,
  wiped: 1,
  state_torn: 1,
  restored: 1,
  cancel: 6,
  slot_lost: 2,
  suspend: 4,
  pause_postgres: 4,
  clock_jump: 4,
  sidecar_leaves: 6,
};

/** Kinds that take a vote away for good: rarer, or most runs would end with nobody able to lead. */
const LASTING: ReadonlySet<FaultKind> = new Set(["data_lost", "wiped", "state_torn", "restored"]);

function policyFor(rng: Rng, nodes: number): Policy {
  if (rng.below(3) === 0) return { kind: "majority" };
  // One copy would be the leader's own: no setting enforces it, so nobody may configure it.
  return { kind: "at_least", copies: rng.between(2, nodes) };
}

/** Now and then each leader has quorums of its own: any so many of some followers, which is what Postgres can be told. */
function perLeader(seed: number, nodes: number): PerLeaderPolicy | null {
  const rng = new Rng(seed, "quorums per leader");
  if (rng.below(6) !== 0) return null;
  const ids = Array.from({ length: nodes }, (_, i) => `n${i + 1}`);
  const quorums = ids.map((leader) => {
    const some = ids.filter((id) => id !== leader && rng.below(3) !== 0);
    const followers = some.length > 0 ? some : ids.filter((id) => id !== leader).slice(0, 1);
    return [leader, subsetsOfSize(followers, rng.between(1, followers.length))] as const;
  });
  return { kind: "per_leader", quorums: Object.fromEntries(quorums) };
}

/** Swarm: a handful of kinds in each run and none of the others, so that those present can do their work. */
function faultsFor(rng: Rng): Record<FaultKind, number> {
  const faults = Object.fromEntries(FAULT_KINDS.map((kind) => [kind, 0])) as Record<FaultKind, number>;
  for (let i = rng.between(2, 7); i > 0; i--) {
    const kind = rng.pick(SWARM_KINDS);
    if (LASTING.has(kind) && rng.below(3) !== 0) continue;
    faults[kind] = rng.between(1, MOST[kind]);
  }
  return faults;
}

/** A rate that is zero in most seeds. */
function rare(rng: Rng, odds: number, most: number): number {
  return rng.below(odds) === 0 ? rng.between(1, most) : 0;
}

/** What is drawn on top, by generators of its own: a seed without leases and witnesses is the seed that it was. */
export function drawConfig(seed: number): SimConfig {
  return withData(withRestarts(withWitnesses(withLeases(withQuorumsPerLeader(drawBase(seed))))));
}

/** In a third of the seeds sidecars are restarted while their Postgres goes on. */
function withRestarts(config: SimConfig): SimConfig {
  const rng = new Rng(config.seed, "restarts");
  if (rng.below(3) !== 0) return config;
  const faults = { ...config.faults, sidecar_leaves: rng.between(1, MOST.sidecar_leaves) };
  if (rng.below(2) === 0) faults.sidecar_dies = Math.max(faults.sidecar_dies, rng.between(1, MOST.sidecar_dies));
  return { ...config, faults };
}

/** Before there were leases, witnesses and scenes. */
export const NOTHING_MORE = {
  ...{ leases: false, progress: false, clocks: "within", witnesses: 0, scenes: [] },
  ...{ loweredDetectMs: 0, loweredAfterUs: 0, dataBytes: 0 },
} as const satisfies Partial<SimConfig>;

function withLeases(config: SimConfig): SimConfig {
  const rng = new Rng(config.seed, "leases");
  if (rng.below(3) !== 0) return config;
  // With less there are none.
  const detectMs = rng.pick([1000, 1000, 1500, 3000]);
  const longer = detectMs / config.detectMs;
  const clocks = rng.below(6) === 0 ? "beyond" : "within";
  const faults = { ...config.faults };
  for (const kind of LEASE_KINDS) {
    if (kind === "clock_jump" && clocks === "within") continue;
    if (rng.below(3) === 0) faults[kind] = rng.between(1, MOST[kind]);
  }
  const scenes = Array.from({ length: rng.between(0, 3) }, () => rng.pick(LEASE_SCENES));
  const lowered = detectMs === 3000 && rng.below(2) === 0;
  const chaosUs = Math.floor(config.chaosUs * longer);
  return {
    ...{ ...config, detectMs, chaosUs, clocks, faults, leases: true, progress: config.progress || rng.below(2) === 0 },
    loweredDetectMs: lowered ? 1000 : 0,
    loweredAfterUs: lowered ? rng.below(chaosUs) : 0,
    scenes: lowered ? [...scenes, "detect_lowered"] : scenes,
    spikeUs: Math.floor(config.spikeUs * longer),
    duplicateWithinUs: Math.floor(config.duplicateWithinUs * longer),
    clockDriftPpm: clocks === "beyond" ? rng.pick([100_000, 300_000]) : rng.pick([0, 100, CLOCK_PPM_MAX]),
  };
}

/** Founders that keep WAL and never lead, and scenes after which one of them alone has the newest log. */
function withWitnesses(config: SimConfig): SimConfig {
  const rng = new Rng(config.seed, "witnesses");
  const kind = rng.pick(["none", "none", "none", "none", "witnesses", "witnesses", "ineligible"] as const);
  if (kind === "none" || config.policy.kind === "per_leader") return config;
  const { founders } = config;
  let witnesses = 0;
  const most = Math.max(1, founders - 2);
  if (kind === "witnesses") for (let i = rng.between(1, most); i > 0; i--) witnesses |= 1 << rng.below(founders);
  const policy: Policy = rng.below(2) === 0 ? { kind: "at_least", copies: 2 } : config.policy;
  const scene = kind === "witnesses" ? "newest_on_a_witness" : "newest_on_an_ineligible";
  const scenes = [...config.scenes, ...Array.from({ length: rng.between(1, 2) }, () => scene as SceneKind)];
  return { ...config, witnesses, policy, scenes };
}

/** In half of the seeds an adapter knows a rewind, and mostly there is so much data that it is the quicker way. */
function withData(config: SimConfig): SimConfig {
  const rng = new Rng(config.seed, "data");
  if (rng.below(2) === 0) return config;
  const dataBytes = rng.pick([2 ** 24, 2 ** 34, 2 ** 34, 2 ** 34]);
  if (rng.below(2) === 0) return { ...config, dataBytes };
  // Long enough for another leader, its checkpoint, and the rewind itself.
  const chaosUs = config.chaosUs + 4_000_000;
  return { ...config, dataBytes, chaosUs, scenes: [...config.scenes, "diverged_comes_back"] };
}

/** Where quorums differ from leader to leader, another one may go on where this one cannot: I9 asks for it. */
function withQuorumsPerLeader(config: SimConfig): SimConfig {
  const policy = perLeader(config.seed, config.founders);
  return policy === null ? config : { ...config, policy, progress: true };
}

function drawBase(seed: number): SimConfig {
  const rng = new Rng(seed, "config");
  const operators = new Rng(seed, "operators");
  const founders = rng.pick([3, 3, 3, 4, 4, 5, 5, 6]);
  const nodes = Math.min(MACHINES_MAX, founders + operators.pick([0, 0, 0, 1, 1, 2, 3]));
  const zoneCount = rng.between(1, 3);
  const detectMs = rng.pick([300, 300, 300, 600, 1000]);
  const quick = rng.between(50, 500);
  return {
    version: CONFIG_VERSION,
    seed,
    nodes,
    founders,
    admitObservers: operators.below(4) !== 0,
    changes: operators.below(2) === 0 ? 0 : operators.between(1, 8),
    zones: Array.from({ length: nodes }, (_, i) => "abc"[i % zoneCount] ?? "a"),
    policy: policyFor(rng, founders),
    detectMs,
    founded: rng.below(8) !== 0,
    chaosUs: detectMs * 1000 * rng.between(6, 16),
    latencyUs: [quick, quick + rng.pick([100, 2_000, 20_000])],
    spikes: rare(rng, 3, 50_000),
    spikeUs: detectMs * 1000 * 2,
    loss: rare(rng, 3, 300_000),
    duplicates: rare(rng, 2, 300_000),
    duplicateWithinUs: detectMs * 1000 * rng.pick([1, 4, 16]),
    persistUs: [rng.pick([100, 500]), rng.pick([700, 3_000, 30_000])],
    persistSlow: rare(rng, 4, 100_000),
    persistFails: rare(rng, 8, 5_000),
    flushUs: [100, rng.pick([500, 5_000, 50_000])],
    replayUs: [50, rng.pick([500, 20_000, 200_000])],
    replayStalls: rare(rng, 4, 100_000),
    operationFails: rare(rng, 3, 80_000),
    operationSlow: rare(rng, 3, 100_000),
    promoteSwallowed: rare(rng, 3, 300_000),
    falseAcks: rng.pick([0, 500_000, 1_000_000]),
    cascades: rng.pick([0, 0, 1_000_000]),
    slotless: false,
    namesLateUs: rng.pick([2_000, 22_000, 240_000]),
    clockDriftPpm: rng.pick([0, 100, 1_000]),
    faults: faultsFor(rng),
    writes: rng.between(20, 80),
    reads: rng.between(0, 20),
    ...NOTHING_MORE,
    ending: rng.below(5) === 0 ? "too_few" : "core",
  };
}
