import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { PostgresReport } from "../../src/core/events.js";
import { POSITION_EMPTY } from "../../src/core/log/position.js";
import type { RulesetRecord } from "../../src/core/ruleset/ruleset.js";
import { LocalPostgres } from "../../src/postgres/local_postgres.js";
import { listByDataDir } from "../../src/postgres/proc_table.js";
import { Cluster, INSTALLATIONS } from "./replication_cluster.js";
import { until } from "./replication_node.js";

const PASSWORDS = { superuserPassword: "super-secret", replicationPassword: "repl-secret" };
/** Far below the deadline of the operation under way, 5 s. */
const AT_ONCE_MS = 1_000;

describe.each(INSTALLATIONS)("an emergency fence waits for no operation: $title", (installation) => {
  let cluster: Cluster;
  let postgres: LocalPostgres;
  const reports: PostgresReport[] = [];
  const reported = (what: string, fits: (report: PostgresReport) => boolean) =>
    until(what, async () => reports.some(fits));
  const ended = (op: number) => (report: PostgresReport) => "op" in report && report.op === op;

  beforeAll(async () => {
    cluster = await Cluster.create(installation);
    const template = await cluster.node("n1");
    const home = join(cluster.dir, "fenced");
    await mkdir(home);
    postgres = new LocalPostgres({
      self: "n1",
      incarnation: "0",
      start: {
        binaries: cluster.binaries,
        user: cluster.user,
        dataDir: join(home, "pgdata"),
        stateDir: join(home, "state"),
        port: template.port,
        listenAddresses: ["127.0.0.1"],
        hba: { superuser: "postgres", replicationUser: "quorate_replication" },
      },
      report: (report) => void reports.push(report),
      timed: () => undefined,
      said: () => undefined,
      warn: (text, cause) => {
        throw new Error(text, { cause });
      },
      credentials: { current: () => PASSWORDS, ensure: async () => ({ ...PASSWORDS, replicationMade: true }) },
      idAt: () => null,
      placeOf: () => null,
      slots: () => null,
      evidence: () => null,
    });
  });
  afterAll(async () => {
    await postgres?.close();
    await cluster?.destroy();
  });

  it("ends every process while new names wait for a frozen postmaster, and the next standstill comes after it", async () => {
    const dataDir = join(cluster.dir, "fenced", "pgdata");
    const names = 'ANY 1 ("n2@2")';
    const term = 2n;
    const cohort = [{ id: "n1", incarnation: "n1-a", labels: {}, eligible: true }];
    const record: RulesetRecord = {
      ...{ number: { term, subterm: 0 }, state: "proposed", writtenBy: "n1" },
      ruleset: { policy: { kind: "majority" }, cohort },
    };
    postgres.perform(1, {
      kind: "promote",
      term,
      position: POSITION_EMPTY,
      names,
      followers: [{ id: "n2", incarnation: "i-n2" }],
      founding: true,
    });
    postgres.perform(2, { kind: "write_record", term, record, standing: [], founding: true, cause: "a test" });
    postgres.perform(3, { kind: "set_door", open: true });
    await reported("its door is open", (r) => r.kind === "door_set");

    const processes = listByDataDir(dataDir);
    const own = new Set(processes.map(({ pid }) => pid));
    const postmaster = processes.find(({ parent }) => !own.has(parent));
    if (postmaster === undefined) throw new Error("there is no postmaster");
    process.kill(postmaster.pid, "SIGSTOP");
    postgres.perform(4, { kind: "set_names", names: 'ANY 1 ("n3@2")' });
    const fromMs = performance.now();
    postgres.perform(5, { kind: "emergency_fence" });
    postgres.perform(6, { kind: "revoke", names: null });
    await reported("it is gone", (r) => r.kind === "gone");

    expect(performance.now() - fromMs).toBeLessThan(AT_ONCE_MS);
    await reported("the operation under way fails by it", ended(4));
    expect(reports.find(ended(4))?.kind).toBe("failed");
    await reported("it stands still", ended(6));
    expect(reports.find(ended(6))).toMatchObject({ kind: "revoked", position: { timeline: term }, door: "shut" });
  });
});
