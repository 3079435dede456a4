import { expect } from "vitest";
import { explainShape, historyShape, watchShape } from "../../../src/cli/insight_schemas.js";
import { HEAL_MS, type TestCluster } from "./cluster.js";
import { quorate } from "./command.js";
import { waitForValue } from "./waiting.js";

/** `history` names both leaders, why the second one came, and how long it took, whichever node tells it. */
export async function expectTold(cluster: TestCluster, before: string, after: string): Promise<void> {
  const terms = await waitForValue("the change of leader in every log, with its phases", HEAL_MS, async () => {
    const logs = await Promise.all(cluster.ids.map((id) => historyOf(cluster, id)));
    const whole = logs.every((log) => log?.at(-1)?.phases != null && log.at(-1)?.leader === after);
    return whole ? (logs[0] ?? null) : null;
  });
  const [founded] = terms;
  const [old, last] = terms.slice(-2);
  expect(founded).toMatchObject({ founding: true, established: true, recruited: cluster.ids });
  expect(old).toMatchObject({ leader: before, established: true, ended_at: last?.at });
  expect(last).toMatchObject({ leader: after, founding: false, established: true, ended_at: null });
  expect(last?.cause).toMatch(new RegExp(`^${before} says itself that it leads term ${old?.term} no more`));
  expect(last?.recruited).toContain(after);
  expect(last?.lsn).toMatch(/^0\/[0-9A-F]+$/);
  const { detect_ms, recruit_ms, promote_ms, establish_ms } = last?.phases ?? {};
  for (const ms of [detect_ms, recruit_ms, promote_ms, establish_ms]) expect(ms).toBeGreaterThanOrEqual(0);
  expect((recruit_ms ?? 0) + (promote_ms ?? 0)).toBeGreaterThan(0);
}

async function historyOf(cluster: TestCluster, id: string) {
  const { code, stdout } = await quorate(["history", "-c", cluster.home.config, "--node", id, "-o", "json"]);
  return code === 0 ? historyShape.parse(JSON.parse(stdout)).terms : null;
}

/** With one node gone `explain` says who may not die next, and `watch` shows the rest without waiting for it. */
export async function expectExplained(cluster: TestCluster, leader: string, gone: string): Promise<void> {
  const explained = await quorate(["explain", "-c", cluster.home.config, "-o", "json"]);
  expect(explained.code).toBe(0);
  const told = explainShape.parse(JSON.parse(explained.stdout));
  expect(told).toMatchObject({ state: "degraded", leader, writable: true });
  expect(told.may_die).toEqual({ without_pause: [], with_failover: [] });
  expect(told.reasons.join()).toMatch(new RegExp(`^${gone}: `));
  const args = ["watch", "-c", cluster.home.config, "-o", "json", "--interval", "100ms", "--count", "2"];
  const lines = (await quorate(args)).stdout.trimEnd().split("\n");
  const [first] = lines.map((line) => watchShape.parse(JSON.parse(line)));
  expect(lines).toHaveLength(2);
  expect(first).toMatchObject({ leader, silent: [{ id: gone }] });
}
