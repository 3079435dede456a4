import { describe, expect, it } from "vitest";
import { decodeBigintJson, encodeBigintJson } from "../../src/core/bigint_json.js";
import type { Event } from "../../src/core/events.js";
import { nextTickMs, step } from "../../src/core/node.js";
import { DETECT_MS, freshState, recruit, Scripted } from "./scripted_ports.js";

const effects = (ports: Scripted) => ports.take().filter((line) => !/^note|^postgres observe/.test(line));

describe("what must be on disk first", () => {
  it("is on disk before any effect of the step", () => {
    const ports = new Scripted();
    ports.loop.deliver(recruit(3n));
    expect(ports.take()).toEqual(["persist promise 3"]);
    ports.finishWrite();
    expect(effects(ports)).toEqual(["answer call 3 yes", "publish promise 3"]);
  });

  it("holds up every later event, and they keep their order", () => {
    const ports = new Scripted();
    ports.loop.deliver(recruit(3n));
    ports.loop.deliver(recruit(2n));
    ports.loop.deliver(recruit(5n));
    ports.loop.deliver(recruit(4n));
    expect(ports.take()).toEqual(["persist promise 3"]);
    ports.finishWrite();
    expect(effects(ports)).toEqual([
      "answer call 3 yes",
      "publish promise 3",
      "answer call 2 stale_term",
      "persist promise 5",
    ]);
    ports.finishWrite();
    expect(effects(ports)).toEqual(["answer call 5 yes", "answer call 4 stale_term"]);
  });

  it("is the durable word of that very step", () => {
    const ports = new Scripted();
    ports.loop.deliver(recruit(3n, "x-7"));
    expect(ports.writes[0]?.durable.promise).toEqual({ term: 3n, attempt: { node: "n2", nonce: "x-7" } });
  });

  it("needs no write when the word did not change: a repeated request is answered at once", () => {
    const ports = new Scripted();
    ports.autoPersist = true;
    ports.loop.deliver(recruit(3n));
    ports.take();
    ports.loop.deliver(recruit(3n, "x-1", "again"));
    ports.loop.deliver(recruit(3n, "x-2", "other"));
    expect(effects(ports)).toEqual(["answer again yes", "answer other promised_to_another"]);
  });

  it("works the same with a disk that calls back at once, however many events there are", () => {
    const ports = new Scripted();
    ports.autoPersist = true;
    for (let term = 2n; term < 500n; term++) ports.loop.deliver(recruit(term));
    expect(effects(ports).slice(-2)).toEqual(["persist promise 499", "answer call 499 yes"]);
  });
});

describe("the fuse", () => {
  it("hears of a step before anything of it is done, the write of the durable word included", () => {
    const ports = new Scripted();
    ports.loop.deliver(recruit(3n));
    expect(ports.heeded).toEqual([{ promise: 3n, done: 0 }]);
    expect(ports.take()).toEqual(["persist promise 3"]);
  });
});

describe("a disk that does not keep up", () => {
  it("fences when the write misses its deadline, and goes on when it is done after all", () => {
    const ports = new Scripted();
    ports.loop.deliver(recruit(3n));
    ports.pass(DETECT_MS / 4 - 1);
    expect(ports.take()).toEqual(["persist promise 3"]);
    ports.pass(1);
    expect(ports.take()).toEqual(["emergency fence"]);
    ports.finishWrite();
    expect(effects(ports)).toContain("answer call 3 yes");
  });

  it("does not fence when the write was in time", () => {
    const ports = new Scripted();
    ports.loop.deliver(recruit(3n));
    ports.finishWrite();
    ports.take();
    ports.pass(DETECT_MS / 4 + 1);
    expect(ports.take()).not.toContain("emergency fence");
  });

  it("ends when the write fails: fence first, no effect, no further event", () => {
    const ports = new Scripted();
    ports.loop.deliver(recruit(3n));
    ports.loop.deliver(recruit(4n));
    ports.take();
    ports.finishWrite(new Error("no space left"));
    expect(ports.take()).toEqual(["emergency fence", "fatal: the state file could not be written: no space left"]);
    ports.loop.deliver(recruit(5n));
    ports.pass(60_000);
    expect(ports.take()).toEqual([]);
  });

  it("ends when more events wait than could ever be legitimate", () => {
    const ports = new Scripted();
    ports.loop.deliver(recruit(3n));
    ports.take();
    for (let n = 0; n < 10_001; n++) ports.loop.deliver({ kind: "tick" });
    expect(ports.take()[0]).toBe("emergency fence");
  });

  it("does nothing for a write that finishes after the end", () => {
    const ports = new Scripted();
    ports.loop.deliver(recruit(3n));
    ports.loop.end();
    ports.take();
    ports.finishWrite();
    expect(ports.take()).toEqual([]);
  });
});

describe("one event at a time", () => {
  it("an event that an effect brings about waits for the effects before it", () => {
    const ports = new Scripted();
    ports.autoPersist = true;
    let once = true;
    ports.reenter = (effect) => {
      if (!effect.startsWith("answer call 3") || !once) return;
      once = false;
      ports.loop.deliver(recruit(4n));
    };
    ports.loop.deliver(recruit(3n));
    expect(effects(ports)).toEqual([
      "persist promise 3",
      "answer call 3 yes",
      "publish promise 3",
      "persist promise 4",
      "answer call 4 yes",
    ]);
  });

  it("also after a write that took its time", () => {
    const ports = new Scripted();
    ports.reenter = (effect) => {
      if (effect === "answer call 3 yes") ports.loop.deliver(recruit(4n));
    };
    ports.loop.deliver(recruit(3n));
    ports.finishWrite();
    expect(effects(ports)).toEqual([
      "persist promise 3",
      "answer call 3 yes",
      "publish promise 3",
      "persist promise 4",
    ]);
  });
});

/** Everybody is there, empty and of one mind: n1, the first by name, starts to found. */
function everybodyIsThere(ports: Scripted): void {
  for (const peer of ["n2", "n3"]) {
    let status: Extract<Event, { kind: "peer_status" }>["status"] | null = null;
    const other = step(freshState(peer), { kind: "tick" }, { nowMs: 0, jitter: 0 });
    for (const effect of other.output.after) if (effect.kind === "publish") status = effect.status;
    if (status === null) throw new Error("a first step publishes");
    ports.loop.deliver({ kind: "peer_status", peer, status });
  }
}

describe("a node is a member like the others", () => {
  it("recruits itself through the mailbox, and so through the disk", () => {
    const ports = new Scripted();
    everybodyIsThere(ports);
    ports.pass(DETECT_MS);
    const lines = ports.take();
    expect(lines).toContain("persist promise 2");
    expect(lines.filter((line) => line.startsWith("promote"))).toEqual([]);
    expect(ports.loop.state.volatile.election).toMatchObject({ stage: "recruiting", answers: {} });
    ports.finishWrite();
    expect(ports.loop.state.volatile.election).toMatchObject({ answers: { n1: { voter: true } } });
    expect(lines.some((line) => line === "recruit 2 to n1")).toBe(false);
  });

  it("counts its own answer only for the attempt it was given for", () => {
    const ports = new Scripted();
    everybodyIsThere(ports);
    ports.pass(DETECT_MS);
    // Outbid while its own promise is being written: the answer to itself comes too late.
    ports.loop.deliver(recruit(9n));
    ports.finishWrite();
    ports.finishWrite();
    expect(ports.loop.state.volatile.election.stage).toBe("idle");
    expect(ports.loop.state.durable.promise.term).toBe(9n);
  });
});

describe("a broken invariant", () => {
  it("fences first, then ends the sidecar", () => {
    const state = freshState();
    // A promotion begun above the promise: no sequence of events leads here.
    const ports = new Scripted({ ...state, durable: { ...state.durable, promotionStarted: 7n } });
    ports.loop.start();
    const [first, second, ...rest] = ports.take();
    expect([first, rest]).toEqual(["emergency fence", []]);
    expect(second).toMatch(/^fatal: .*I3/);
    ports.loop.deliver(recruit(8n));
    expect(ports.take()).toEqual([]);
  });
});

describe("time", () => {
  it("the loop wakes itself, and never without pause", () => {
    const ports = new Scripted();
    ports.autoPersist = true;
    ports.loop.start();
    everybodyIsThere(ports);
    let wakes = 0;
    for (let n = 0; n < 200; n++) {
      const before = ports.timers.size;
      ports.pass(50);
      wakes += before;
      expect(ports.timers.size).toBeLessThan(5);
    }
    expect(wakes).toBeGreaterThan(100);
    expect(nextTickMs(ports.loop.state)).toBeGreaterThan(ports.loop.state.volatile.nowMs);
  });

  it("an accepted candidate that takes long is not asked about every millisecond", () => {
    let state = freshState();
    state = {
      ...state,
      volatile: {
        ...state.volatile,
        nowMs: 5000,
        election: {
          stage: "promoting",
          term: 2n,
          attempt: { node: "n1", nonce: "b-1" },
          candidate: "n2",
          request: {
            term: 2n,
            attempt: { node: "n1", nonce: "b-1" },
            position: { timeline: 0n, lsn: 0n },
            obliged: [],
            ruleset: { policy: { kind: "majority" }, cohort: [] },
            voids: null,
            founding: true,
            recruited: [],
            cause: "a test",
            leases: [],
          },
          follow: { leaderIncarnation: "n2-a" },
          startedMs: 0,
          decidedMs: 0,
          suspectedMs: 0,
          askAgainMs: 1000,
          giveUpMs: 60_000,
          accepted: true,
          fruitless: 0,
        },
      },
    };
    expect(nextTickMs(state) - 5000).toBeGreaterThan(20);
  });
});

describe("a run can be recorded and replayed", () => {
  it("state, events and effects survive JSON, and the replay decides the same", () => {
    const roundTrip = <T>(value: T): T => decodeBigintJson(encodeBigintJson(value)) as T;
    const run = (through: <T>(value: T) => T) => {
      let state = freshState();
      const outputs: unknown[] = [];
      const events: Event[] = [recruit(3n), recruit(3n, "x-2"), { kind: "tick" }, recruit(1n << 30n)];
      events.forEach((event, i) => {
        const result = step(through(state), through(event), { nowMs: i * 1500, jitter: 0.25 });
        outputs.push(through(result.output));
        state = result.state;
      });
      return { state, outputs };
    };
    expect(run(roundTrip)).toStrictEqual(run((value) => value));
    const { state } = run((value) => value);
    expect(roundTrip(state)).toStrictEqual(state);
  });
});
