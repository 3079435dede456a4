import { tmpdir } from "node:os";
import { describe, expect, it } from "vitest";
import { checkRoom, NoRoom, obstacleTo } from "../../src/postgres/disk_room.js";

describe("room on a disk", () => {
  it("is there for little, with something to be left free, and not for more than there is", () => {
    expect(obstacleTo(tmpdir(), 1, 0)).toBeNull();
    expect(obstacleTo(tmpdir(), 2 ** 60, 0)).toMatch(/^it needs \d+ MB, and \d+ MB are free$/);
    expect(obstacleTo(tmpdir(), 1, 2 ** 60)).toMatch(/it needs/);
    expect(() => checkRoom(tmpdir(), 2 ** 60, 0)).toThrow(NoRoom);
  });
});
