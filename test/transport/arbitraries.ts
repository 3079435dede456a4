import fc from "fast-check";
import type { Credentials } from "../../src/agent/ports.js";
import type { CohortOrder } from "../../src/core/leader/ordered_cohort.js";
import type { History } from "../../src/core/log/history.js";
import { POSITION_EMPTY, TERM_MAX } from "../../src/core/log/position.js";
import type {
  Attempt,
  CatchUpRequest,
  FollowRequest,
  FollowResult,
  NodeStatus,
  PromoteRequest,
  PromoteResult,
  RecruitAnswer,
  RecruitRequest,
  RecruitResult,
  Refusal,
  Sender,
} from "../../src/core/messages.js";
import type { HandoverRequest, HandoverResult, Pause, RestartRequest, RestartResult } from "../../src/core/orders.js";
import type { Member, Policy, Ruleset, RulesetRecord } from "../../src/core/ruleset/ruleset.js";
import type { ChangeRefusal, ChangeResult } from "../../src/core/ruleset/wanted.js";
import type { Envelope } from "../../src/transport/envelope.js";

/** Every message that nodes can send, well-formed. */

const words = (maxLength: number) => fc.string({ unit: "grapheme", maxLength });
export const id = fc.stringMatching(/^[a-z][a-z0-9-]{0,39}$/);
const drawn = fc.stringMatching(/^[\x21-\x7e]{1,64}$/);
const lsn = fc.bigInt({ min: 0n, max: (1n << 64n) - 1n });
const anyTerm = fc.bigInt({ min: 0n, max: TERM_MAX });
const leadable = fc.bigInt({ min: 2n, max: TERM_MAX });
const ms = fc.double({ min: 0, max: 1e15, noNaN: true }).map((n) => n + 0);
const system = fc.stringMatching(/^[0-9]{1,20}$/);
const labels = fc.dictionary(words(20), words(20), { maxKeys: 5, noNullPrototype: true });
const orNull = <T>(arbitrary: fc.Arbitrary<T>) => fc.option(arbitrary, { nil: null });

const position = fc.oneof(
  fc.constant(POSITION_EMPTY),
  fc.record({ timeline: fc.bigInt({ min: 1n, max: TERM_MAX }), lsn }),
);
const attempt: fc.Arbitrary<Attempt> = fc.record({ node: id, nonce: drawn });
const policy: fc.Arbitrary<Policy> = fc.oneof(
  fc.constant({ kind: "majority" as const }),
  fc.record({ kind: fc.constant("at_least" as const), copies: fc.integer({ min: 1, max: 9 }) }),
);
const member: fc.Arbitrary<Member> = fc.record({ id, incarnation: drawn, labels, eligible: fc.boolean() });

export const ruleset: fc.Arbitrary<Ruleset> = fc.record({
  policy,
  cohort: fc
    .uniqueArray(member, { minLength: 1, maxLength: 7, selector: (m) => m.id })
    .map((members) => members.sort((a, b) => (a.id < b.id ? -1 : 1))),
});

const number = fc.record({ term: anyTerm, subterm: fc.integer({ min: 0, max: 2 ** 31 }) });
const record: fc.Arbitrary<RulesetRecord> = fc.oneof(
  fc.record({ number, state: fc.constant("proposed" as const), ruleset, writtenBy: id }),
  fc.record({ number, state: fc.constantFrom("decided", "void"), ruleset: fc.constant(null), writtenBy: id }),
);
const records = fc.array(record, { maxLength: 4 });

export const history: fc.Arbitrary<History> = fc
  .uniqueArray(fc.record({ timeline: leadable, end: lsn }), { minLength: 1, maxLength: 6, selector: (a) => a.timeline })
  .map((entries) => {
    const timelines = entries.map((e) => e.timeline).sort((a, b) => (a < b ? -1 : 1));
    const ends = entries.map((e) => e.end).sort((a, b) => (a < b ? -1 : 1));
    const timeline = timelines.pop() ?? 2n;
    return { timeline, ancestors: timelines.map((t, i) => ({ timeline: t, end: ends[i] ?? 0n })) };
  });

const refusal: fc.Arbitrary<Refusal> = fc.record({
  code: fc.constantFrom(
    "stale_term",
    "promised_to_another",
    "already_follows",
    "not_promised",
    "promotion_already_started",
    "position_moved",
    "non_voter",
    "foreign_cluster",
    "incarnation_unknown",
    "not_ready",
    "cannot_catch_up",
    "cannot_lead",
    "stopping",
  ),
  reason: words(80),
  promise: anyTerm,
});
const refused = fc.record({ ok: fc.constant(false as const), refusal });

const sender: fc.Arbitrary<Sender> = fc.record({ node: id, incarnation: drawn, systemIdentifier: orNull(system) });

export const envelope: fc.Arbitrary<Envelope> = fc.record({
  cluster: fc.string({ unit: "grapheme", minLength: 1, maxLength: 40 }),
  protocol: fc.record({ min: fc.constantFrom(1, 2), max: fc.constantFrom(2, 7) }),
  sender: orNull(sender),
  to: orNull(id),
});

const made = { term: anyTerm, boot: drawn };
const promises = fc.array(fc.record(made), { maxLength: 8 });
const seen = fc.record({ node: id, incarnation: drawn, ...made, end: orNull(fc.record({ boot: drawn, lsn })) });

export const recruit: fc.Arbitrary<RecruitRequest> = fc.record({ term: leadable, attempt, seen: orNull(seen) });

const leases = fc.array(fc.record({ leader: orNull(id), term: anyTerm, ms }), { maxLength: 4 });
const answer: fc.Arbitrary<RecruitAnswer> = fc.record({
  position,
  rulesets: records,
  voter: fc.boolean(),
  incarnation: drawn,
  systemIdentifier: orNull(system),
  initial: words(200),
  leases,
  promises,
  seen: fc.array(seen, { maxLength: 4 }),
});
export const recruited: fc.Arbitrary<RecruitResult> = fc.oneof(
  fc.record({ ok: fc.constant(true as const), answer }),
  refused,
);

export const promote: fc.Arbitrary<PromoteRequest> = fc.record({
  term: leadable,
  attempt,
  position,
  obliged: fc.array(ruleset, { maxLength: 3 }),
  ruleset,
  voids: orNull(number),
  founding: fc.boolean(),
  recruited: fc.array(id, { maxLength: 7 }),
  cause: words(100),
  leases,
});
export const promoted: fc.Arbitrary<PromoteResult> = fc.oneof(fc.constant({ ok: true as const }), refused);

export const catchUp: fc.Arbitrary<CatchUpRequest> = fc.record({ term: leadable, attempt, source: id, position });

export const follow: fc.Arbitrary<FollowRequest> = fc.record({
  term: leadable,
  attempt,
  leader: id,
  leaderIncarnation: drawn,
  memberIncarnation: drawn,
  ready: orNull(fc.record({ history, systemIdentifier: system })),
});
export const credentials: fc.Arbitrary<Credentials | null> = orNull(
  fc.record({
    superuserPassword: fc.string({ unit: "grapheme", minLength: 1, maxLength: 40 }),
    replicationPassword: fc.string({ unit: "grapheme", minLength: 1, maxLength: 40 }),
  }),
);
export const followed: fc.Arbitrary<FollowResult> = fc.oneof(
  fc.record({ ok: fc.constant(true as const), contained: orNull(fc.boolean()) }),
  refused,
);

const port = fc.integer({ min: 0, max: 65_535 });
const pid = fc.integer({ min: 0, max: 2 ** 31 });
const facts: fc.Arbitrary<NodeStatus["facts"]> = fc.record({
  postgresVersion: orNull(words(20)),
  host: words(40),
  postgresPort: port,
  labels,
  sidecarPid: pid,
  postmasterPid: orNull(pid),
  dataDir: words(80),
  phases: orNull(
    fc.record({ term: anyTerm, startedUnixMs: ms, detectMs: ms, recruitMs: ms, promoteMs: ms, establishMs: ms }),
  ),
  rejoin: orNull(
    fc.record({
      term: anyTerm,
      method: fc.constantFrom("stream", "rewind", "clone"),
      ms,
      percent: orNull(fc.double({ min: 0, max: 100, noNaN: true }).map((n) => n + 0)),
      work: orNull(
        fc.record({
          source: id,
          attempt: fc.nat(99),
          reason: words(80),
          phase: fc.constantFrom(
            "waiting",
            "waiting_for_turn",
            "waiting_for_checkpoint",
            "copying",
            "syncing",
            "replaying",
          ),
          bytes: orNull(fc.nat()),
          totalBytes: orNull(fc.nat()),
          bytesPerS: orNull(fc.nat()),
          leftMs: orNull(ms),
        }),
      ),
    }),
  ),
});

export const pause: fc.Arbitrary<Pause> = fc.record({
  paused: fc.boolean(),
  number: fc.nat(),
  by: fc.oneof(id, fc.constant("")),
});

export const handover: fc.Arbitrary<HandoverRequest> = fc.record({
  to: orNull(id),
  deadlineMs: fc.nat(1e6),
  cause: words(80),
});
export const handedOver: fc.Arbitrary<HandoverResult> = fc.oneof(
  fc.record({ kind: fc.constant("done" as const), leader: id, term: leadable }),
  fc.record({
    kind: fc.constant("refused" as const),
    refusal: fc.record({
      code: fc.constantFrom("not_leader", "target_lags", "not_possible"),
      reason: words(80),
      missing: fc.array(id, { maxLength: 5 }),
      nextStep: words(80),
    }),
  }),
  fc.record({ kind: fc.constant("failed" as const), leader: id, term: leadable, reason: words(80) }),
  fc.record({ kind: fc.constant("unknown" as const), reason: words(80), nextStep: words(80) }),
);

export const restart: fc.Arbitrary<RestartRequest> = fc.record({
  force: fc.boolean(),
  pendingOnly: fc.boolean(),
  deadlineMs: fc.nat(1e6),
  cause: words(80),
});
export const restarted: fc.Arbitrary<RestartResult> = fc.oneof(
  fc.record({ kind: fc.constant("done" as const), leader: id, term: leadable, handedOver: fc.boolean() }),
  fc.record({ kind: fc.constant("not_needed" as const) }),
  fc.record({
    kind: fc.constant("refused" as const),
    refusal: fc.record({
      code: fc.constantFrom("commits_would_wait", "followers_first", "nobody_to_lead"),
      reason: words(80),
      missing: fc.array(id, { maxLength: 5 }),
      nextStep: words(80),
    }),
  }),
  fc.record({ kind: fc.constant("unknown" as const), reason: words(80), nextStep: words(80) }),
);

const settings = fc.record({
  pending: fc.array(fc.record({ name: words(40), from: words(40), to: words(40) }), { minLength: 1, maxLength: 3 }),
  held: fc.array(fc.record({ name: words(40), wanted: words(40), runs: words(40), why: words(80) }), { maxLength: 3 }),
});

const withoutSettings: fc.Arbitrary<NodeStatus> = fc.record({
  node: id,
  incarnation: drawn,
  boot: drawn,
  systemIdentifier: orNull(system),
  initial: words(200),
  promise: anyTerm,
  promises,
  role: fc.constantFrom("leader", "follower", "none"),
  term: anyTerm,
  leader: orNull(id),
  established: fc.boolean(),
  checkpointed: fc.boolean(),
  streaming: fc.boolean(),
  position,
  rulesets: records,
  voter: fc.boolean(),
  whyNot: orNull(words(80)),
  postgres: fc.constantFrom("running", "starting", "stopped", "cloning", "rewinding", "failed"),
  ledUntil: anyTerm,
  suspects: anyTerm,
  electing: anyTerm,
  awayMs: ms,
  awaitsMs: ms,
  flushLsn: orNull(lsn),
  replayLsn: orNull(lsn),
  quorumLsn: orNull(lsn),
  blocked: orNull(
    fc.record({ code: words(20), reason: words(80), missing: fc.array(id, { maxLength: 5 }), nextStep: words(80) }),
  ),
  fencedUntil: anyTerm,
  leaseAsk: orNull(fc.record({ stampMs: ms, leaseMs: ms })),
  leaseGrant: orNull(fc.record({ leader: id, term: leadable, stampMs: ms, leaseMs: ms })),
  seen: fc.array(seen, { maxLength: 4 }),
  pause,
  change: orNull(
    fc.record({
      stage: words(20),
      number: orNull(number),
      cause: words(80),
      cohort: fc.array(id, { maxLength: 5 }),
      waitsFor: words(80),
    }),
  ),
  enforced: orNull(fc.record({ names: words(80), exact: fc.boolean() })),
  facts,
});
export const nodeStatus: fc.Arbitrary<NodeStatus> = fc.oneof(
  withoutSettings,
  fc.tuple(withoutSettings, settings).map(([status, waiting]) => ({ ...status, settings: waiting })),
);

const ids = fc.uniqueArray(id, { minLength: 2, maxLength: 6 });
export const cohortOrder: fc.Arbitrary<CohortOrder> = fc
  .record({
    named: ids,
    waitMs: fc.integer({ min: 0, max: 86_400_000 }),
    cause: words(80),
  })
  .map(({ named, waitMs, cause }) => ({ join: named.slice(1), remove: named.slice(0, 1), waitMs, cause }));

const changeRefusal: fc.Arbitrary<ChangeRefusal> = fc.record({
  code: fc.constantFrom("not_leader", "change_under_way", "not_connected", "lease_not_held"),
  reason: words(80),
  missing: fc.array(id, { maxLength: 5 }),
  nextStep: words(80),
});
export const changeResult: fc.Arbitrary<ChangeResult> = fc.oneof(
  fc.record({ kind: fc.constant("done" as const), number }),
  fc.record({ kind: fc.constantFrom("refused" as const, "voided" as const), refusal: changeRefusal }),
  fc.record({ kind: fc.constant("unknown" as const), reason: words(80), nextStep: words(80) }),
);
