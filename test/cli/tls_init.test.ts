import { X509Certificate } from "node:crypto";
import { readFile, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { tlsShape } from "../../src/cli/schemas.js";
import { identityOf } from "../../src/tls/identity.js";
import { tempDir } from "../temp_dir.js";
import { cli } from "./cli_run.js";

const YAML = `cluster: shop
nodes: { n1: { host: 10.0.0.1 }, n2: { host: db2.example }, n3: { host: 10.0.0.3 } }
policy: majority
tls: { ca: tls/ca.crt, cert: tls/tls.crt, key: tls/tls.key }
`;
const DAY_MS = 86_400_000;

async function start(yaml = YAML) {
  const folder = await tempDir();
  const file = join(folder, "quorate.yaml");
  await writeFile(file, yaml);
  const dir = join(folder, "quorate-tls");
  return { folder, file, dir, init: (...args: string[]) => cli(["tls", "init", "-c", file, ...args]) };
}

const mode = async (path: string) => ((await stat(path)).mode & 0o777).toString(8);

describe("quorate tls init", () => {
  test("an authority, and a certificate for each node and an administrator; keys for nobody else's eyes", async () => {
    const { dir, init } = await start();
    const { code, stdout } = await init("-o", "json");
    expect(code).toBe(0);
    const made = tlsShape.parse(JSON.parse(stdout));
    expect(made.certificates.map(({ node, written }) => [node, written])).toEqual([
      ["n1", true],
      ["n2", true],
      ["n3", true],
      [null, true],
    ]);
    const ca = new X509Certificate(await readFile(join(dir, "ca.crt")));
    for (const [folder, identity, host] of [
      ["nodes/n1", { kind: "node", node: "n1" }, "10.0.0.1"],
      ["nodes/n2", { kind: "node", node: "n2" }, "db2.example"],
      ["admin", { kind: "admin" }, null],
    ] as const) {
      const cert = new X509Certificate(await readFile(join(dir, folder, "tls.crt")));
      expect(cert.verify(ca.publicKey) && cert.checkIssued(ca)).toBe(true);
      expect(identityOf(cert.subjectAltName, "shop")).toEqual(identity);
      if (host !== null) expect(cert.subjectAltName).toContain(host);
      expect(Date.parse(cert.validTo) - Date.now()).toBeGreaterThan(364 * DAY_MS);
      expect(await readFile(join(dir, folder, "ca.crt"), "utf8")).toBe(await readFile(join(dir, "ca.crt"), "utf8"));
      expect(await mode(join(dir, folder, "tls.key"))).toBe("600");
      expect(await mode(join(dir, folder))).toBe("700");
    }
    expect([await mode(join(dir, "ca.key")), await mode(dir)]).toEqual(["600", "700"]);
  });

  test("a second run changes nothing, and says so; a node that comes later is added by name", async () => {
    const { dir, init } = await start();
    await init();
    const files = ["ca.crt", "ca.key", "nodes/n1/tls.crt", "nodes/n1/tls.key", "admin/tls.crt"];
    const read = () => Promise.all(files.map((file) => readFile(join(dir, file), "utf8")));
    const before = await read();
    const again = await init();
    expect(again.code).toBe(0);
    expect(again.stdout).toMatch(/authority of cluster shop: .* \(was there, stays\)/);
    expect(again.stdout).toMatch(/n1 .* was there, stays/);
    const added = await init("--node", "n4");
    expect(added.stderr).toMatch(/n4 is not in \S+quorate.yaml yet/);
    const cert = new X509Certificate(await readFile(join(dir, "nodes/n4/tls.crt")));
    expect(identityOf(cert.subjectAltName, "shop")).toEqual({ kind: "node", node: "n4" });
    expect(await read()).toEqual(before);
  });

  test("--renew makes new certificates from the same authority, for those that are named", async () => {
    const { dir, init } = await start();
    await init();
    const read = (file: string) => readFile(join(dir, file), "utf8");
    const [ca, key, n1, n2] = [
      await read("ca.crt"),
      await read("ca.key"),
      await read("nodes/n1/tls.crt"),
      await read("nodes/n2/tls.crt"),
    ];
    expect((await init("--renew", "--node", "n1", "--days", "90")).code).toBe(0);
    const renewed = new X509Certificate(await read("nodes/n1/tls.crt"));
    expect(renewed.toString()).not.toBe(n1);
    expect(Date.parse(renewed.validTo) - Date.now()).toBeLessThan(91 * DAY_MS);
    expect(await mode(join(dir, "nodes/n1/tls.key"))).toBe("600");
    expect([await read("ca.crt"), await read("ca.key"), await read("nodes/n2/tls.crt")]).toEqual([ca, key, n2]);
  });

  test("half an authority is refused and left alone: never another one under the same name", async () => {
    const { dir, init } = await start();
    await init();
    const cert = await readFile(join(dir, "ca.crt"), "utf8");
    await rm(join(dir, "ca.key"));
    const lost = await init();
    expect(lost.code).toBe(1);
    expect(lost.stderr).toMatch(/ca.crt is there, \S+ca.key is not; bring the key back, or use another folder/);
    expect(await readFile(join(dir, "ca.crt"), "utf8")).toBe(cert);
    await writeFile(join(dir, "ca.key"), "junk");
    expect((await init("--renew")).stderr).toMatch(/authority's key is none that `quorate tls init` makes/);
  });

  test("what it makes is what config check wants, on the host of the node", async () => {
    const { folder, file, init } = await start();
    // This host is 10.0.0.1, n1.
    const missing = await cli(["config", "check", file]);
    expect(missing.code).toBe(78);
    expect(missing.stderr).toMatch(/quorate.yaml:4:8 tls.ca: \S+tls\/ca.crt does not exist; `quorate tls init`/);
    await init("--dir", join(folder, "made"));
    const as = (node: string) => writeFile(file, YAML.replaceAll("tls/", `made/nodes/${node}/`));
    await as("n1");
    const { code, stdout } = await cli(["config", "check", file]);
    expect(code).toBe(0);
    expect(stdout).toMatch(/between sidecars +mTLS/);
    await as("n2");
    expect((await cli(["config", "check", file])).stderr).toMatch(/tls.cert: \S+ is that of n2, not of n1/);
    await init("--dir", join(folder, "made"), "--renew", "--days", "20");
    await as("n1");
    expect((await cli(["config", "check", file])).stdout).toMatch(
      /warning: .*the certificate of n1 expires in (19|20) days/,
    );
  });

  test.each([
    [["--days", "0"], /whole number from 1 to 3650/],
    [["--node", "N4"], /"N4" is not a node id/],
  ])("%s is a mistake of usage", async (args, reason) => {
    const { init } = await start();
    const { code, stderr } = await init(...args);
    expect(code).toBe(64);
    expect(stderr).toMatch(reason);
  });
});
