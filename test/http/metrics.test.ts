import { describe, expect, test } from "vitest";
import type { Note } from "../../src/core/effects.js";
import { gaugesText } from "../../src/http/gauges.js";
import { patroniText } from "../../src/http/patroni_metrics.js";
import type { Look, View } from "../../src/http/view.js";
import { EventMetrics } from "../../src/telemetry/prometheus.js";
import { follower, leader, row } from "./fake_view.js";

const OPTIONS = { cluster: "shop", node: "n1", version: "0.1.0", nodeVersion: "20.20.2" };
const FIGURES = { cpuSeconds: 1.5, residentBytes: 5e7, startedUnixSeconds: 1.7e9 };

/** Values by name and the labels that are not on every metric. */
async function gauges(look: View | Look): Promise<Record<string, number>> {
  const seen: Look = "kind" in look ? look : { kind: "seen", view: look };
  return valuesOf(await gaugesText(seen, FIGURES, OPTIONS));
}

function valuesOf(text: string): Record<string, number> {
  const values: Record<string, number> = {};
  for (const line of text.split("\n")) {
    const [, name, labels = "", value] = /^([a-z_]+)(?:\{(.*)\})? (\S+)$/.exec(line) ?? [];
    if (name === undefined) continue;
    const own = labels.split(",").filter((label) => !/^(cluster|node|scope|name)="/.test(label));
    values[own.join() === "" ? name : `${name} ${own.join()}`] = Number(value);
  }
  return values;
}

function note(mark: string, data: Note["data"] = {}): Note {
  return { kind: "note", level: "info", mark, text: mark, data };
}

describe("gauges", () => {
  test("of a leader", async () => {
    expect(await gauges(leader())).toMatchObject({
      ...{ quorate_loop_fresh: 1, quorate_postgres_up: 1, quorate_primary: 1, quorate_replica: 0, quorate_term: 3 },
      ...{ quorate_promised_term: 3, quorate_timeline: 3, quorate_leader_known: 1, quorate_ruleset_term: 3 },
      ...{ quorate_flush_lsn_bytes: 0x3000400, quorate_quorum_lsn_bytes: 0x3000300, quorate_quorum_lag_bytes: 256 },
      ...{ quorate_policy_satisfied: 1, quorate_failures_tolerated: 1, quorate_blocked: 0 },
      ...{ 'quorate_member_reachable member="n2"': 1, 'quorate_member_ack_age_seconds member="n3"': 0.04 },
      ...{ process_cpu_seconds_total: 1.5, process_resident_memory_bytes: 5e7 },
    });
  });

  test("of a follower: what only a leader knows is left out, not zero", async () => {
    const values = await gauges(follower());
    expect(values).toMatchObject({ quorate_primary: 0, quorate_replica: 1, quorate_streaming: 1 });
    for (const name of ["quorate_policy_satisfied", "quorate_failures_tolerated", "quorate_quorum_lsn_bytes"])
      expect(values).not.toHaveProperty(name);
  });

  test("a leader whose followers do not stream has no quorum", async () => {
    const alone = [row("n1"), row("n2", { streaming: false }), row("n3", { reachable: false })];
    expect(await gauges(leader({}, { nodes: alone, survives: [] }))).toMatchObject({
      ...{ quorate_policy_satisfied: 0, quorate_failures_tolerated: 0, 'quorate_member_reachable member="n3"': 0 },
    });
    const elsewhere = [row("n1"), row("n2", { term: 2 }), row("n3", { voter: false })];
    expect(await gauges(leader({}, { nodes: elsewhere }))).toMatchObject({ quorate_policy_satisfied: 0 });
  });

  test("leases, where there are any", async () => {
    expect(await gauges(leader({ leaseLeftMs: 750 }))).toMatchObject({ quorate_lease_seconds: 0.75 });
    expect(await gauges(leader())).not.toHaveProperty("quorate_lease_seconds");
  });

  test("of a loop that does not turn nothing is claimed", async () => {
    const names = Object.keys(await gauges({ kind: "stuck", reason: "x" })).map((name) => name.split(" ")[0]);
    expect(names).toEqual([
      ...["process_cpu_seconds_total", "quorate_build_info", "quorate_loop_fresh", "process_resident_memory_bytes"],
      "process_start_time_seconds",
    ]);
    expect(await gauges({ kind: "stuck", reason: "x" })).toMatchObject({ quorate_loop_fresh: 0 });
  });

  test("under another system's names", async () => {
    const text = await patroniText(leader(), "shop");
    expect(text).toContain('patroni_primary{scope="shop",name="n1"} 1');
    expect(valuesOf(text)).toMatchObject({
      ...{
        patroni_postgres_running: 1,
        patroni_replica: 0,
        patroni_xlog_location: 0x3000400,
        patroni_postgres_state: 5,
      },
      ...{ patroni_postgres_server_version: 150018, patroni_postgres_timeline: 3, patroni_cluster_unlocked: 0 },
    });
    expect(valuesOf(await patroniText(follower(), "shop"))).toMatchObject({
      ...{ patroni_primary: 0, patroni_replica: 1, patroni_quorum_standby: 1, patroni_xlog_location: 0 },
      ...{ patroni_xlog_received_location: 0x3000300, patroni_xlog_replayed_location: 0x3000200 },
    });
  });
});

describe("counters", () => {
  test("one note is one count; elections by result and cause, phases in seconds, ways back", async () => {
    const metrics = new EventMetrics({ cluster: "shop", node: "n1" });
    metrics.note(note("recruiting", { first_hand: true }));
    metrics.note(note("chosen", { recruit_ms: 90 }));
    metrics.note(note("established", { promote_ms: 250, establish_ms: 40 }));
    metrics.note(note("elected"));
    metrics.note(note("recruiting", { first_hand: false }));
    metrics.note(note("election_ended"));
    for (const mark of ["cloning", "swapped"]) metrics.note(note(mark));
    metrics.note(note("streaming", { method: "clone" }));
    metrics.persisted(3);
    const values = valuesOf(await metrics.registry.metrics());
    expect(values).toMatchObject({
      'quorate_notes_total mark="recruiting",level="info"': 2,
      'quorate_elections_total result="begun",cause="first_hand"': 1,
      'quorate_elections_total result="won",cause="first_hand"': 1,
      'quorate_elections_total result="begun",cause="silence"': 1,
      'quorate_elections_total result="given_up",cause="silence"': 1,
      'quorate_elections_total result="won",cause="silence"': 0,
      'quorate_election_phase_seconds_sum phase="recruit"': 0.09,
      'quorate_election_phase_seconds_sum phase="promote"': 0.25,
      'quorate_election_phase_seconds_count phase="establish"': 1,
      'quorate_rejoins_total method="clone",outcome="done"': 1,
      'quorate_rejoins_total method="clone",outcome="streams"': 1,
      quorate_promise_fsync_seconds_sum: 0.003,
    });
  });
});
