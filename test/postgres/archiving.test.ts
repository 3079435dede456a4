import { describe, expect, it } from "vitest";
import { archiveCommandOf, isPast } from "../../src/postgres/archiving.js";
import { commandLine } from "../../src/postgres/settings.js";

const MB = 1n << 20n;
const HISTORY = {
  timeline: 9n,
  ancestors: [
    { timeline: 2n, end: 0x3800000n },
    { timeline: 5n, end: 0x1_0000_0000n },
  ],
};

describe("what a new leader offers to the archive once more", () => {
  const past = (file: string) => isPast(file, HISTORY, 16n * MB);

  it("segments of its own timeline and of its ancestors', up to where they ended", () => {
    expect(past("000000020000000000000003")).toBe(true);
    expect(past("000000020000000000000004")).toBe(false);
    expect(past("0000000500000000000000FF")).toBe(true);
    expect(past("000000050000000100000000")).toBe(false);
    expect(past("000000090000000700000000")).toBe(true);
  });

  it("their history files, and not those of terms that nobody led in its past", () => {
    expect(["00000002", "00000005", "00000009"].map((t) => past(`${t}.history`))).toEqual([true, true, true]);
    expect(["00000003", "0000000A"].map((t) => past(`${t}.history`))).toEqual([false, false]);
    expect(past("000000030000000000000003")).toBe(false);
  });

  it("nothing else", () => {
    for (const file of ["000000020000000000000003.partial", "000000020000000000000003.00000028.backup", "x", ""])
      expect(past(file)).toBe(false);
  });
});

describe("archive_command", () => {
  it("is the user's, whatever its case; an empty one is none", () => {
    expect(archiveCommandOf({ Archive_Command: "cp %p /a/%f" })).toBe("cp %p /a/%f");
    expect(archiveCommandOf({ archive_command: "  " })).toBeNull();
    expect(archiveCommandOf()).toBeNull();
  });

  it("never stands on the command line, where every node would have it in force; the mode does", () => {
    const line = (userSettings: Record<string, string>) =>
      commandLine({
        major: 15,
        port: 1,
        listenAddresses: [],
        socketDir: "/s",
        hbaFile: "/h",
        configFile: "/c",
        userSettings,
      });
    const set = line({ archive_command: "cp %p /a/%f" });
    expect(set).toContain("archive_mode=on");
    expect(set.some((arg) => arg.startsWith("archive_command"))).toBe(false);
    expect(line({})).toContain("archive_mode=off");
  });
});
