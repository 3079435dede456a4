import { ACCEPTOR_MUTANTS } from "./list_acceptor.js";
import { COORDINATOR_MUTANTS } from "./list_coordinator.js";
import { KEEPER_MUTANTS } from "./list_keeper.js";
import { LEADER_MUTANTS } from "./list_leader.js";
import { ORDER_MUTANTS } from "./list_orders.js";
import { QUORUM_MUTANTS } from "./list_quorum.js";
import type { Mutant } from "./mutant.js";

/** Every guard of the protocol, broken one at a time. */
export const MUTANTS: readonly Mutant[] = [
  ...QUORUM_MUTANTS,
  ...ACCEPTOR_MUTANTS,
  ...COORDINATOR_MUTANTS,
  ...LEADER_MUTANTS,
  ...KEEPER_MUTANTS,
  ...ORDER_MUTANTS,
];
