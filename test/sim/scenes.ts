import type { Action } from "./action.js";
import { LEADER } from "./action.js";
import type { SceneKind, SimConfig } from "./config.js";
import { Rng } from "./prng.js";

/** What the sentence under test is about, and chance seldom plays: actions that belong together. */
export function drawScenes(config: SimConfig): Action[] {
  const rng = new Rng(config.seed, "scenes");
  return config.scenes.flatMap((kind) => drawScene(kind, rng, config));
}

function drawScene(kind: SceneKind, rng: Rng, config: SimConfig): Action[] {
  const { chaosUs, nodes, detectMs } = config;
  const detectUs = detectMs * 1000;
  // The faults must not be over before the scene is.
  const at = rng.below(Math.floor((chaosUs * 2) / 3));
  const forUs = detectUs * rng.between(1, 5);
  const node = LEADER;
  const all = 2 ** nodes - 1;
  switch (kind) {
    case "leader_cut_off":
      return [
        ...isolation(at, forUs, all),
        ...reads(at, forUs, rng),
        // Now and then its rules are about to change meanwhile.
        ...(rng.below(3) === 0 ? [change(rng, Math.max(0, at - rng.below(detectUs)))] : []),
      ];
    case "leader_frozen":
      return [{ at, kind: "pause", node, forUs }, ...reads(at, forUs, rng)];
    case "leader_suspended":
      return [
        { at, kind: "suspend", node, forUs },
        ...reads(at, forUs, rng),
        // Now and then nobody tells it, when it goes on, what happened meanwhile.
        ...(rng.below(2) === 0 ? isolation(at, forUs + 2 * detectUs, all) : []),
      ];
    case "sidecar_frozen":
      return [{ at, kind: "pause_sidecar", node, forUs }, ...reads(at, forUs, rng)];
    case "sidecar_killed":
      return [{ at, kind: "sidecar_dies", node, forUs }, ...reads(at, forUs, rng)];
    case "postmaster_killed":
      return [{ at, kind: "postgres_dies", node, forUs }];
    case "granter_restarts": {
      const granter = rng.below(nodes);
      return [...isolation(at, forUs, all), { at: at + 1_000, kind: "sidecar_dies", node: granter, forUs: 10_000 }];
    }
    case "disk_hangs_with_a_fence_due":
      return [...isolation(at, forUs, all), { at: at + rng.below(detectUs), kind: "disk_hangs", node, forUs }];
    case "detect_lowered":
      // One after the other, the leader last if it can be; it is cut off when its followers have just started again.
      return [
        ...Array.from({ length: nodes }, (_, i) => ({
          at: config.loweredAfterUs + i * rng.below(detectUs),
          kind: "sidecar_dies" as const,
          node: i,
          forUs: 5_000,
        })),
        ...isolation(config.loweredAfterUs + rng.below(detectUs), 2 * detectUs, all),
      ];
    case "newest_on_a_witness":
      return newestOn(config.witnesses, at, rng, config);
    case "newest_on_an_ineligible": {
      const demoted = rng.below(config.founders);
      const early = Math.floor(at / 2);
      return [
        { at: early, kind: "change", node: LEADER, what: "demote", draw: demoted, waitMs: 4 * detectMs },
        ...newestOn(1 << demoted, at, rng, config),
      ];
    }
    case "diverged_comes_back":
      return divergedComesBack(rng, config);
  }
}

/** The leader writes on alone until another one is established and has checkpointed; when it is back, somebody may die. */
function divergedComesBack(rng: Rng, { nodes, detectMs, chaosUs }: SimConfig): Action[] {
  const detectUs = detectMs * 1000;
  const forUs = 2_000_000 + 2 * detectUs;
  const at = rng.below(Math.max(1, chaosUs - forUs - 1_500_000));
  const back = at + forUs;
  const write = (): Action => ({ at: at + rng.below(detectUs), kind: "write", client: 0 });
  const kind = rng.pick(["machine_dies", "sidecar_dies", "postgres_dies"] as const);
  const dies: Action = {
    at: back + rng.below(600_000),
    kind,
    node: rng.pick([LEADER, rng.below(nodes)]),
    forUs: detectUs,
  };
  return [
    ...isolation(at, forUs, 2 ** nodes - 1),
    ...Array.from({ length: 4 }, write),
    ...(rng.below(2) === 0 ? [dies] : []),
  ];
}

/** Only these get the leader's WAL for a while; then the leader is gone, and the link flows again. */
function newestOn(keepers: number, at: number, rng: Rng, { nodes, detectMs }: SimConfig): Action[] {
  const detectUs = detectMs * 1000;
  const others = (2 ** nodes - 1) & ~keepers;
  const cutUs = rng.between(detectUs / 4, detectUs / 2);
  const write = (): Action => ({ at: at + rng.below(cutUs), kind: "write", client: 0 });
  return [
    { at, kind: "cut", what: "wal", from: LEADER, to: others, forUs: cutUs },
    ...Array.from({ length: 3 }, write),
    { at: at + cutUs - 1_000, kind: "machine_dies", node: LEADER, forUs: detectUs * rng.between(4, 20) },
  ];
}

function isolation(at: number, forUs: number, all: number): Action[] {
  return [
    { at, kind: "cut", what: "all", from: LEADER, to: all, forUs },
    { at, kind: "cut", what: "all", from: all, to: LEADER, forUs },
  ];
}

function reads(at: number, forUs: number, rng: Rng): Action[] {
  return Array.from({ length: 4 }, () => ({ at: at + rng.below(forUs), kind: "read" as const, client: 0 }));
}

function change(rng: Rng, at: number): Action {
  const what = rng.pick(["policy", "grow", "shrink", "swap"] as const);
  return { at, kind: "change", node: LEADER, what, draw: rng.below(2 ** 30), waitMs: 0 };
}
