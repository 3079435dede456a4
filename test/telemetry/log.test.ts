import { open, readFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { credentials } from "../../src/config/cluster_config.js";
import type { RefusalCode } from "../../src/store/state_format.js";
import { ERROR_CODES } from "../../src/telemetry/error_codes.js";
import { createLog, type Logger } from "../../src/telemetry/log.js";
import { redact, redactText } from "../../src/telemetry/redact.js";
import { tempDir } from "../temp_dir.js";

async function linesOf(write: (logger: Logger) => void): Promise<readonly Record<string, unknown>[]> {
  return (await textOf(write)).map((line) => JSON.parse(line) as Record<string, unknown>);
}

async function textOf(write: (logger: Logger) => void, prefixed = false): Promise<readonly string[]> {
  const path = join(await tempDir(), "log");
  const handle = await open(path, "w");
  const log = createLog({ level: "info", base: { node: "n1" }, fd: handle.fd, prefixed });
  await new Promise((resolve) => setImmediate(resolve));
  write(log.logger);
  log.flush();
  const text = await readFile(path, "utf8");
  await handle.close();
  return text.split("\n").filter((line) => line !== "");
}

describe("log", () => {
  test("for systemd's journal each line begins with its priority", async () => {
    const lines = await textOf((logger) => {
      logger.info("a");
      logger.warn("b");
      logger.error("c");
      logger.child({ part: "x" }).warn("d");
      logger.info("e");
    }, true);
    // A line that is being written in the background when all is flushed may come to lie behind the others.
    const said = lines.map((line) => `${JSON.parse(line.slice(3)).msg} ${line.slice(0, 3)}`);
    expect(said.sort()).toEqual(["a <6>", "b <4>", "c <3>", "d <4>", "e <6>"]);
  });

  test("is one JSON line an entry, with the node, the level as a word and bigints as text", async () => {
    const lines = await linesOf((logger) => {
      logger.info({ term: 7n, evidence: { leader: "n2" } }, "suspected");
      logger.debug("not wanted");
    });
    expect(lines).toHaveLength(1);
    expect(lines[0]).toMatchObject({
      level: "info",
      node: "n1",
      term: "7",
      evidence: { leader: "n2" },
      msg: "suspected",
    });
  });

  test("hides passwords wherever they stand", async () => {
    const error = new Error("cannot reach postgresql://postgres:hunter2@h/db");
    const lines = await linesOf((logger) => {
      logger.info({ password: "hunter2", deep: [{ replication_password: "hunter2", superuserPassword: "hunter2" }] });
      logger.warn("conninfo is host=h password='hun ter2' user=x, uri postgres://a:hunter2@h");
      logger.error({ err: error }, "ALTER ROLE x PASSWORD 'hunter2'");
      logger.error(error);
      logger.info({ role: credentials("postgres", "hunter2") });
      logger.error({ err: error });
      logger.child({ password: "hunter2" }).info("children too");
    });
    expect(JSON.stringify(lines)).not.toMatch(/hunter2|ter2/);
    expect(lines[2]).toMatchObject({ err: { message: "cannot reach postgresql://postgres:[hidden]@h/db" } });
  });

  test("names of files are no secrets, and circles end", () => {
    const circle: Record<string, unknown> = { password_file: "/etc/pw", password: null };
    circle.self = circle;
    expect(redact(circle)).toMatchObject({ password_file: "/etc/pw", password: null });
    expect(redactText("password_file missing")).toBe("password_file missing");
  });
});

describe("error codes", () => {
  test("every refusal of the state file has its entry", () => {
    const codes: Record<RefusalCode, true> = { torn: true, foreign: true, newer_format: true, unreadable: true };
    for (const code of Object.keys(codes)) expect(ERROR_CODES).toHaveProperty(`state_${code}`);
  });
});
