import { ACCEPTOR_MUTANTS } from "./list_acceptor.js";
import { CATCH_UP_MUTANTS } from "./list_catch_up.js";
import { CHANGE_MUTANTS } from "./list_change.js";
import { COORDINATOR_MUTANTS } from "./list_coordinator.js";
import { KEEPER_MUTANTS } from "./list_keeper.js";
import { LEADER_MUTANTS } from "./list_leader.js";
import { LEASE_MUTANTS } from "./list_lease.js";
import { ORDER_MUTANTS } from "./list_orders.js";
import { POSTGRES_RESTART_MUTANTS } from "./list_postgres_restart.js";
import { QUORUM_MUTANTS } from "./list_quorum.js";
import { RESTART_MUTANTS } from "./list_restart.js";
import { REWIND_MUTANTS } from "./list_rewind.js";
import type { Mutant } from "./mutant.js";

/** Every guard of the protocol, broken one at a time. */
export const MUTANTS: readonly Mutant[] = [
  ...QUORUM_MUTANTS,
  ...ACCEPTOR_MUTANTS,
  ...COORDINATOR_MUTANTS,
  ...CATCH_UP_MUTANTS,
  ...LEADER_MUTANTS,
  ...CHANGE_MUTANTS,
  ...LEASE_MUTANTS,
  ...KEEPER_MUTANTS,
  ...RESTART_MUTANTS,
  ...ORDER_MUTANTS,
  ...POSTGRES_RESTART_MUTANTS,
  ...REWIND_MUTANTS,
];
