import { appendFile, mkdir, readFile, stat, truncate } from "node:fs/promises";
import { join } from "node:path";
import { beforeEach, describe, expect, it } from "vitest";
import { RecordFile } from "../../src/agent/record_file.js";
import type { Event } from "../../src/core/events.js";
import { step } from "../../src/core/node.js";
import type { State } from "../../src/core/state.js";
import { replayFiles } from "../sim/replay.js";
import { tempDir } from "../temp_dir.js";
import { freshState, recruit } from "./scripted_ports.js";

const STATUS_LOST: Event = { kind: "peer_lost", peer: "n2", reason: "connection refused", refused: false };

let path: string;
const warnings: string[] = [];

beforeEach(async () => {
  path = join(await tempDir(), "record.jsonl");
  warnings.length = 0;
});

function open(initial: State, bytesMax?: number): Promise<RecordFile> {
  const warn = (text: string) => void warnings.push(text);
  return RecordFile.open({ path, initial, warn, ...(bytesMax === undefined ? {} : { bytesMax }) });
}

async function until(condition: () => unknown): Promise<void> {
  while (!(await condition())) await new Promise((done) => setTimeout(done, 5));
}

/** As a loop on a disk that is always done at once. */
function run(record: RecordFile, before: State, events: readonly Event[]): State {
  let state = before;
  for (const event of events) {
    const stamp = { nowMs: state.volatile.nowMs + 10, jitter: 0.25 };
    const result = step(state, event, stamp);
    record.stepped(event, stamp, result.output, result.state);
    if (result.output.persist !== null) record.persisted();
    state = result.state;
  }
  return state;
}

describe("a record on disk", () => {
  it("is replayed, and is nobody else's to read", async () => {
    const record = await open(freshState());
    run(record, freshState(), [{ kind: "tick" }, recruit(3n), STATUS_LOST, STATUS_LOST, { kind: "tick" }]);
    await record.close();
    expect(await replayFiles([path])).toMatchObject({ runs: 1, steps: 5, cut: 0, torn: 0, problems: [] });
    expect((await stat(path)).mode & 0o777).toBe(0o600);
    expect(warnings).toEqual([]);
  });

  it("does not say twice what a heartbeat repeats", async () => {
    const record = await open(freshState());
    run(record, freshState(), [STATUS_LOST, STATUS_LOST, STATUS_LOST]);
    await record.close();
    expect((await readFile(path, "utf8")).split("connection refused").length).toBe(2);
    expect(await replayFiles([path])).toMatchObject({ steps: 3, problems: [] });
  });

  it("goes on behind what a kill left, a torn line included", async () => {
    const first = await open(freshState());
    const left = run(first, freshState(), [{ kind: "tick" }, recruit(3n), recruit(4n)]);
    await first.close();
    await truncate(path, (await stat(path)).size - 40);
    await appendFile(path, '{"line":"st');
    const initial = { ...freshState("n1", "boot2"), durable: left.durable };
    const second = await open(initial);
    run(second, initial, [recruit(5n)]);
    await second.close();
    expect(await replayFiles([path])).toMatchObject({ runs: 2, cut: 1, torn: 1, problems: [] });
  });

  it("tells of a promise that a restart forgot", async () => {
    const first = await open(freshState());
    run(first, freshState(), [recruit(3n)]);
    await first.close();
    const second = await open(freshState("n1", "boot2"));
    run(second, freshState("n1", "boot2"), [recruit(2n)]);
    await second.close();
    expect((await replayFiles([path])).problems.join()).toMatch(/I5: it began with/);
  });

  it("begins anew when it is full, with the file before beside it", async () => {
    let state = freshState();
    const record = await open(state, 20_000);
    const full = async (file: string) => (await stat(file).catch(() => ({ size: 0 }))).size > 15_000;
    let term = 2n;
    const more = () => {
      state = run(record, state, [recruit(term++), { kind: "tick" }]);
    };
    await until(async () => (await full(`${path}.1`)) || more());
    await until(async () => (await full(path)) || more());
    await record.close();
    const report = await replayFiles([`${path}.1`, path]);
    expect(report).toMatchObject({ files: 2, runs: 2, cut: 0, problems: [] });
    expect(report.steps).toBeGreaterThan(10);
    // The younger file alone has a beginning of its own.
    expect(await replayFiles([path])).toMatchObject({ runs: 1, problems: [] });
  });

  it("ends in the file that it fills with its last lines", async () => {
    const record = await open(freshState(), 1_000);
    let state = freshState();
    for (let term = 2n; term < 12n; term++) state = run(record, state, [recruit(term), { kind: "tick" }]);
    await record.close();
    expect((await stat(path)).size).toBeGreaterThan(1_000);
    expect(await replayFiles([path])).toMatchObject({ files: 1, runs: 1, cut: 0, problems: [] });
  });

  it("ends when the disk refuses, and says so; the sidecar goes on", async () => {
    const record = await open(freshState(), 10);
    // In the way of the full file.
    await mkdir(`${path}.1`);
    const state = run(record, freshState(), [{ kind: "tick" }]);
    await until(() => warnings.length > 0);
    run(record, state, [{ kind: "tick" }]);
    await record.close();
    expect(warnings).toEqual([`the record ${path} ends here; the sidecar goes on without it`]);
    expect(await replayFiles([path])).toMatchObject({ steps: 1, cut: 1, problems: [] });
  });
});
