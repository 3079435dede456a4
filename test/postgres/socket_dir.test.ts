import { chmod, lstat, mkdir, mkdtemp, rm, symlink } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { chooseOsUser } from "../../src/postgres/os_user.js";
import { makeSocketDir, socketDirFor } from "../../src/postgres/socket_dir.js";

describe("the socket directory", () => {
  let root: string;
  beforeEach(async () => {
    root = await mkdtemp(join(tmpdir(), "quorate-sock-"));
  });
  afterEach(async () => {
    await rm(root, { recursive: true, force: true });
  });

  it("belongs to Postgres' user, also when the sidecar was killed between making it and giving it away", async () => {
    const user = await chooseOsUser({});
    await mkdir(socketDirFor(root), { mode: 0o700 });
    for (const _ of ["found as it was left", "found as it should be"]) {
      const path = await makeSocketDir(root, user);
      const info = await lstat(path);
      expect({ path, uid: info.uid, mode: info.mode & 0o777 }).toEqual({
        path: socketDirFor(root),
        uid: user.uid,
        mode: 0o700,
      });
    }
  });

  it("is refused when others could have entered it, and when it leads elsewhere", async () => {
    const user = await chooseOsUser({});
    await mkdir(socketDirFor(root));
    await chmod(socketDirFor(root), 0o755);
    await expect(makeSocketDir(root, user)).rejects.toThrow(/has to be a directory of user .* with mode 0700/);
    await rm(socketDirFor(root), { recursive: true });
    await mkdir(join(root, "elsewhere"), { mode: 0o700 });
    await symlink(join(root, "elsewhere"), socketDirFor(root));
    await expect(makeSocketDir(root, user)).rejects.toThrow(/has to be a directory of user .* with mode 0700/);
  });
});
