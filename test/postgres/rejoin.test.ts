import { mkdir, mkdtemp, readFile, rename, rm, stat, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { chooseOsUser, type OsUser } from "../../src/postgres/os_user.js";
import { discardOld, finishSwap, SwapRefused, swap, swapMarkerPath } from "../../src/postgres/rejoin.js";
import {
  cloneMarkerPath,
  markComplete,
  markIncomplete,
  newTablespacesDir,
  readCloneMarker,
} from "../../src/postgres/replication/clone_marker.js";
import { isTorn, markTorn } from "../../src/postgres/rewind_marker.js";

const ENDS = { startLsn: 1n, startTimeline: 2n, endLsn: 3n, endTimeline: 2n };

let home: string;
let user: OsUser;
let places: { dataDir: string; cloneDir: string; oldDir: string };

beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), "quorate-swap-"));
  user = await chooseOsUser({});
  places = { dataDir: join(home, "data"), cloneDir: join(home, "data.new"), oldDir: join(home, "data.old") };
});
afterEach(() => rm(home, { recursive: true, force: true }));

async function directory(path: string, content: string): Promise<void> {
  await mkdir(path);
  await writeFile(join(path, "who"), content);
}

async function who(path: string): Promise<string | null> {
  return readFile(join(path, "who"), "utf8").catch(() => null);
}

function marked() {
  return { cloneDir: places.cloneDir, tablespacesDir: newTablespacesDir(places.cloneDir), user };
}

async function present(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}

async function ready(): Promise<void> {
  await directory(places.dataDir, "old");
  await directory(places.cloneDir, "clone");
  await markComplete(marked(), ENDS);
}

async function expectSwapped(): Promise<void> {
  expect(await who(places.dataDir)).toBe("clone");
  expect(await who(places.oldDir)).toBe("old");
  expect(await present(places.cloneDir)).toBe(false);
  expect(await present(cloneMarkerPath(places.cloneDir))).toBe(false);
  expect(await present(swapMarkerPath(places.dataDir))).toBe(false);
}

describe("swap", () => {
  it("puts the clone in place and keeps the old data", async () => {
    await ready();
    await swap({ ...places, user });
    await expectSwapped();
    expect(await finishSwap(places.dataDir)).toBe("nothing_to_do");
  });

  it("lets go of the mark of a rewind that left the old data torn", async () => {
    await ready();
    await markTorn(places.dataDir, user, "n2-rewind@3");
    expect(await isTorn(places.dataDir)).toBe(true);
    await swap({ ...places, user });
    await expectSwapped();
    expect(await isTorn(places.dataDir)).toBe(false);
  });

  it("refuses a clone that is not complete", async () => {
    await ready();
    await markIncomplete(marked());
    await expect(swap({ ...places, user })).rejects.toThrow(SwapRefused);
    expect(await who(places.dataDir)).toBe("old");
  });

  it("never overwrites earlier replaced data", async () => {
    await ready();
    await directory(places.oldDir, "earlier");
    await expect(swap({ ...places, user })).rejects.toThrow(/may be the only copy/);
    expect(await who(places.oldDir)).toBe("earlier");
    expect(await who(places.dataDir)).toBe("old");
  });

  it.each([["no directory"], ["an empty directory"]])("takes a first clone where there is %s", async (kind) => {
    if (kind === "an empty directory") await mkdir(places.dataDir);
    await directory(places.cloneDir, "clone");
    await markComplete(marked(), ENDS);
    await swap({ ...places, user });
    expect(await who(places.dataDir)).toBe("clone");
    expect(await present(places.oldDir)).toBe(false);
  });
});

describe("a crash during a swap is finished at the next start", () => {
  const intent = () => JSON.stringify({ cloneDir: places.cloneDir, oldDir: places.oldDir, hadData: true });
  const steps: readonly [string, () => Promise<void>][] = [
    ["after the marker", async () => {}],
    ["after the data was moved aside", () => rename(places.dataDir, places.oldDir)],
    [
      "after the clone was moved in",
      async () => {
        await rename(places.dataDir, places.oldDir);
        await rename(places.cloneDir, places.dataDir);
      },
    ],
    [
      "after the clone's marker was removed",
      async () => {
        await rename(places.dataDir, places.oldDir);
        await rename(places.cloneDir, places.dataDir);
        await rm(cloneMarkerPath(places.cloneDir));
      },
    ],
  ];

  it.each(steps)("%s", async (_title, crash) => {
    await ready();
    await writeFile(swapMarkerPath(places.dataDir), intent());
    await crash();
    expect(await finishSwap(places.dataDir)).toBe("finished");
    await expectSwapped();
  });

  it("before the marker: nothing happened", async () => {
    await ready();
    expect(await finishSwap(places.dataDir)).toBe("nothing_to_do");
    expect(await who(places.dataDir)).toBe("old");
  });

  it("refuses to guess when a directory is gone", async () => {
    await ready();
    await writeFile(swapMarkerPath(places.dataDir), intent());
    await rm(places.cloneDir, { recursive: true });
    await expect(finishSwap(places.dataDir)).rejects.toThrow(SwapRefused);
    expect(await who(places.dataDir)).toBe("old");
  });

  it("refuses a torn marker and touches nothing", async () => {
    await ready();
    await writeFile(swapMarkerPath(places.dataDir), intent().slice(0, 20));
    await expect(finishSwap(places.dataDir)).rejects.toThrow(SwapRefused);
    await expect(swap({ ...places, user })).rejects.toThrow(SwapRefused);
    expect(await who(places.dataDir)).toBe("old");
    expect(await who(places.cloneDir)).toBe("clone");
  });
});

describe("discardOld", () => {
  it("deletes the old data when told to", async () => {
    await ready();
    await swap({ ...places, user });
    await discardOld(places);
    expect(await present(places.oldDir)).toBe(false);
    expect(await who(places.dataDir)).toBe("clone");
  });

  it("deletes the tablespaces of a clone with it, and nobody else's", async () => {
    await ready();
    const own = newTablespacesDir(join(home, "earlier"));
    const foreign = join(home, "by_hand");
    for (const path of [own, foreign, join(own, "1"), join(foreign, "2"), join(places.dataDir, "pg_tblspc")])
      await mkdir(path);
    await symlink(join(own, "1"), join(places.dataDir, "pg_tblspc", "1"));
    await symlink(join(foreign, "2"), join(places.dataDir, "pg_tblspc", "2"));
    await swap({ ...places, user });
    await discardOld(places);
    expect(await present(own)).toBe(false);
    expect(await present(join(foreign, "2"))).toBe(true);
  });

  it("keeps what may be the only copy", async () => {
    await directory(places.oldDir, "old");
    await expect(discardOld(places)).rejects.toThrow(/only copy/);
    expect(await who(places.oldDir)).toBe("old");
  });

  it("never deletes the data itself", async () => {
    await directory(places.dataDir, "old");
    await expect(discardOld({ dataDir: places.dataDir, oldDir: places.dataDir })).rejects.toThrow(SwapRefused);
    await expect(discardOld({ dataDir: places.dataDir, oldDir: home })).rejects.toThrow(SwapRefused);
    expect(await who(places.dataDir)).toBe("old");
  });
});

describe("the marker of a clone", () => {
  it("survives a round trip", async () => {
    await markComplete(marked(), ENDS);
    expect(await readCloneMarker(places.cloneDir)).toMatchObject({ kind: "complete", ends: ENDS });
  });

  it.each([
    ["torn", '{"kind":"comp'],
    ["foreign", '{"kind":"complete","ends":{"startLsn":"x"}}'],
    ["empty", ""],
  ])("%s: damaged, with a reason", async (_title, text) => {
    await writeFile(cloneMarkerPath(places.cloneDir), text);
    const marker = await readCloneMarker(places.cloneDir);
    expect(marker.kind).toBe("damaged");
  });

  it("is none where there is none", async () => {
    expect(await readCloneMarker(places.cloneDir)).toEqual({ kind: "none" });
  });
});
