import { describe, expect, it } from "vitest";
import { decide } from "../../src/core/coordinator/decide.js";
import { POSITION_EMPTY } from "../../src/core/log/position.js";
import { step } from "../../src/core/node.js";
import type { InitialRuleset } from "../../src/core/ruleset/ruleset.js";
import { initialRulesetText } from "../../src/core/ruleset/ruleset.js";
import { freshDurable, initialState } from "../../src/core/state.js";
import { timingsFrom } from "../../src/core/timings.js";

const NODES = ["n1", "n2", "n3"].map((id) => ({ id, labels: {}, ...(id === "n1" ? { witness: true } : {}) }));
const INITIAL: InitialRuleset = { policy: { kind: "majority" }, nodes: NODES };

describe("a witness", () => {
  it("is a member of the first ruleset that may not lead, and founds nothing", () => {
    const answers = NODES.map(({ id }) => ({
      ...{ id, incarnation: `${id}-a`, position: POSITION_EMPTY, rulesets: [], voter: true, systemIdentifier: null },
      initial: initialRulesetText(INITIAL),
    }));
    const decision = decide(answers, INITIAL, (a, b) => (a < b ? -1 : 1));
    expect(decision).toMatchObject({ ok: true, proposal: { candidate: "n2", founding: true } });
    expect(decision.ok && decision.proposal.ruleset.cohort.map((m) => m.eligible)).toEqual([false, true, true]);
    const witnesses = { ...INITIAL, nodes: NODES.map((n) => ({ ...n, witness: true })) };
    const alone = answers.map((a) => ({ ...a, initial: initialRulesetText(witnesses) }));
    expect(decide(alone, witnesses, (a, b) => (a < b ? -1 : 1))).toMatchObject({ ok: false });
  });

  it("is told apart in the text that founders compare, which is what it was without one", () => {
    expect(initialRulesetText(INITIAL)).toBe("majority; n1!{} n2{} n3{}");
  });

  it("refuses to be promoted, whoever asks", () => {
    const config = {
      ...{ self: "n1", boot: "n1.1", initial: INITIAL, timings: timingsFrom(3000), host: "n1", postgresPort: 1 },
      ...{
        postgresVersion: null,
        dataDir: "data",
        sidecarPid: 1,
        unixOffsetMs: 0,
        admitObservers: false,
        witness: true,
      },
    };
    const attempt = { node: "n2", nonce: "x" };
    const durable = { ...freshDurable("shop", "n1", "n1-a"), promise: { term: 2n, attempt } };
    const state = initialState(config, durable, { present: false, oldKept: false }, 0);
    const ruleset = { policy: INITIAL.policy, cohort: [] };
    const request = {
      ...{ term: 2n, attempt, position: POSITION_EMPTY, obliged: [], ruleset, founding: true, recruited: [] },
      ...{ cause: "a test", voids: null, leases: [] },
    };
    const from = { node: "n2", incarnation: "n2-a", systemIdentifier: null };
    const { output } = step(state, { kind: "promote", call: "c", from, request }, { nowMs: 1, jitter: 0.5 });
    expect(output.persist).toBeNull();
    expect(output.after).toContainEqual(
      expect.objectContaining({
        kind: "answer_promote",
        result: expect.objectContaining({ refusal: expect.objectContaining({ code: "cannot_lead" }) }),
      }),
    );
  });
});
