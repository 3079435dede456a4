import { describe, expect, it } from "vitest";
import { commandLineIn, settingsText } from "../../src/postgres/settings_file.js";
import { asksFor, type Settings, waitingIn } from "../../src/postgres/settings_waiting.js";
import type { SettingWaitingRow } from "../../src/postgres/sql/settings_waiting.js";

const ROW: SettingWaitingRow = {
  ...{ name: "max_connections", raw: "100", boot: "100", shown: "100" },
  ...{ on_command_line: true, pending: false, filed: null, altered: false, error: null },
};

function settings(more: Partial<Settings> = {}): Settings {
  const running = new Map([
    ["config_file", "/s/postgresql.conf"],
    ["max_connections", "100"],
  ]);
  return { running, wanted: new Map(running), filed: {}, userSettings: {}, ...more };
}

function wanted(name: string, value: string): Settings["wanted"] {
  return new Map([...settings().running, [name, value]]);
}

describe("what waits for a restart", () => {
  it("is what the two command lines say differently, and nothing else is asked for", () => {
    const raised = settings({ wanted: wanted("max_connections", "200") });
    expect(asksFor(raised)).toEqual(["max_connections"]);
    expect(waitingIn(raised, [ROW])).toEqual({
      pending: [{ name: "max_connections", from: "100", to: "200" }],
      held: [],
    });
    expect(asksFor(settings())).toEqual([]);
    expect(waitingIn(settings(), [])).toEqual({ pending: [], held: [] });
  });

  it("is not what is only written differently", () => {
    const other = settings({ wanted: wanted("shared_buffers", "128MB") });
    const row = { ...ROW, name: "shared_buffers", raw: "16384", boot: "16384", shown: "128MB", on_command_line: false };
    expect(waitingIn(other, [row]).pending).toEqual([]);
  });

  it("is what Postgres says of a file, with what the file says", () => {
    const row = { ...ROW, name: "shared_buffers", raw: "16384", boot: "16384", shown: "128MB", on_command_line: false };
    expect(waitingIn(settings(), [{ ...row, pending: true, filed: "256MB" }]).pending).toEqual([
      { name: "shared_buffers", from: "128MB", to: "256MB" },
    ]);
    expect(waitingIn(settings(), [{ ...row, pending: true }]).pending).toEqual([
      { name: "shared_buffers", from: "128MB", to: "the default" },
    ]);
  });

  it("is not what a file says against the command line; if it was altered by hand that is told", () => {
    const row = { ...ROW, pending: true, filed: "300" };
    expect(waitingIn(settings(), [row])).toEqual({ pending: [], held: [] });
    expect(waitingIn(settings(), [{ ...row, altered: true }])).toMatchObject({
      pending: [],
      held: [{ name: "max_connections", wanted: "300", runs: "100" }],
    });
  });

  it("is what leaves the command line for a file or for the default, as long as that says something else", () => {
    const running = new Map([...settings().running, ["work_mem", "4MB"]]);
    const row = { ...ROW, name: "work_mem", raw: "4096", boot: "4096", shown: "4MB" };
    expect(waitingIn(settings({ running, filed: { work_mem: "8MB" } }), [row]).pending).toEqual([
      { name: "work_mem", from: "4MB", to: "8MB" },
    ]);
    expect(waitingIn(settings({ running, filed: { work_mem: "4MB" } }), [row]).pending).toEqual([]);
    expect(waitingIn(settings({ running }), [row]).pending).toEqual([]);
    expect(waitingIn(settings({ running }), [{ ...row, raw: "8192", shown: "8MB" }]).pending).toEqual([
      { name: "work_mem", from: "8MB", to: "the default" },
    ]);
  });

  it("waits as a whole where Postgres was started without our file", () => {
    const running = new Map([["max_connections", "100"]]);
    const row = { ...ROW, name: "work_mem", raw: "4096", boot: "4096", shown: "4MB", on_command_line: false };
    const filed = { work_mem: "8MB" };
    expect(asksFor(settings({ running, wanted: running, filed }))).toEqual(["work_mem"]);
    expect(waitingIn(settings({ running, wanted: running, filed }), [row]).pending).toEqual([
      { name: "work_mem", from: "4MB", to: "8MB" },
    ]);
    // With it Postgres has taken the value by itself, or says that it waits.
    expect(asksFor(settings({ filed }))).toEqual([]);
  });

  it("holds up what a standby needs as much of as the log was written with, and says what Postgres does not take", () => {
    const held = settings({ userSettings: { max_connections: "50", max_wal_senders: "9" } });
    expect(waitingIn(held, []).held).toMatchObject([{ name: "max_connections", wanted: "50", runs: "100" }]);
    const row = { ...ROW, name: "work_mem", shown: "4MB", filed: "many", error: "invalid value" };
    expect(waitingIn(settings(), [row]).held).toEqual([
      { name: "work_mem", wanted: "many", runs: "4MB", why: "Postgres does not take it: invalid value" },
    ]);
  });
});

describe("what Postgres is started with", () => {
  it("is read out of postmaster.opts", () => {
    const text = `/usr/bin/postgres "-D" "/d" "-c" "port=1" "-c" "log_line_prefix=%m [%p] %e %q%u@%d " "-c" "restore_command="\n`;
    expect([...commandLineIn(text)]).toEqual([
      ["port", "1"],
      ["log_line_prefix", "%m [%p] %e %q%u@%d "],
      ["restore_command", ""],
    ]);
    expect([...commandLineIn("")]).toEqual([]);
  });

  it("comes after what the directory says itself", () => {
    expect(
      settingsText("/d'q/postgresql.conf", { search_path: `"$user", public`, a: "it's" }).split("\n").slice(1),
    ).toEqual(["include_if_exists = '/d''q/postgresql.conf'", `search_path = '"$user", public'`, "a = 'it''s'", ""]);
  });
});
