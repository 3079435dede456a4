import { createServer, type Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, test } from "vitest";
import { registerWatch, renderPicture } from "../../src/cli/commands/watch.js";
import { watchShape } from "../../src/cli/insight_schemas.js";
import { paintFor } from "../../src/cli/paint.js";
import { Polling } from "../../src/cli/polling.js";
import { changesBetween } from "../../src/cli/status_changes.js";
import { fitLines, frameOver, type StopReason, type Terminal } from "../../src/cli/terminal.js";
import { cli } from "./cli_run.js";
import { servedCluster } from "./served_cluster.js";
import { answersOf, statusOf } from "./statuses.js";

const ESC = "\u001b";

class FakeTerminal implements Terminal {
  columns = 200;
  stop: (reason: StopReason) => void = () => undefined;
  resize: () => void = () => undefined;
  readonly isTty: boolean;

  constructor(isTty: boolean) {
    this.isTty = isTty;
  }

  size() {
    return { columns: this.columns, rows: 50 };
  }

  ready() {
    return true;
  }

  onResize(callback: () => void) {
    this.resize = callback;
    return () => undefined;
  }

  onStop(callback: (reason: StopReason) => void) {
    this.stop = callback;
    return () => undefined;
  }
}

describe("what changed", () => {
  test("leader, state and nodes, each once; positions and ages are no change", () => {
    const before = statusOf();
    expect(changesBetween(before, statusOf({ quorum_lsn: "0/9000000" }, { n2: { lag_bytes: 4711 } }))).toEqual([]);
    const after = statusOf(
      { leader: "n2", term: 4, established: false },
      { n1: { reachable: false }, n3: { postgres: "cloning" } },
    );
    expect(changesBetween(before, after)).toEqual([
      "n2 leads term 4, not established yet",
      "no writes",
      "n1 is not reachable",
      "n2 is leader, Postgres running",
      "n3 is follower, Postgres cloning",
    ]);
    expect(changesBetween(before, null)).toEqual(["nobody answers"]);
    expect(changesBetween(null, null)).toEqual([]);
    expect(changesBetween(null, before)).toHaveLength(5);
  });
});

describe("a picture", () => {
  test("says how old it is, the status, and what changed lately, the newest first", () => {
    const status = statusOf();
    const common = { status, answers: answersOf(status), at: "12:00:00", paint: paintFor({}, false) };
    const picture = renderPicture({ ...common, everyMs: 200, events: ["a", "b"] });
    expect(picture).toMatch(/^12:00:00 {2}every 200 ms, Ctrl-C ends\n\ncluster +shop {2}healthy\n/);
    expect(picture).toMatch(/\nchanged lately\n {2}b\n {2}a$/);
    expect(renderPicture({ ...common, everyMs: 2000, events: [] })).toMatch(/every 2 s(.|\n)*n3 [^\n]*$/);
  });

  test("is cut to the screen; colours take no room and do not run on", () => {
    expect(fitLines("abcdef\nx\ny", { columns: 4, rows: 2 })).toEqual(["abc", "x"]);
    const red = `${ESC}[31mabcdef${ESC}[39m`;
    expect(fitLines(red, { columns: 7, rows: 1 })).toEqual([red]);
    expect(fitLines(red, { columns: 4, rows: 1 })).toEqual([`${ESC}[31mabc${ESC}[39m${ESC}[0m`]);
    expect(frameOver(["a", "b"])).toBe(`${ESC}[Ha${ESC}[K\nb${ESC}[K${ESC}[J`);
  });
});

describe("asking again and again", () => {
  test("a node that does not answer holds up nobody, and one that stops answering is said to be silent", async () => {
    const stop = new AbortController();
    const asked = { n1: 0, n2: 0, n3: 0 };
    const status = statusOf();
    const polling = new Polling({
      ids: ["n1", "n2", "n3"],
      everyMs: 5,
      signal: stop.signal,
      ask: async (id, signal) => {
        asked[id as keyof typeof asked] += 1;
        const hangs = id === "n2" || (id === "n3" && asked.n3 > 1);
        if (hangs) await new Promise((resolve) => signal.addEventListener("abort", resolve));
        return { id, status, reason: null, certificateUntilMs: null };
      },
    });
    while (asked.n1 < 10) await sleep(1);
    expect(polling.answers().map((answer) => answer.reason)).toEqual([null, "it has not answered yet", null]);
    expect([asked.n2, asked.n3]).toEqual([1, 2]);
    const last = () => polling.answers().map(({ id, status: told }) => (told === null ? id : ""));
    while (last()[2] === "") await sleep(10);
    expect(polling.answers()[2]?.reason).toMatch(/^no answer for 1(\.\d)? s$/);
    stop.abort();
    await polling.complete;
    expect(polling.answers()[1]?.status).toBeNull();
  });
});

describe("quorate watch", () => {
  const run = (terminal: Terminal, ...args: string[]) => cli(["watch", ...args], [registerWatch(terminal)]);

  test("-o json: one object a line, at once although a node takes the connection and never answers", async () => {
    const { file, portOf, serve } = await servedCluster();
    await serve("n1", { snapshot: () => JSON.stringify(statusOf()) });
    const taken: Socket[] = [];
    const hole = createServer((socket) => taken.push(socket));
    await new Promise<void>((resolve) => hole.listen(portOf("n2"), "127.0.0.1", resolve));
    const startedMs = performance.now();
    const { code, stdout } = await run(
      new FakeTerminal(false),
      "-c",
      file,
      "-o",
      "json",
      "--interval",
      "100ms",
      "--count",
      "3",
    );
    expect(performance.now() - startedMs).toBeLessThan(2500);
    expect(taken.length).toBeGreaterThan(0);
    for (const socket of taken) socket.destroy();
    hole.close();
    expect(code).toBe(0);
    const lines = stdout
      .trimEnd()
      .split("\n")
      .map((line) => watchShape.parse(JSON.parse(line)));
    expect(lines).toHaveLength(3);
    expect(lines[2]).toMatchObject({ leader: "n1", silent: [{ id: "n2" }, { id: "n3" }] });
  });

  test("on a terminal: its own screen, drawn anew when the size changes, left with the last picture; 130 at Ctrl-C", async () => {
    const { file, serve } = await servedCluster();
    const terminal = new FakeTerminal(true);
    let asked = 0;
    await serve("n1", {
      snapshot: () => {
        asked += 1;
        if (asked === 3) {
          terminal.columns = 10;
          terminal.resize();
        }
        if (asked === 4) terminal.stop("SIGINT");
        return JSON.stringify(statusOf());
      },
    });
    const { code, stdout } = await run(terminal, "-c", file, "--interval", "100ms");
    expect(code).toBe(130);
    expect(stdout.startsWith(`${ESC}[?1049h`)).toBe(true);
    const [screen = "", after = ""] = stdout.split(`${ESC}[?1049l`);
    const pictures = screen.split(`${ESC}[H`).slice(1);
    expect(pictures[0]).toMatch(/n1 +leader +running/);
    expect(pictures.at(-1)).not.toMatch(/leader +running/);
    expect(after).toMatch(/n1 +leader +running/);
  });

  test("into a pipe: a line for each change; it ends when nobody reads any more", async () => {
    const { file, serve } = await servedCluster();
    const terminal = new FakeTerminal(false);
    let asked = 0;
    await serve("n1", {
      snapshot: () => {
        asked += 1;
        if (asked === 5) terminal.stop("closed");
        return JSON.stringify(asked < 3 ? statusOf() : statusOf({ leader: "n3", term: 4 }));
      },
    });
    const { code, stdout } = await run(terminal, "-c", file, "--interval", "100ms");
    expect(code).toBe(0);
    const lines = stdout
      .trimEnd()
      .split("\n")
      .map((line) => line.replace(/^\S+Z /, ""));
    expect(lines.filter((line) => /leads/.test(line))).toEqual(["n1 leads term 3", "n3 leads term 4"]);
    expect(stdout).not.toContain(ESC);
  });

  test.each([
    ["--interval", "10ms"],
    ["--interval", "soon"],
    ["--count", "0"],
  ])("%s %s is a mistake of usage", async (...args) => {
    expect(await run(new FakeTerminal(false), ...args)).toMatchObject({ code: 64, stdout: "" });
  });
});
