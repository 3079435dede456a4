import type { Mutant } from "./mutant.js";

const DECIDE = "src/core/coordinator/decide.ts";
const RECRUITING = "src/core/coordinator/recruiting.ts";
const PROMOTING = "src/core/coordinator/promoting.ts";

/** Who asks for a term, whose answers count, and what is done with them. */
export const COORDINATOR_MUTANTS: readonly Mutant[] = [
  {
    name: "non-voters-count",
    file: DECIDE,
    find: "const voters = answers.filter((a) => a.voter);",
    replace: "const voters = answers;",
    why: "DESIGN 5.3, H7: non-voters are never in R",
  },
  {
    name: "wiped-node-counts",
    file: DECIDE,
    find: "memberOf(ruleset, a.id)?.incarnation === a.incarnation)",
    replace: "memberOf(ruleset, a.id) !== undefined)",
    why: "DESIGN 2 ◆, H8: rulesets name incarnations",
    hint: "a node wiped after it promised",
  },
  {
    name: "anybody-may-lead",
    file: DECIDE,
    find: "return member?.eligible === true && member.incarnation === answer.incarnation;",
    replace: "return true;",
    why: "DESIGN 5.4: witness, ineligible and removed nodes do not lead",
  },
  {
    name: "least-advanced-candidate",
    file: DECIDE,
    find: "const newest = recruited.filter((a) => comparePositions(a.position, position) === 0);",
    replace:
      "const lowest = recruited.reduce((p, a) => (comparePositions(a.position, p) < 0 ? a.position : p), position);\n  position = lowest;\n  const newest = recruited.filter((a) => comparePositions(a.position, lowest) === 0);",
    why: "DESIGN 5.4: the node with the newest position leads",
  },
  {
    name: "only-all-answers-together",
    file: DECIDE,
    find: "  for (const position of distinctPositions(withData)) {",
    replace: "  for (const position of distinctPositions(withData).slice(0, 1)) {",
    why: "DESIGN 5.3: R may be any subset of the answers",
  },
  {
    name: "mixed-clusters-accepted",
    file: DECIDE,
    find: "  if (systems.length > 1) {",
    replace: "  if (false) {",
    why: "DESIGN 8: a directory of another cluster is quarantined",
  },
  {
    name: "founded-by-a-part",
    file: DECIDE,
    find: "const missing = initial.nodes.map((n) => n.id).filter((id) => !voters.some((a) => a.id === id));",
    replace:
      "const missing = initial.nodes.map((n) => n.id).filter((id) => !voters.some((a) => a.id === id)).slice(1);",
    why: "DESIGN 8 ◆, H9: a new cluster is initialised only by all nodes of the first cohort",
  },
  {
    name: "founded-with-different-rules",
    file: DECIDE,
    find: "  if (different.length > 0) {",
    replace: "  if (false) {",
    why: "DESIGN 8 ◆: with the same initial ruleset",
  },
  {
    name: "candidate-that-cannot-enforce",
    file: DECIDE,
    find: "    if (!compileNative([...rules.obliged, rules.newest], candidate).ok) continue;\n",
    replace: "",
    why: "I6: what elections ask is what is enforced",
  },
  {
    name: "attempt-without-a-nonce",
    file: RECRUITING,
    find: "const attempt = { node: turn.self, nonce: `${turn.config.boot}-${turn.volatile.nextOp}` };",
    replace: "const attempt = { node: turn.self, nonce: turn.self };",
    why: "DESIGN 2, H4: an attempt is a node and a random number",
    hint: "a coordinator that restarts and tries the same term again",
  },
  {
    name: "term-not-raised",
    file: RECRUITING,
    find: "const next = highestTerm(turn) + 1n;",
    replace: "const next = highestTerm(turn);",
    why: "DESIGN 5.2: the new term is the highest seen, plus 1",
  },
  {
    name: "too-few-are-enough",
    file: RECRUITING,
    find: "  if (!decision.ok) {\n    turn.set({ blocked: decision.blocked });",
    replace: "  if (!decision.ok && answers.length === 0) {\n    turn.set({ blocked: decision.blocked });",
    why: "DESIGN 5.3: enough",
  },
  {
    name: "answers-of-another-attempt-count",
    file: RECRUITING,
    find: "    election.term !== request.term ||\n    !sameAttempt(election.attempt, request.attempt)\n  )\n    return;",
    replace: "    false\n  )\n    return;",
    why: "DESIGN 5.3: R is who promised this attempt",
  },
  {
    name: "restored-snapshot-votes",
    file: RECRUITING,
    find: "    voter: a.voter && (turn.volatile.peers[id]?.pastSinceMs ?? null) === null,\n",
    replace: "    voter: a.voter,\n",
    why: "DESIGN 8: a node that comes back below its promise is from the past and is a non-voter",
  },
  {
    name: "fall-of-a-promise-unnoticed",
    file: "src/core/detector/peers.ts",
    find: "const fellBack = same && status.boot !== known.highest.boot && status.promise < known.highest.promise;",
    replace: "const fellBack = false;",
    why: "DESIGN 8: peers remember the highest promise they saw of each node",
  },
  {
    name: "votes-before-it-caught-up",
    file: "src/core/detector/peers.ts",
    find: "  if (!status.streaming || status.leader === null || status.flushLsn === null) return false;\n",
    replace: "  return true;\n",
    why: "DESIGN 5.7 ◆, H7: it votes again only once it has flushed up to the end that its leader reported after that",
  },
  {
    name: "an-attempt-names-two-candidates",
    file: PROMOTING,
    find: '    turn.emit({ kind: "send_promote", to: election.candidate, request: election.request });\n  }\n}',
    replace:
      '    for (const to of election.request.recruited) turn.emit({ kind: "send_promote", to, request: election.request });\n  }\n}',
    why: "DESIGN 5.5 ◆: an attempt names one candidate once",
    hint: "two nodes at the same position, and a Promote whose answer is lost",
  },
  {
    name: "coordinator-goes-on-after-a-higher-promise",
    file: RECRUITING,
    find: "  if (turn.durable.promise.term > election.term) return true;\n",
    replace: "",
    why: "DESIGN 5.2: an attempt ends when it is outbid",
  },
  {
    name: "outbid-attempt-goes-on",
    file: RECRUITING,
    find: '    if (lost) giveUp(turn, election, "outbid by another attempt", true);\n',
    replace: "",
    why: "DESIGN 5.2: a term is burnt by being outbid",
  },
  {
    name: "no-pre-vote",
    file: "src/core/coordinator/coordinator.ts",
    find: "  if (!decision.ok) {\n    turn.set({ blocked: decision.blocked, possibleSinceMs: null });",
    replace:
      "  if (!decision.ok && turn.volatile.nextOp < 0) {\n    turn.set({ blocked: decision.blocked, possibleSinceMs: null });",
    why: "DESIGN 5.1, 7: ask first; a coordinator that sees nobody does nothing",
  },
  {
    name: "silence-needs-no-corroboration",
    file: "src/core/coordinator/standing.ts",
    find: "    if (!reason.firstHand && status.suspects < least) continue;\n",
    replace: "",
    why: "DESIGN 7: second-hand silence needs corroboration by enough nodes to recruit",
  },
  {
    name: "coordinators-duel",
    file: "src/core/coordinator/coordinator.ts",
    find: "  if (someoneElects(turn)) return;\n",
    replace: "",
    why: "DESIGN 7: coordinators do not duel",
  },
  {
    name: "only-the-configured-are-asked",
    file: "src/core/coordinator/electorate.ts",
    find: "for (const member of record.ruleset?.cohort ?? []) ids.add(member.id);",
    replace: "void record;",
    why: "DESIGN 5.2: Recruit goes to the cohorts of every ruleset learned",
    hint: "rulesets that the configuration file knows nothing of",
  },
  {
    name: "first-hand-word-unheard",
    file: "src/core/detector/detector.ts",
    find: "  if (isFresh(state, peer) && peer.status.ledUntil >= known.term) {",
    replace: "  if (false) {",
    why: "DESIGN 7: first-hand evidence acts at once",
  },
];
