import { readdirSync, readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { encodeLine } from "../../src/agent/record.js";
import { replayRecords } from "./replay.js";
import { recordScript } from "./replay_memory.js";
import { parseRecord } from "./replay_record.js";

const SCRIPTS = new URL("../datadriven/", import.meta.url);
const FOUNDED = "cluster n1 n2 n3\nstart n1 n2 n3\nadvance 3000\nwrite n1 x\n";
const FAILED_OVER = `${FOUNDED}crash n1\nadvance 6000\nwrite n2 y\nstart n1\nadvance 6000\n`;

/** The commands of a script, without what followed from them. */
function commandsOf(text: string): string {
  const blocks = text.trimEnd().split(/\n{2,}/);
  return blocks.map((block) => block.split(/^----$/m)[0] ?? "").join("\n");
}

function problemsOf(records: ReadonlyMap<string, string>): readonly string[] {
  return replayRecords([...records].map(([id, text]) => parseRecord(id, text))).problems;
}

/** The record of n1 with its lines changed. */
function changed(change: (lines: string[]) => string[], script = FAILED_OVER): readonly string[] {
  const records = new Map(recordScript(script));
  const lines = (records.get("n1") ?? "").trimEnd().split("\n");
  records.set("n1", `${renumber(change(lines)).join("\n")}\n`);
  return problemsOf(records);
}

/** As somebody would who wants the change not to be noticed. */
function renumber(lines: string[]): string[] {
  let n = 0;
  return lines.map((line) => {
    if (line.includes('"line":"begin"')) n = 0;
    if (line.includes('"line":"step"')) n += 1;
    return line.replace(/("line":"(?:step|persisted)","n":)\d+/, (_, head: string) => `${head}${n}`);
  });
}

const FROM_THE_PAST = /^n\d: run 2: I5: it began with .* having left /;

/** What these show is what a record of it must be refused for. */
const REFUSED: Readonly<Record<string, RegExp>> = {
  "foreign_cluster_is_not_heard.txt": /^the nodes hold data of different systems/,
  "pause_of_another_cluster.txt": /^the nodes hold data of different systems/,
  "restored_directory_is_quarantined.txt": /^n3: run 2: I5: it began with .* having left /,
  ...Object.fromEntries(
    [
      "lease_grant_from_the_past",
      "restored_catches_up",
      "restored_elects_nobody",
      "restored_follows_again",
      "restored_from_the_past",
      "restored_is_not_promoted",
      "restored_others_remember",
      "restored_streams_and_lags",
      "restored_unheard",
      "switchover_best_placed",
      "switchover_without_a_vote",
    ].map((name) => [`${name}.txt`, FROM_THE_PAST]),
  ),
};

describe("what the loops of a script did is done again", () => {
  // The loops of a simulated run are another world's, which writes nothing down.
  const names = readdirSync(SCRIPTS).filter((name) => name.endsWith(".txt") && !name.startsWith("sim_"));
  it.each(names)("%s", (name) => {
    const records = recordScript(commandsOf(readFileSync(new URL(name, SCRIPTS), "utf8")));
    const report = replayRecords([...records].map(([id, recorded]) => parseRecord(id, recorded)));
    const refused = REFUSED[name];
    expect(report.problems).toEqual(refused === undefined ? [] : [expect.stringMatching(refused)]);
    expect(report.steps).toBeGreaterThan(0);
  });

  it("a failover: both leaders and what they decided", () => {
    const records = recordScript(FAILED_OVER);
    const report = replayRecords([...records].map(([id, text]) => parseRecord(id, text)));
    expect(report).toMatchObject({ files: 3, runs: 4, cut: 0, torn: 0, problems: [] });
    expect(report.summary).toMatch(/^term 2: n1 led, decided up to 2:.*\nterm 3: n\d led, decided up to 3:/);
    expect(report.steps).toBeGreaterThan(100);
  });
});

describe("a record that was changed is no run of this core", () => {
  it("another promise", () => {
    const found = changed((lines) => {
      const at = lines.findIndex((line) => line.includes('"persist":{'));
      return lines.map((line, i) =>
        i === at ? line.replace(/("persist":.*?"promise":\{"term":\{"\$bigint":")\d+/, "$17") : line,
      );
    });
    expect(found.join()).toMatch(/it persisted .*"7".*and now would persist/);
  });

  it("a promise that was forgotten in a restart", () => {
    const found = changed((lines) => {
      const at = lines.findLastIndex((line) => line.includes('"line":"begin"'));
      return lines.map((line, i) => (i === at ? (lines[0] ?? "") : line));
    });
    expect(found.join()).toMatch(/I5: it began with/);
  });

  it("an event is missing, whichever it is that did anything", () => {
    const lines = (recordScript(FOUNDED).get("n1") ?? "").split("\n");
    const acted = lines.flatMap((line, i) => (/"line":"step".*"effects":\["/.test(line) ? [i] : []));
    expect(acted.length).toBeGreaterThan(10);
    for (const at of acted) {
      expect(
        changed((all) => all.filter((_, i) => i !== at), FOUNDED),
        `without line ${at + 1}`,
      ).not.toEqual([]);
    }
  });

  it("any line is missing, and the numbers tell", () => {
    const lines = (recordScript(FOUNDED).get("n1") ?? "").split("\n");
    const steps = lines.flatMap((line, i) => (line.includes('"line":"step"') ? [i] : []));
    for (const at of steps.slice(0, -1)) {
      const text = lines.filter((_, i) => i !== at).join("\n");
      expect(parseRecord("n1", text).problems.join()).toMatch(/missing or out of order/);
    }
  });

  it("two events changed places", () => {
    const found = changed((lines) => {
      const at = lines.findIndex((line, i) => line.includes('"effects":["') && lines[i + 1]?.includes('"effects":["'));
      return lines.map((line, i) => (i === at ? lines[at + 1] : i === at + 1 ? lines[at] : line) ?? "");
    });
    expect(found).not.toEqual([]);
  });

  it("an event was handled before the word of the step before was on disk", () => {
    const found = changed((lines) => {
      const at = lines.findIndex((line) => line.includes('"line":"persisted"'));
      return lines.filter((_, i) => i !== at);
    });
    expect(found.join()).toMatch(/before the word of the step before was on disk/);
  });

  it("a step that the core refused, whether or not it would again", () => {
    const [begin = ""] = (recordScript(FOUNDED).get("n1") ?? "").split("\n");
    const stamp = { nowMs: 0, jitter: 0 };
    const broke = encodeLine({ line: "broke", n: 1, stamp, event: { kind: "tick" }, reason: "I4: for this test" });
    const found = problemsOf(new Map([["n1", `${begin}\n${broke}`]]));
    expect(found.join()).toMatch(/ended itself at tick, and would not again: I4: for this test/);
  });

  it("another effect", () => {
    const found = changed((lines) => lines.map((line) => line.replace("note:promised#", "note:promised#0")));
    expect(found.join()).toMatch(/effect \d+ was note:promised#0/);
  });
});

describe("records that cannot be of one cluster", () => {
  it("two leaders of one term, and answers that nobody gave", () => {
    // In the first run n2 leads term 3. In the second one it was away during a write, so n3 does.
    const first = recordScript(FAILED_OVER);
    const second = recordScript(`${FOUNDED}crash n2\nwrite n1 z\ncrash n1\nstart n2\nadvance 9000\n`);
    const mixed = new Map([
      ["n2", first.get("n2") ?? ""],
      ["n3", second.get("n3") ?? ""],
    ]);
    for (const [id, text] of mixed) expect(problemsOf(new Map([[id, text]]))).toEqual([]);
    const found = problemsOf(mixed).join("\n");
    expect(found).toMatch(/I3: .* were established in term 3/);
    expect(found).toMatch(/I5: n2\S* heard an answer that n3\S* never gave/);
  });

  it("a later leader without what was decided before", () => {
    const whole = recordScript(FAILED_OVER);
    // In the other run of term 2 more was decided than this leader of term 3 knows of.
    const longer = recordScript(`${FOUNDED}write n1 a\nwrite n1 b\nwrite n1 c\n`);
    const leader = /term 3: (n\d)/.exec(
      replayRecords([...whole].map(([id, text]) => parseRecord(id, text))).summary,
    )?.[1];
    const mixed = new Map([
      ["n1", longer.get("n1") ?? ""],
      [leader ?? "", whole.get(leader ?? "") ?? ""],
    ]);
    expect(problemsOf(mixed).join("\n")).toMatch(/I1: .* was established in term 3 without 2:/);
  });
});

describe("a record that was cut short", () => {
  const text = recordScript(FAILED_OVER).get("n2") ?? "";

  it("in the middle of its last line: accepted, and said", () => {
    const torn = text.slice(0, Math.floor(text.length * 0.7));
    const record = parseRecord("n2", torn);
    expect(record).toMatchObject({ torn: 1, problems: [] });
    expect(replayRecords([record])).toMatchObject({ torn: 1, cut: 1, problems: [] });
  });

  it("torn, and begun again by the next run", () => {
    const [n1] = [recordScript(FAILED_OVER).get("n1") ?? ""];
    const second = n1.lastIndexOf('{"line":"begin"');
    const torn = `${n1.slice(0, second).slice(0, -300)}\n${n1.slice(second)}`;
    expect(replayRecords([parseRecord("n1", torn)])).toMatchObject({ torn: 1, cut: 1, runs: 2, problems: [] });
  });

  it("torn in the middle: no record", () => {
    const lines = text.split("\n");
    lines[5] = lines[5]?.slice(0, 20) ?? "";
    expect(parseRecord("n2", lines.join("\n")).problems.join()).toMatch(/n2:6: no line of a record/);
  });
});
