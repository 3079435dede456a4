import { describe, expect, it } from "vitest";
import { dataAfterFailure, type WayFacts, wayBack } from "../../src/core/keeper/rewind.js";

const FACTS: WayFacts = {
  means: { bytes: 5000, noRewind: null },
  fromBytes: 5000,
  tried: false,
  others: "suffice",
  checkpointed: true,
  waitedMs: 0,
  othersWithinMs: 1500,
  checkpointWithinMs: 15_000,
};

const way = (facts: Partial<WayFacts>) => wayBack({ ...FACTS, ...facts });

describe("the way back of a node that diverged", () => {
  it("is a rewind only where everything speaks for it", () => {
    expect(way({})).toEqual({ way: "rewind" });
    expect(way({ waitedMs: 60_000 })).toEqual({ way: "rewind" });
  });

  const clones: readonly [Partial<WayFacts>, RegExp][] = [
    [{ means: null }, /nobody has looked/],
    [{ means: { bytes: null, noRewind: null } }, /not known/],
    [{ means: { bytes: 4999, noRewind: null } }, /cloned quickly/],
    [{ means: { bytes: 5000, noRewind: "there is no pg_rewind" } }, /no pg_rewind/],
    [{ tried: true }, /rewound under this term/],
    [{ others: "too_few" }, /vote may be needed/],
    [{ others: "not_yet", waitedMs: 1500 }, /vote may be needed/],
    [{ checkpointed: false, waitedMs: 15_000 }, /not checkpointed/],
  ];
  for (const [facts, why] of clones)
    it(`is a clone, and says why: ${why.source}`, () => {
      const found = way(facts);
      expect(found.way === "clone" ? found.why : found.way).toMatch(why);
    });

  it("is a rewind of little data as well where there is no room for a clone", () => {
    const means = { bytes: 4999, noRewind: null, noClone: "3 MB are free" };
    expect(way({ means })).toEqual({ way: "rewind" });
    expect(way({ means, others: "too_few" })).toMatchObject({ way: "clone" });
  });

  it("waits for the checkpoint, and for those that are heard and do not stream yet", () => {
    expect(way({ checkpointed: false, waitedMs: 14_999 })).toEqual({ way: "wait" });
    expect(way({ others: "not_yet", waitedMs: 1499 })).toEqual({ way: "wait" });
  });
});

describe("what a failed operation leaves", () => {
  it("is no log after a rewind, whatever fails after it", () => {
    expect(dataAfterFailure("present", "rewind", "present")).toBe("torn");
    expect(dataAfterFailure("torn", "rewind", "present")).toBe("torn");
    expect(dataAfterFailure("torn", "swap", "present")).toBe("torn");
    expect(dataAfterFailure("torn", "swap", "absent")).toBe("absent");
    expect(dataAfterFailure("present", "revoke", "present")).toBe("present");
    expect(dataAfterFailure("foreign", "revoke", "present")).toBe("foreign");
  });
});
