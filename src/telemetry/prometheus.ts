/**
 * Counters and histograms of what happened, fed by notes (one note, one log line, one count) and by the state file.
 * Nothing here costs anything while nothing happens. What *is* now is worked out when somebody asks: `http/gauges.ts`.
 */
import { Counter, Histogram, Registry } from "prom-client";
import type { Note } from "../core/effects.js";

export interface EventMetricsOptions {
  readonly cluster: string;
  readonly node: string;
}

/** In seconds: from an idle SSD's fsync to a disk that makes a leader fence itself. */
const FSYNC_BUCKETS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5];
/** In seconds: a part of a failover. */
const PHASE_BUCKETS = [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60];

/** What a note says of an election that this node coordinated, or of a term that it led. */
const RESULTS: Readonly<Record<string, string>> = { elected: "won", election_ended: "given_up" };
const REJOINS: Readonly<Record<string, readonly [method: string, outcome: string]>> = {
  cloning: ["clone", "begun"],
  swapped: ["clone", "done"],
  clone_unfit: ["clone", "thrown_away"],
  clone_failed: ["clone", "failed"],
  rewinding: ["rewind", "begun"],
  rewound: ["rewind", "done"],
};

export class EventMetrics {
  readonly registry = new Registry();
  private readonly notes: Counter<"mark" | "level">;
  private readonly elections: Counter<"result" | "cause">;
  private readonly phases: Histogram<"phase">;
  private readonly rejoins: Counter<"method" | "outcome">;
  private readonly fsync: Histogram;
  /** Of the election under way. */
  private cause = "unknown";

  constructor({ cluster, node }: EventMetricsOptions) {
    const registers = [this.registry];
    this.registry.setDefaultLabels({ cluster, node });
    this.notes = new Counter({
      name: "quorate_notes_total",
      help: "Decisions and findings of the core, by the mark of their log line",
      labelNames: ["mark", "level"],
      registers,
    });
    this.elections = new Counter({
      name: "quorate_elections_total",
      help: "Elections that this node coordinated: begun, won, given_up; cause: first_hand (the leader said so) or silence",
      labelNames: ["result", "cause"],
      registers,
    });
    this.phases = new Histogram({
      name: "quorate_election_phase_seconds",
      help: "Parts of a change of leadership: recruit is measured by the coordinator, promote and establish by the leader",
      labelNames: ["phase"],
      buckets: PHASE_BUCKETS,
      registers,
    });
    this.rejoins = new Counter({
      name: "quorate_rejoins_total",
      help: "Ways back into the cluster that need more than streaming, and how they went",
      labelNames: ["method", "outcome"],
      registers,
    });
    this.fsync = new Histogram({
      name: "quorate_promise_fsync_seconds",
      help: "How long the state file took to be on disk, its directory entry included",
      buckets: FSYNC_BUCKETS,
      registers,
    });
    // A counter that does not exist before its first event has no increase when it happens.
    for (const result of ["begun", "won", "given_up"])
      for (const cause of ["first_hand", "silence"]) this.elections.inc({ result, cause }, 0);
    for (const [method, outcome] of Object.values(REJOINS)) this.rejoins.inc({ method, outcome }, 0);
  }

  note({ mark, level, data }: Note): void {
    this.notes.inc({ mark, level });
    if (mark === "recruiting") {
      this.cause = data.first_hand === true ? "first_hand" : "silence";
      this.elections.inc({ result: "begun", cause: this.cause });
    }
    const result = RESULTS[mark];
    if (result !== undefined) this.elections.inc({ result, cause: this.cause });
    const rejoin = REJOINS[mark];
    if (rejoin !== undefined) this.rejoins.inc({ method: rejoin[0], outcome: rejoin[1] });
    if (mark === "streaming") this.rejoins.inc({ method: String(data.method), outcome: "streams" });
    for (const phase of ["recruit", "promote", "establish"]) {
      const ms = data[`${phase}_ms`];
      if (typeof ms === "number") this.phases.observe({ phase }, ms / 1000);
    }
  }

  /** `ms`: from the request to the callback. */
  persisted(ms: number): void {
    this.fsync.observe(ms / 1000);
  }
}
