/**
 * What happens to the cluster from outside, each with its time: a list, so that a run can be shrunk by leaving
 * things out. An action carries its own end (`forUs`), so it can be left out alone. Nodes are counted from 0; LEADER is
 * whoever leads when its time comes, or some node if nobody does.
 */
export const LEADER = -1;

export type Action =
  | {
      readonly at: number;
      readonly kind: "machine_dies" | "sidecar_dies" | "sidecar_leaves" | "postgres_dies" | "shutdown";
      readonly node: number;
      readonly forUs: number;
    }
  | {
      readonly at: number;
      readonly kind: "dies_at_effect";
      readonly node: number;
      readonly effects: number;
      readonly what: "machine" | "sidecar";
      readonly forUs: number;
    }
  | { readonly at: number; readonly kind: "all_die"; readonly forUs: number; readonly spreadUs: number }
  | {
      readonly at: number;
      readonly kind: "pause" | "pause_sidecar" | "pause_postgres" | "disk_hangs" | "disk_fails" | "replay_stalls";
      readonly node: number;
      readonly forUs: number;
    }
  | {
      readonly at: number;
      readonly kind: "slow";
      readonly node: number;
      readonly factor: number;
      readonly forUs: number;
    }
  /** Bit masks, or LEADER: everything from a node of `from` to a node of `to` is cut, in that direction only. */
  | {
      readonly at: number;
      readonly kind: "cut";
      readonly what: "all" | "wal" | "sidecars";
      readonly from: number;
      readonly to: number;
      readonly forUs: number;
    }
  | { readonly at: number; readonly kind: "clog"; readonly from: number; readonly to: number; readonly forUs: number }
  | {
      readonly at: number;
      readonly kind: "data_lost" | "wiped" | "state_torn";
      readonly node: number;
      readonly forUs: number;
    }
  | { readonly at: number; readonly kind: "restored"; readonly node: number; readonly forUs: number }
  | { readonly at: number; readonly kind: "slot_lost"; readonly node: number }
  /** Everything on a machine stands still, its clock as well: it finds out afterwards, more or less. */
  | { readonly at: number; readonly kind: "suspend"; readonly node: number; readonly forUs: number }
  | { readonly at: number; readonly kind: "clock_jump"; readonly node: number; readonly byMs: number }
  | { readonly at: number; readonly kind: "cancel" }
  | { readonly at: number; readonly kind: "write" | "read"; readonly client: number }
  /** An operator asks `node` for other rules; `draw` decides what exactly, given the rules there are then. */
  | {
      readonly at: number;
      readonly kind: "change";
      readonly node: number;
      readonly what: ChangeKind;
      readonly draw: number;
      readonly waitMs: number;
    }
  /** An operator orders `node` to see to another leader, or to let nobody elect. `target`: left out, whoever is best placed. */
  | {
      readonly at: number;
      readonly kind: "order";
      readonly what: "switchover" | "failover" | "pause" | "resume" | "restart";
      readonly node: number;
      readonly target?: number;
      readonly deadlineMs: number;
      /** Of a restart: whatever commits wait for it. */
      readonly force?: boolean;
    };

export const CHANGE_KINDS = [
  "policy",
  "grow",
  "shrink",
  "swap",
  "remove_leader",
  "eligibility",
  "disjoint",
  "anything",
] as const;
/** `demote`: one that is not the leader may lead no more. */
export type ChangeKind = (typeof CHANGE_KINDS)[number] | "demote";
