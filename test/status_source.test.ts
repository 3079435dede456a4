import { describe, expect, test } from "vitest";
import type { ClockPort } from "../src/agent/ports.js";
import { observedMaxMs } from "../src/http/view.js";
import { LoopSource } from "../src/status_source.js";
import { Scripted } from "./agent/scripted_ports.js";

/** The scripted clock stands still until a test turns it; waiting turns it here. */
function sourceOf(scripted: Scripted, observedMs = () => scripted.nowMs): LoopSource {
  const clock: Pick<ClockPort, "nowMs" | "after"> = {
    nowMs: () => scripted.nowMs,
    after: (ms, callback) => {
      scripted.nowMs += ms;
      queueMicrotask(callback);
      return () => undefined;
    },
  };
  return new LoopSource({
    ...{ loop: scripted.loop, clock, observedMs },
    snapshot: () => {
      throw new Error("nobody asked for it");
    },
  });
}

const RECRUIT = {
  kind: "recruit",
  call: "c1",
  from: { node: "n2", incarnation: "n2-a", systemIdentifier: null },
  request: { term: 5n, attempt: { node: "n2", nonce: "x" }, seen: null },
} as const;

describe("a look through the loop", () => {
  test("turns the loop: what it tells is what the loop knows now", async () => {
    const scripted = new Scripted();
    scripted.autoPersist = true;
    scripted.loop.start();
    scripted.nowMs = 10_000;
    const look = await sourceOf(scripted).look();
    expect(look.kind).toBe("seen");
    expect(scripted.loop.state.volatile.nowMs).toBe(10_000);
  });

  test("many at once cost one step", async () => {
    const scripted = new Scripted();
    scripted.autoPersist = true;
    scripted.loop.start();
    scripted.nowMs = 10_000;
    const source = sourceOf(scripted);
    await source.look();
    scripted.nowMs += 20;
    await Promise.all(Array.from({ length: 50 }, () => source.look()));
    expect(scripted.loop.state.volatile.nowMs).toBe(10_000);
  });

  test("a disk that hangs makes it stuck, and a disk that is slow does not", async () => {
    const scripted = new Scripted();
    scripted.loop.start();
    scripted.loop.deliver(RECRUIT);
    expect(scripted.writes).toHaveLength(1);
    const source = sourceOf(scripted);
    expect((await source.look()).kind).toBe("stuck");
    const waiting = source.look();
    scripted.writes[0]?.finish(null);
    expect((await waiting).kind).toBe("seen");
  });

  test("a loop that has ended is stuck for good", async () => {
    const scripted = new Scripted();
    scripted.loop.start();
    scripted.loop.end();
    expect((await sourceOf(scripted).look()).kind).toBe("stuck");
  });

  test("a Postgres that was not seen for long is not called alive", async () => {
    const scripted = new Scripted();
    scripted.loop.start();
    const { state } = scripted.loop;
    const running = { ...state.volatile.postgres, process: "running" } as const;
    const loop = {
      settled: true,
      state: { ...state, volatile: { ...state.volatile, postgres: running } },
      deliver: () => undefined,
    };
    const aliveAfter = async (ms: number) => {
      const clock = { nowMs: () => 0, after: () => () => undefined };
      const snapshot = () => {
        throw new Error("nobody asked for it");
      };
      const look = await new LoopSource({ loop, clock, snapshot, observedMs: () => -ms }).look();
      return look.kind === "seen" && look.view.own.alive;
    };
    const maxMs = observedMaxMs(state);
    expect([await aliveAfter(maxMs), await aliveAfter(maxMs + 1), await aliveAfter(Number.POSITIVE_INFINITY)]).toEqual([
      ...[true, false, false],
    ]);
  });
});
