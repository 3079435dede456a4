import { execFileSync } from "node:child_process";
import { fstatSync, openSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { isJournal } from "../../src/systemd/journal.js";
import { ServiceManager } from "../../src/systemd/notify.js";
import { Watchdog } from "../../src/systemd/watchdog.js";
import { tempDir } from "../temp_dir.js";
import { NotifySocket } from "./notify_socket.js";

function managerOf(path: string, env: Record<string, string> = {}, program?: string) {
  const warnings: string[] = [];
  const manager = new ServiceManager({
    env: { PATH: process.env.PATH, NOTIFY_SOCKET: path, ...env },
    ...{ pid: 42, warn: (text: string) => void warnings.push(text) },
    ...(program === undefined ? {} : { program }),
  });
  return { manager, warnings };
}

async function until(condition: () => boolean): Promise<void> {
  const deadline = performance.now() + 10_000;
  while (!condition()) {
    if (performance.now() > deadline) throw new Error("not within 10 s");
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

describe("what systemd is told", () => {
  test("ready and stopping, with a line for people", async () => {
    const socket = await NotifySocket.listen();
    const { manager, warnings } = managerOf(socket.path);
    await manager.send({ READY: "1", STATUS: "leads term 3,\nPostgres runs" });
    await manager.send({ STOPPING: "1" });
    await socket.until("two messages", () => socket.messages.length === 2);
    expect(socket.messages).toEqual(["READY=1\tSTATUS=leads term 3, Postgres runs", "STOPPING=1"]);
    expect(warnings).toEqual([]);
  });

  test("nothing without a socket, and no program is started", async () => {
    const { manager, warnings } = managerOf("", {}, "/nowhere/at/all");
    await manager.send({ READY: "1" });
    expect([manager.listens, manager.watchdogMs, warnings]).toEqual([false, null, []]);
  });

  test("a program that cannot be run is said once, and nothing waits for it", async () => {
    const { manager, warnings } = managerOf("/some/socket", {}, "/nowhere/at/all");
    await manager.send({ READY: "1" });
    await manager.send({ WATCHDOG: "1" });
    expect(warnings).toEqual([expect.stringMatching(/systemd hears nothing of this sidecar.*ENOENT/)]);
  });

  test.each([
    [{ WATCHDOG_USEC: "30000000", WATCHDOG_PID: "42" }, 30_000],
    [{ WATCHDOG_USEC: "30000000" }, 30_000],
    [{ WATCHDOG_USEC: "30000000", WATCHDOG_PID: "43" }, null],
    [{ WATCHDOG_USEC: "0" }, null],
    [{ WATCHDOG_USEC: "soon" }, null],
    [{}, null],
  ])("the watchdog's period in %j is %s", (env, expected) => {
    expect(managerOf("/some/socket", env as Record<string, string>).manager.watchdogMs).toBe(expected);
  });
});

describe("the watchdog", () => {
  test("tells of life while the loop turns, and of nothing while it does not", async () => {
    const socket = await NotifySocket.listen();
    const { manager } = managerOf(socket.path, { WATCHDOG_USEC: "100000" });
    let turns = true;
    const warnings: string[] = [];
    const progress = () => Promise.resolve(turns ? "leads term 3" : null);
    const watchdog = new Watchdog(manager, progress, (text) => void warnings.push(text));
    watchdog.start();
    const beats = () => socket.count("WATCHDOG=1\tSTATUS=leads term 3");
    await socket.until("three signs of life", () => beats() >= 3);
    turns = false;
    await until(() => warnings.length >= 2);
    expect(warnings[0]).toMatch(/the loop does not turn/);
    // One that was sent just before may still be on its way.
    const heard = beats();
    await until(() => warnings.length >= 6);
    expect(beats() - heard).toBeLessThanOrEqual(1);
    turns = true;
    await socket.until("it to go on", () => beats() >= heard + 2);
    watchdog.stop();
  });

  test("once stopped it is silent", async () => {
    const { manager } = managerOf("/some/socket", { WATCHDOG_USEC: "20000" }, "true");
    let asked = 0;
    const progress = () => {
      asked += 1;
      return Promise.resolve("leads");
    };
    const watchdog = new Watchdog(manager, progress, () => undefined);
    watchdog.start();
    await until(() => asked >= 2);
    watchdog.stop();
    const then = asked;
    // Another one of the same period, begun later, has beaten three times meanwhile.
    let others = 0;
    const other = new Watchdog(
      manager,
      () => Promise.resolve(String(others++)),
      () => undefined,
    );
    other.start();
    await until(() => others >= 3);
    other.stop();
    expect(asked).toBe(then);
  });
});

describe("the journal", () => {
  test("is recognised by device and inode of the descriptor", async () => {
    const fd = openSync(join(await tempDir(), "log"), "w");
    const { dev, ino } = fstatSync(fd, { bigint: true });
    expect(isJournal(`${dev}:${ino}`, fd)).toBe(true);
    expect(isJournal(`${dev}:${ino + 1n}`, fd)).toBe(false);
    expect(isJournal(undefined, fd)).toBe(false);
  });

  test("the unit file is one that systemd takes", () => {
    const unit = new URL("../../deploy/quorate.service", import.meta.url).pathname;
    // It also looks whether the programs of the unit exist, which is no matter here.
    const said = (() => {
      try {
        return execFileSync("systemd-analyze", ["verify", "--man=no", unit], {
          stdio: ["ignore", "pipe", "pipe"],
        }).toString();
      } catch (error) {
        return String((error as { stderr?: Buffer }).stderr);
      }
    })();
    expect(
      said.split("\n").filter((line) => line.includes("quorate.service") && !line.includes("is not executable")),
    ).toEqual([]);
  });
});
