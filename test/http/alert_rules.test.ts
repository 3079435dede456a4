import { readFileSync } from "node:fs";
import { parser } from "@prometheus-io/lezer-promql";
import { beforeAll, describe, expect, test } from "vitest";
import { parse } from "yaml";
import { z } from "zod";
import { gaugesText } from "../../src/http/gauges.js";
import { EventMetrics } from "../../src/telemetry/prometheus.js";
import { leader } from "./fake_view.js";

/** The rule file as Prometheus reads it, which refuses keys that it does not know. */
const rule = z.strictObject({
  alert: z.string().regex(/^Quorate[A-Za-z]+$/),
  expr: z.string(),
  for: z
    .string()
    .regex(/^\d+[smh]$/)
    .optional(),
  labels: z.strictObject({ severity: z.enum(["critical", "warning"]) }),
  annotations: z.strictObject({ summary: z.string(), action: z.string() }),
});
const ruleFile = z.strictObject({ groups: z.array(z.strictObject({ name: z.string(), rules: z.array(rule) })) });

const { groups } = ruleFile.parse(
  parse(readFileSync(new URL("../../deploy/quorate.rules.yml", import.meta.url), "utf8")),
);
const rules = groups.flatMap((group) => group.rules);
/** What Prometheus itself knows of each target. */
const OF_PROMETHEUS = ["up"];

interface Used {
  readonly metrics: readonly string[];
  readonly labels: readonly string[];
  readonly errors: number;
}

/** By Prometheus' own grammar. */
function read(expr: string): Used {
  const found = { metrics: [] as string[], labels: [] as string[], errors: 0 };
  parser.parse(expr).iterate({
    enter(node) {
      const text = expr.slice(node.from, node.to);
      if (node.type.isError) found.errors += 1;
      // The name of a metric, inside a selector.
      if (node.name === "Identifier" && node.node.parent?.name === "VectorSelector") found.metrics.push(text);
      if (node.name === "LabelName") found.labels.push(text);
    },
  });
  return found;
}

/** Names of all series that a leader serves, with their labels. */
const series = new Map<string, Set<string>>();

beforeAll(async () => {
  const metrics = new EventMetrics({ cluster: "shop", node: "n1" });
  const figures = { cpuSeconds: 1, residentBytes: 1, startedUnixSeconds: 1 };
  const options = { cluster: "shop", node: "n1", version: "0", nodeVersion: "0" };
  const text =
    (await gaugesText({ kind: "seen", view: leader() }, figures, options)) + (await metrics.registry.metrics());
  for (const line of text.split("\n")) {
    const [, name, labels = ""] = /^([a-z_]+)(?:\{(.*)\})? \S+$/.exec(line) ?? [];
    if (name === undefined) continue;
    const known = series.get(name) ?? new Set();
    for (const [, label] of labels.matchAll(/([a-z_]+)="/g)) if (label !== undefined) known.add(label);
    series.set(name, known);
  }
});

describe("deploy/quorate.rules.yml", () => {
  test("has ten alerts, each under a name of its own", () => {
    expect(rules).toHaveLength(10);
    expect(new Set(rules.map(({ alert }) => alert)).size).toBe(10);
  });

  test("the reader of expressions sees mistakes", () => {
    expect(read("max by (cluster) (quorate_primary) == ").errors).toBeGreaterThan(0);
    expect(read("sum(rate(a{b='c'}[5m]))")).toEqual({ metrics: ["a"], labels: ["b"], errors: 0 });
  });

  test.each(rules.map(({ alert, expr }) => [alert, expr]))("%s asks for what is served", (_alert, expr) => {
    const { metrics, labels, errors } = read(expr);
    expect(errors).toBe(0);
    expect(metrics.length).toBeGreaterThan(0);
    const known = new Set(["job", "instance", "le"]);
    for (const metric of metrics) {
      if (OF_PROMETHEUS.includes(metric)) continue;
      expect([...series.keys()]).toContain(metric);
      for (const label of series.get(metric) ?? []) known.add(label);
    }
    for (const label of labels) expect([...known]).toContain(label);
  });

  test("the annotations name only labels that the alert has", () => {
    for (const { expr, annotations } of rules) {
      const by = /^(?:max|min|sum) by \(([^)]*)\)/.exec(expr)?.[1]?.split(/,\s*/);
      for (const [, label = ""] of `${annotations.summary} ${annotations.action}`.matchAll(/\$labels\.(\w+)/g))
        expect(by ?? ["cluster", "node", "instance", "job"]).toContain(label);
    }
  });
});
