import { describe, expect, it } from "vitest";
import { applyChanges, parseAutoConf } from "../../src/postgres/auto_conf.js";
import { parseControlData } from "../../src/postgres/control_data.js";
import { hbaContent } from "../../src/postgres/doors.js";
import { parsePostmasterPid } from "../../src/postgres/postmaster_pid.js";
import { postgresEnvironment } from "../../src/postgres/process.js";
import { readAnswer } from "../../src/postgres/startup_probe.js";

describe("postgresql.auto.conf", () => {
  it("keeps foreign lines and replaces every line of a changed name", () => {
    const before = "# comment\nwork_mem = '5MB'\nPrimary_ConnInfo='old'\nprimary_conninfo = 'older'\n";
    expect(applyChanges(before, { primary_conninfo: "host=x", primary_slot_name: null })).toBe(
      "# comment\nwork_mem = '5MB'\nprimary_conninfo = 'host=x'\n",
    );
  });

  it("reads back what it wrote, whatever the characters", () => {
    const value = `ANY 1 ("a'b\\c") # not a comment`;
    expect(parseAutoConf(applyChanges("", { synchronous_standby_names: value }))).toEqual({
      synchronous_standby_names: value,
    });
  });

  it("refuses a value that would become a second line", () => {
    expect(() => applyChanges("", { primary_conninfo: "x\nfsync = off" })).toThrow(/one line/);
  });

  it("lets the last line of a name win, as Postgres does", () => {
    expect(parseAutoConf("a = 1\nA 2 # two\n")).toEqual({ a: "2" });
  });
});

describe("the hba file", () => {
  const roles = { superuser: "postgres", replicationUser: "quorate_replication" };

  it("shut: ours alone", () => {
    expect(
      hbaContent({ door: "shut", ...roles, userLines: ["host all all all trust"] })
        .split("\n")
        .slice(1, -1),
    ).toEqual([
      'local all "postgres" trust',
      'local replication "postgres" trust',
      'host replication "quorate_replication" all scram-sha-256',
      "local all all reject",
      "local replication all reject",
      "host all all all reject",
      "host replication all all reject",
    ]);
  });

  it("open: the probe before the user's lines, which may be anything", () => {
    const lines = hbaContent({ door: "open", ...roles, userLines: ["host all all all reject"] }).split("\n");
    expect(lines.indexOf("host all quorate_probe samehost scram-sha-256")).toBeLessThan(
      lines.indexOf("host all all all reject"),
    );
    expect(hbaContent({ door: "open", ...roles })).toContain("host all all all scram-sha-256");
  });

  it("lets the replication role in where pg_rewind reads, behind an open door only", () => {
    const line = `host postgres "${roles.replicationUser}" all scram-sha-256`;
    const lines = hbaContent({ door: "open", ...roles, userLines: ["host all all all reject"] }).split("\n");
    expect(lines.indexOf(line)).toBeGreaterThan(0);
    expect(lines.indexOf(line)).toBeLessThan(lines.indexOf("host all all all reject"));
    expect(hbaContent({ door: "shut", ...roles })).not.toContain(line);
  });

  it("takes no role name that could become a line of its own", () => {
    expect(() => hbaContent({ door: "shut", superuser: 'x" trust\nhost', replicationUser: "r" })).toThrow(
      /cannot stand/,
    );
  });
});

describe("the answer to the probe", () => {
  const message = (kind: string, body: Buffer): Buffer => {
    const head = Buffer.alloc(5);
    head.write(kind, 0, "latin1");
    head.writeInt32BE(body.length + 4, 1);
    return Buffer.concat([head, body]);
  };
  const refusal = message("E", Buffer.from("SFATAL\0C28000\0Mno entry\0\0"));

  it("is read as soon as it is whole, wherever it was cut", () => {
    for (let length = 0; length < refusal.length; length++) expect(readAnswer(refusal.subarray(0, length))).toBeNull();
    expect(readAnswer(refusal)).toEqual({ kind: "shut" });
  });

  it("is open only for a request of SASL", () => {
    expect(readAnswer(message("R", Buffer.from([0, 0, 0, 10, 0])))).toEqual({ kind: "open" });
    expect(readAnswer(message("R", Buffer.from([0, 0, 0, 0])))).toEqual({
      kind: "unknown",
      reason: "authentication request 0",
    });
  });

  it("is unknown for any other error or anything else", () => {
    expect(readAnswer(message("E", Buffer.from("C57P03\0Mstarting up\0\0")))).toEqual({
      kind: "unknown",
      reason: "57P03: starting up",
    });
    expect(readAnswer(Buffer.from("HTTP/1.1 400 Bad"))).toMatchObject({ kind: "unknown" });
  });
});

describe("postmaster.pid", () => {
  it("is read whole or as far as it is written", () => {
    expect(parsePostmasterPid("42\n/data\n1700000000\n5432\n/run/q\n127.0.0.1\n  12345  7\nready   \n")).toEqual({
      pid: 42,
      port: 5432,
      socketDir: "/run/q",
      shmId: 7,
      status: "ready",
    });
    expect(parsePostmasterPid("-42\n/data\n")).toEqual({
      pid: 42,
      port: null,
      socketDir: null,
      shmId: null,
      status: null,
    });
    expect(parsePostmasterPid("")).toBeNull();
  });
});

describe("control data", () => {
  it("of another version or a wrong checksum is refused with what to do", () => {
    const bytes = Buffer.alloc(8192);
    expect(() => parseControlData(bytes)).toThrow(/version 0, known are 1300 and 1800/);
    bytes.writeUInt32LE(1300, 8);
    expect(() => parseControlData(bytes)).toThrow(/clone it again/);
  });
});

describe("the environment of a Postgres program", () => {
  it("has no PG variables and no way to speak for the sidecar", () => {
    expect(
      postgresEnvironment({ PGDATA: "/x", PGHOST: "h", NOTIFY_SOCKET: "/n", PATH: "/bin", LC_ALL: "de_DE" }),
    ).toEqual({
      PATH: "/bin",
      LC_ALL: "C",
    });
  });
});
