import type { LeaseAsk, LeaseGrant, LeaseLeft } from "../core/messages.js";
import { EDGE_LIMITS } from "./edge_limits.js";
import { leadableTerm, list, milliseconds, nodeId, term } from "./fields.js";
import type * as wire from "./gen/quorate/v1/cluster.js";

/** Leases, proto ↔ core. */

export function askToCore({ stampMs, leaseMs }: wire.LeaseAsk, field: string): LeaseAsk {
  return {
    stampMs: milliseconds(stampMs, `${field}.stamp_ms`),
    leaseMs: milliseconds(leaseMs, `${field}.lease_ms`),
  };
}

export function grantToCore(grant: wire.LeaseGrant, field: string): LeaseGrant {
  return {
    ...askToCore(grant, field),
    leader: nodeId(grant.leader, `${field}.leader`),
    term: leadableTerm(grant.term, `${field}.term`),
  };
}

export function leasesToWire(leases: readonly LeaseLeft[]): wire.LeaseLeft[] {
  return leases.map(({ leader, term: of, ms }) => ({ leader: leader ?? undefined, term: of, ms }));
}

/** One for each leader that a cohort may have had, and one for an unknown one. */
export function leasesToCore(leases: readonly wire.LeaseLeft[], field: string): LeaseLeft[] {
  return list(leases, field, EDGE_LIMITS.members + 1, (left, at) => ({
    leader: left.leader === undefined ? null : nodeId(left.leader, `${at}.leader`),
    term: term(left.term, `${at}.term`),
    ms: milliseconds(left.ms, `${at}.ms`),
  }));
}
