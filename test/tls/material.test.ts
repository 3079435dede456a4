import { chmod, mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { inspect } from "node:util";
import { beforeAll, describe, expect, test } from "vitest";
import type { Pair } from "../../src/tls/authority.js";
import { readMaterial, type TlsMaterial, type TlsPaths } from "../../src/tls/material.js";
import { ReloadedMaterial } from "../../src/tls/reloaded.js";
import { tempDir } from "../temp_dir.js";
import { ADMIN, authority, DAY_MS, material, node } from "../transport/certificates.js";
import { until } from "../transport/cluster_of_transports.js";

let ca: Pair;
beforeAll(async () => {
  ca = await authority();
});

async function written({ ca: trusted, cert, key }: TlsMaterial, into?: string): Promise<TlsPaths> {
  const folder = into ?? (await tempDir());
  await mkdir(folder, { recursive: true });
  const paths = { ca: join(folder, "ca.crt"), cert: join(folder, "tls.crt"), key: join(folder, "tls.key") };
  await writeFile(paths.ca, trusted);
  await writeFile(paths.cert, cert);
  await writeFile(paths.key, key, { mode: 0o600 });
  return paths;
}

const good = () => material({ by: ca, identity: node("n1") });
const expected = { cluster: "shop", node: "n1" };

async function problems(paths: TlsPaths, who: { cluster: string; node: string | null } = expected) {
  const read = await readMaterial(paths, { ...who, nowMs: Date.now() });
  return read.kind === "read" ? [] : read.problems.map(({ file, message }) => `${file}: ${message}`);
}

describe("files are judged as the other end will judge them", () => {
  test("the right ones are read, and nothing shows the key", async () => {
    const read = await readMaterial(await written(await good()), { ...expected, nowMs: Date.now() });
    if (read.kind !== "read") throw new Error(JSON.stringify(read));
    expect(read.material.key).toMatch(/^-----BEGIN PRIVATE KEY-----/);
    expect(inspect(read) + JSON.stringify(read) + inspect({ ...read.material })).not.toMatch(/PRIVATE/);
  });

  test("an administrator's is enough for a command line, and not for a node", async () => {
    const paths = await written(await material({ by: ca, identity: ADMIN }));
    expect(await problems(paths, { cluster: "shop", node: null })).toEqual([]);
    expect(await problems(paths)).toEqual([
      expect.stringMatching(/^cert: .* is an administrator's, not that of n1; issue one for n1$/),
      expect.stringMatching(/^cert: .* may not be used on both ends/),
    ]);
  });

  test.each([
    ["of another node", { identity: node("n2") }, /^cert: \S+tls.crt is that of n2, not of n1; issue one for n1$/],
    ["of another cluster", { identity: node("n1"), cluster: "bank" }, /nobody of cluster shop/],
    ["expired", { identity: node("n1"), nowMs: Date.now() - 9 * DAY_MS, days: 5 }, /tls.crt expired on .*; renew it$/],
    ["of tomorrow", { identity: node("n1"), nowMs: Date.now() + DAY_MS }, /is not valid before .*; check the clock/],
  ])("%s", async (_, change, reason) => {
    expect(await problems(await written(await material({ by: ca, ...change })))).toEqual([
      expect.stringMatching(reason),
    ]);
  });

  test("of another authority", async () => {
    const trusts = (await authority()).cert;
    expect(await problems(await written(await material({ by: ca, identity: node("n1"), trusts })))).toEqual([
      expect.stringMatching(/^cert: .* is not signed by an authority in \S+ca.crt/),
    ]);
  });

  test("files that are missing, junk, mixed up, or open to others: each is named", async () => {
    const paths = await written(await good());
    await writeFile(paths.key, (await good()).key);
    expect(await problems(paths)).toEqual([expect.stringMatching(/^key: .* does not belong to the certificate/)]);
    await writeFile(paths.key, "junk");
    expect(await problems(paths)).toEqual([expect.stringMatching(/^key: .* holds no private key/)]);
    await chmod(paths.key, 0o644);
    expect(await problems(paths)).toEqual([
      expect.stringMatching(/^key: \S+ can be read by others \(mode 644\); run `chmod 600 \S+`$/),
      expect.stringMatching(/holds no private key/),
    ]);
    await chmod(paths.key, 0o600);
    await writeFile(paths.cert, "junk");
    await writeFile(paths.ca, await readFile(paths.key));
    expect(await problems(paths)).toEqual([
      expect.stringMatching(/^ca: .* holds no certificate of an authority/),
      expect.stringMatching(/^cert: .* holds no certificate/),
    ]);
    expect(await problems({ ...paths, key: `${paths.key}.gone` })).toEqual([
      expect.stringMatching(/^key: .*gone does not exist; `quorate tls init` makes certificates/),
    ]);
  });

  test("a certificate of a node is no authority", async () => {
    const shown = await good();
    expect(await problems(await written({ ...shown, key: shown.key, ca: shown.cert }))).toContainEqual(
      expect.stringMatching(/^ca: .* holds no certificate of an authority/),
    );
  });
});

describe("files that change are read again", () => {
  interface Said {
    readonly level: string;
    readonly mark: string;
    readonly text: string;
  }

  async function opened(paths: TlsPaths, nowMs: () => number = Date.now) {
    const said: Said[] = [];
    const at = (level: string) => (fields: object, text: string) =>
      void said.push({ level, mark: (fields as { mark: string }).mark, text });
    const log = { info: at("info"), warn: at("warn"), error: at("error") };
    const result = await ReloadedMaterial.open({ paths, expected, nowMs, log, everyMs: 5 });
    if (result.kind === "refused") throw new Error(JSON.stringify(result.problems));
    return { source: result.source, said };
  }

  test("the new certificate is in use, the listeners hear of it once, and the log says until when", async () => {
    const paths = await written(await good());
    const { source, said } = await opened(paths);
    let heard = 0;
    source.changed(() => {
      heard += 1;
    });
    const next = await good();
    await written(next, join(paths.ca, ".."));
    await until("read again", () => source.current().cert === next.cert);
    expect(source.current().key).toBe(next.key);
    await until("heard", () => heard === 1);
    expect(said.filter(({ mark }) => mark === "tls_reloaded").length).toBe(1);
    source.close();
  });

  test("half a renewal leaves the old one in use, said once; the other half ends it", async () => {
    const first = await good();
    const paths = await written(first);
    let looks = 0;
    const { source, said } = await opened(paths, () => {
      // Asked for at each look.
      looks += 1;
      return Date.now();
    });
    const next = await good();
    await writeFile(paths.key, next.key);
    await until("said", () => said.some(({ mark }) => mark === "tls_not_reloaded"));
    const told = looks;
    await until("more looks", () => looks > told + 5);
    expect(said.map(({ text }) => text)).toEqual([
      expect.stringMatching(/stays in use, since .*does not belong to the certificate/),
    ]);
    expect(source.current().cert).toBe(first.cert);
    await writeFile(paths.cert, next.cert);
    await until("read again", () => source.current().cert === next.cert);
    source.close();
  });

  test("an end that is near is said at once and every day, as an error once it is past", async () => {
    let nowMs = Date.now();
    const paths = await written(await material({ by: ca, identity: node("n1"), days: 12 }));
    const { source, said } = await opened(paths, () => nowMs);
    const expires = () => said.filter(({ mark }) => mark === "tls_expires");
    expect(expires().map(({ level, text }) => `${level} ${text}`)).toEqual([
      expect.stringMatching(/^warn .* expires in 1[12] days/),
    ]);
    nowMs += DAY_MS;
    await until("again", () => expires().length === 2);
    nowMs += 20 * DAY_MS;
    await until("past", () => expires().length === 3);
    expect(expires()[2]).toMatchObject({ level: "error", text: expect.stringMatching(/ expired on .*; renew it/) });
    source.close();
  });
});
