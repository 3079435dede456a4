import { chmod, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { inspect } from "node:util";
import { describe, expect, test } from "vitest";
import type { ClusterConfig } from "../../src/config/cluster_config.js";
import { type LoadOptions, type LoadResult, loadConfig } from "../../src/config/load.js";
import { formatProblem } from "../../src/config/problems.js";
import { tempDir } from "../temp_dir.js";

const GOOD = `cluster: shop
nodes:
  n1: { host: 10.0.0.1, labels: { zone: a } }
  n2: { host: 10.0.0.2, labels: { zone: b } }
  n3: { host: 10.0.0.3, labels: { zone: c } }
policy: majority
insecure: true
`;

async function load(
  text: string,
  options: Partial<LoadOptions> = {},
): Promise<{ result: LoadResult; directory: string }> {
  const directory = await tempDir();
  const file = join(directory, "quorate.yaml");
  await writeFile(file, text);
  return { result: await loadConfig({ file, env: {}, secrets: "skip", ...options }), directory };
}

/** The problems of a text as they are printed, without the folder. */
async function problemsOf(text: string, options: Partial<LoadOptions> = {}): Promise<readonly string[]> {
  const { result, directory } = await load(text, options);
  if (result.kind === "loaded") return [];
  return result.problems.map((problem) => formatProblem(problem).replaceAll(`${directory}/`, ""));
}

async function good(text: string, options: Partial<LoadOptions> = {}): Promise<ClusterConfig> {
  const { result } = await load(text, options);
  if (result.kind === "refused") throw new Error(result.problems.map(formatProblem).join("\n"));
  return result.config;
}

/** Three nodes on loopback that do not collide. */
const LOCAL = `cluster: shop
nodes:
  n1: { host: 127.0.0.1, port: 7001, data_dir: /d/1, postgres: { port: 5001 } }
  n2: { host: 127.0.0.1, port: 7002, data_dir: /d/2, postgres: { port: 5002 } }
policy: majority
`;

describe("a configuration that is right", () => {
  test("the one of the manual gets every default", async () => {
    const config = await good(GOOD);
    expect(config).toMatchObject({ cluster: "shop", policy: { kind: "majority" }, insecure: true, founded: false });
    expect(await good(`${GOOD}founded: true\n`)).toMatchObject({ founded: true });
    const rejoin = { max_rate_kb_per_s: 102_400, at_once: 2, keep_wal_kb: 4_194_304 };
    expect(config.nodes.map((node) => node.rejoin)).toEqual([rejoin, rejoin, rejoin]);
    expect(config.timings).toEqual({
      detect_ms: 1500,
      heartbeat_ms: 500,
      rpc_deadline_ms: 1500,
      persist_deadline_ms: 375,
      recruit_deadline_ms: 6000,
      status_stale_ms: 1500,
      lease_ms: 1177,
      lease_renew_ms: 300,
      lease_fence_ms: 100,
      away_ms: 9000,
      fuse_ms: 6000,
    });
    expect(config.nodes[1]).toMatchObject({
      id: "n2",
      host: "10.0.0.2",
      port: 7432,
      data_dir: "/var/lib/quorate/shop/n2",
      labels: { zone: "b" },
      postgres: {
        port: 5432,
        bin_dir: null,
        settings: {},
        hba: [],
        superuser: { user: "postgres" },
        replication: { user: "quorate_replication" },
      },
      http: { port: 8008 },
      log: { level: "info" },
    });
  });

  test("nodes are sorted by id, and a node's keys win over the top's, setting by setting", async () => {
    const config = await good(`cluster: shop
postgres: { port: 6000, settings: { work_mem: 8MB, jit: false } }
log: { level: debug }
timings: { detect: 2s }
rejoin: { max_rate: unlimited, keep_wal: 64GB }
nodes:
  n2: { host: 10.0.0.2, postgres: { port: 6001, settings: { work_mem: 1MB } } }
  n1: { host: 10.0.0.1, log: { level: warn } }
policy: { at_least: 2 }
insecure: true
`);
    expect(config.nodes.map(({ id }) => id)).toEqual(["n1", "n2"]);
    expect(config.nodes[0]).toMatchObject({
      postgres: { port: 6000, settings: { work_mem: "8MB", jit: "off" } },
      log: { level: "warn" },
    });
    expect(config.nodes[1]).toMatchObject({
      postgres: { port: 6001, settings: { work_mem: "1MB", jit: "off" } },
      log: { level: "debug" },
    });
    expect(config.timings.detect_ms).toBe(2000);
    expect(config.nodes[0]?.rejoin).toEqual({ max_rate_kb_per_s: null, at_once: 2, keep_wal_kb: 67_108_864 });
    expect(config.policy).toEqual({ kind: "at_least", copies: 2 });
  });

  test("loopback needs no word about TLS", async () => {
    expect(await problemsOf(LOCAL)).toEqual([]);
  });

  test("two nodes with a majority are allowed, with a warning", async () => {
    const { result } = await load(LOCAL);
    expect(result.kind === "loaded" && result.warnings.map(({ message }) => message)).toEqual([
      expect.stringMatching(/n1 serves no HTTP; give each of them an http.port/),
      expect.stringMatching(/no node may be lost for a failover/),
    ]);
  });

  test("an HTTP port that another listener has is refused", async () => {
    expect(await problemsOf(LOCAL.replace("port: 7001", "port: 7001, http: { port: 7002 }"))).toEqual([
      expect.stringMatching(/7002 on 127.0.0.1 is http.port of n1 already; give n2 another port/),
    ]);
  });

  test("nodes of one address cannot share the default HTTP port: without one of their own they serve none", async () => {
    const { result } = await load(LOCAL);
    const config = result.kind === "loaded" ? result.config : null;
    expect(config?.nodes.map(({ http }) => http.port)).toEqual([null, null]);
    const one = await good(LOCAL.replace("port: 7001", "port: 7001, http: { port: 8001 }"));
    expect(one.nodes.map(({ http }) => http.port)).toEqual([8001, 8008]);
  });

  test("a folder without Postgres is warned of, for the nodes of this host only", async () => {
    const text = `${GOOD}postgres: { bin_dir: /nowhere/bin }\n`;
    const warnings = async (hosts: readonly string[] | undefined) => {
      const { result } = await load(text, { hosts });
      return result.kind === "loaded" ? result.warnings.map(formatProblem) : ["refused"];
    };
    expect(await warnings(["db2", "10.0.0.2"])).toEqual([
      expect.stringMatching(
        /quorate.yaml:8:13 postgres.bin_dir: there is no \/nowhere\/bin\/postgres on this host, which is n2's; /,
      ),
    ]);
    expect(await warnings(["db9"])).toEqual([]);
    expect(await warnings(undefined)).toEqual([]);
  });
});

/** What is wrong → what is printed, place included. */
const BAD: readonly (readonly [string, string, RegExp])[] = [
  ["YAML syntax", "cluster: shop\nnodes: { n1: {\n", /^quorate.yaml:\d+:\d+ YAML: .*; /],
  [
    "a bracket too many",
    GOOD.replace("zone: a } }", "zone: a } } }"),
    /^quorate.yaml:3:47 YAML: Unexpected .*\(and \d+ more behind it\); look for a bracket/,
  ],
  [
    "a colon without its space",
    GOOD.replace("policy: m", "policy:m"),
    /^quorate.yaml:6:1 YAML: .*; put a space after the colon/,
  ],
  [
    "two documents",
    `${GOOD}---\n${GOOD}`,
    /^quorate.yaml:8:1 more than one YAML document in the file; keep one document: remove everything from the second/,
  ],
  [
    "an alias of nothing",
    GOOD.replace("majority", "*usual"),
    /^quorate.yaml:6:9 YAML: the alias \*usual refers to nothing above it; write the value out/,
  ],
  [
    "a number as the cluster's name",
    GOOD.replace("shop", "7"),
    /^quorate.yaml:1:1 cluster: 7 is a number, not a cluster name; put it in quotes, as in "7"$/,
  ],
  ["tab as indentation", "cluster: shop\nnodes:\n\tn1: {}\n", /^quorate.yaml:3:1 YAML: .*; indent with spaces/],
  ["a key twice", `${GOOD}policy: majority\n`, /^quorate.yaml:8:1 the same key twice; keep one/],
  ["no map at all", "- a\n", /^quorate.yaml:1:1 .*is not a configuration; write a map/],
  ["an empty file", "", /^quorate.yaml:1:1 nothing is not a configuration; /],
  ["an unknown key", GOOD.replace("policy:", "polcy:"), /^quorate.yaml:6:1 polcy: unknown key; did you mean policy\?/],
  [
    "an unknown key inside a node",
    GOOD.replace("labels", "lables"),
    /^quorate.yaml:3:25 nodes.n1.lables: unknown key; did you mean labels\?/,
  ],
  [
    "a key of another block",
    `${GOOD}detect: 2s\n`,
    /^quorate.yaml:8:1 detect: unknown key; did you mean timings.detect\?/,
  ],
  [
    "a password in the file",
    `${GOOD}postgres: { superuser: { password: hunter2 } }\n`,
    /password: unknown key; .*name that as password_file/,
  ],
  ["a wrong type", `${GOOD}port: high\n`, /^quorate.yaml:8:1 port: "high" is not a port; write a whole number/],
  ["a port out of range", `${GOOD}port: 70000\n`, /port: 70000 is not a port/],
  ["a bad node id", GOOD.replace("n2:", "N_2:"), /^quorate.yaml:4:3 nodes.N_2: not a node id; use a lower-case letter/],
  [
    "a label that is no text",
    GOOD.replace("zone: a", "zone: 1"),
    /^quorate.yaml:3:35 nodes.n1.labels.zone: 1 is not a text; .*in quotes/,
  ],
  [
    "at_least 1",
    GOOD.replace("majority", "{ at_least: 1 }"),
    /^quorate.yaml:6:11 policy.at_least: 1 copy is the leader's own.*; use 2 or more/,
  ],
  ["at_least 0", GOOD.replace("majority", "{ at_least: 0 }"), /policy.at_least: 0 copies protect nothing/],
  [
    "at_least of more nodes than there are",
    GOOD.replace("majority", "\n  at_least: 4"),
    /^quorate.yaml:7:3 policy.at_least: 4 of 3 nodes; lower it to 3/,
  ],
  [
    "at_least of no whole number",
    GOOD.replace("majority", "{ at_least: 2.5 }"),
    /policy.at_least: 2.5 is not a whole number/,
  ],
  [
    "an unknown policy",
    GOOD.replace("majority", "majorty"),
    /^quorate.yaml:6:1 policy: unknown policy "majorty"; did you mean majority\?/,
  ],
  [
    "a policy of another version",
    GOOD.replace("majority", "{ zones: 2 }"),
    /^quorate.yaml:6:11 policy.zones: unknown policy "zones" in this version; /,
  ],
  ["no policy", GOOD.replace("policy: majority\n", ""), /^quorate.yaml:1:1 policy: missing; write/],
  ["no host", GOOD.replace("host: 10.0.0.2, ", ""), /^quorate.yaml:4:3 nodes.n2.host: missing; /],
  [
    "a host with a port",
    GOOD.replace("10.0.0.2", '"10.0.0.2:7432"'),
    /nodes.n2.host: "10.0.0.2:7432" is not a host; .*port has a key of its own/,
  ],
  [
    "one node",
    "cluster: shop\nnodes: { n1: { host: localhost } }\npolicy: majority\n",
    /^quorate.yaml:2:1 nodes: one node has nobody to fail over to/,
  ],
  [
    "two sidecars on one port",
    LOCAL.replace("7002", "7001"),
    /^quorate.yaml:4:\d+ nodes.n2.port: 7001 on 127.0.0.1 is port of n1 already; give n2/,
  ],
  [
    "two Postgres on one port",
    LOCAL.replace("5002", "5001"),
    /nodes.n2.postgres.port: 5001 on 127.0.0.1 is postgres.port of n1 already/,
  ],
  [
    "a sidecar on a Postgres' port",
    LOCAL.replace("7002", "5001"),
    /nodes.n2.port: 5001 on 127.0.0.1 is postgres.port of n1 already/,
  ],
  [
    "two nodes in one folder",
    LOCAL.replace("/d/2", "/d/1/sub"),
    /nodes.n2.data_dir: .* is where n1 keeps its data; give n2/,
  ],
  [
    "a duration without a unit",
    `${GOOD}timings: { detect: 1500 }\n`,
    /^quorate.yaml:8:12 timings.detect: 1500 has no unit; write 1500ms/,
  ],
  [
    "a duration that is none",
    `${GOOD}timings: { detect: soon }\n`,
    /timings.detect: "soon" is not a duration; write it like 1500ms/,
  ],
  [
    "a rate without a unit",
    `${GOOD}rejoin: { max_rate: 100 }\n`,
    /rejoin.max_rate: 100 has no unit; write 100MB, or unlimited/,
  ],
  [
    "a rate that is none",
    `${GOOD}rejoin: { max_rate: fast }\n`,
    /rejoin.max_rate: "fast" is not a size; write it like 100MB/,
  ],
  [
    "a rate beyond Postgres'",
    `${GOOD}rejoin: { max_rate: 2GB }\n`,
    /rejoin.max_rate: 2GB is out of bounds .* 32kB to 1GB/,
  ],
  [
    "too little WAL",
    `${GOOD}rejoin: { keep_wal: 16MB }\n`,
    /rejoin.keep_wal: 16MB is out of bounds .*; use 256MB to 2TB$/,
  ],
  ["no clone at all", `${GOOD}rejoin: { at_once: 0 }\n`, /rejoin.at_once: 0 is not a number of clones/],
  ["too short a detection", `${GOOD}timings: { detect: 100ms }\n`, /timings.detect: 100ms .*; use 300ms or more/],
  ["too long a detection", `${GOOD}timings: { detect: 2m }\n`, /timings.detect: 2m .*; use 60s or less/],
  [
    "TLS and no TLS",
    `${GOOD}tls: { ca: a, cert: b, key: c }\n`,
    /^quorate.yaml:7:1 insecure: contradicts `tls`, which would not be used; remove one of the two/,
  ],
  [
    "half of TLS",
    GOOD.replace("insecure: true", "tls: { ca: a }"),
    /^quorate.yaml:7:1 tls: n1 has no tls.cert, tls.key; name the file inside n1, or at the top/,
  ],
  [
    "TLS for one node only",
    GOOD.replace("{ host: 10.0.0.1,", "{ host: 10.0.0.1, tls: { ca: a, cert: b, key: c },").replace(
      "insecure: true\n",
      "",
    ),
    /^quorate.yaml:4:3 nodes.n2.tls: n2 has no tls.ca, tls.cert, tls.key/,
  ],
  ["an unknown key of TLS", `${GOOD}tls: { crt: a }\n`, /^quorate.yaml:8:8 tls.crt: unknown key; did you mean cert\?/],
  [
    "a path of TLS that is none",
    `${GOOD}tls: { ca: 7 }\n`,
    /tls.ca: 7 is not a path; name the file with the certificate/,
  ],
  [
    "a network without a word about TLS",
    GOOD.replace("insecure: true\n", ""),
    /^quorate.yaml:3:9 nodes.n1.host: .*without TLS.*\(n1, n2, n3\); add `tls: .*`quorate tls init`.*, or `insecure: true`/,
  ],
  ["a host that is nobody's", GOOD.replace("10.0.0.1", "0.0.0.0"), /nodes.n1.host: 0.0.0.0 is nobody's address/],
  [
    "a line that is none of pg_hba.conf",
    `${GOOD}postgres: { hba: [ "everybody welcome" ] }\n`,
    /^quorate.yaml:8:20 postgres.hba.0: .* is not a line of pg_hba.conf/,
  ],
  ["a log level", `${GOOD}log: { level: loud }\n`, /log.level: "loud" is not a log level; use one of/],
  [
    "one role for both",
    `${GOOD}postgres: { replication: { user: postgres } }\n`,
    /postgres.replication.user: postgres is the superuser already/,
  ],
  [
    "a bomb of aliases",
    `a: &a [1,1,1,1,1,1,1,1]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a]\nc: [*b,*b,*b,*b,*b,*b,*b,*b]\n`,
    /YAML: .*; write the values out instead/,
  ],
];

test("files of TLS may stand at the top or inside a node, which wins; relative ones count from the folder of the file", async () => {
  const text = GOOD.replace("insecure: true", "tls: { ca: tls/ca.crt, cert: tls/tls.crt, key: /k/tls.key }").replace(
    "{ host: 10.0.0.2,",
    "{ host: 10.0.0.2, tls: { cert: n2.crt },",
  );
  const { result, directory } = await load(text);
  if (result.kind === "refused") throw new Error(result.problems.map(formatProblem).join("\n"));
  const [n1, n2] = result.config.nodes;
  expect(n1?.tls).toEqual({ ca: `${directory}/tls/ca.crt`, cert: `${directory}/tls/tls.crt`, key: "/k/tls.key" });
  expect(n2?.tls).toEqual({ ...n1?.tls, cert: `${directory}/n2.crt` });
  expect((await good(GOOD)).nodes[0]?.tls).toBeNull();
});

describe("a configuration that is wrong", () => {
  for (const [what, text, printed] of BAD) {
    test(what, async () => {
      const problems = await problemsOf(text);
      expect(
        problems.find((line) => printed.test(line)),
        problems.join("\n"),
      ).toBeDefined();
      for (const line of problems) expect(line).not.toContain("hunter2");
      for (const line of problems) expect(line, "says what to do").toMatch(/; \S/);
    });
  }

  test("a file that is not there", async () => {
    const result = await loadConfig({ file: "/nowhere/quorate.yaml", env: {}, secrets: "skip" });
    expect(result.kind === "refused" && result.problems.map(formatProblem)).toEqual([
      "/nowhere/quorate.yaml:1:1 the file does not exist; name the right one with --config, or make it readable",
    ]);
  });

  test("one bracket too many is one problem", async () => {
    expect(await problemsOf(GOOD.replace("zone: a } }", "zone: a } } }"))).toHaveLength(1);
  });

  test("a directory, and a file that is not UTF-8, say so", async () => {
    const directory = await tempDir();
    const printed = async (file: string) => {
      const result = await loadConfig({ file, env: {}, secrets: "skip" });
      return result.kind === "refused" ? result.problems.map(formatProblem) : [];
    };
    expect(await printed(directory)).toEqual([
      `${directory}:1:1 this is a directory, not a file; name the file in it, as in DIRECTORY/quorate.yaml`,
    ]);
    const file = join(directory, "quorate.yaml");
    await writeFile(file, Buffer.from("cluster: shop\n# fa\xe7ade\n", "latin1"));
    expect(await printed(file)).toEqual([`${file}:2:1 the file is not UTF-8 text; save it as UTF-8`]);
  });

  test("everything at once, in the order of the file", async () => {
    const problems = await problemsOf(`clustr: shop
nodes:
  n1: { host: 10.0.0.1, port: x }
  N2: { host: 10.0.0.2 }
policy: { at_least: 9 }
postgres: { settings: { fsync: off, port: 1 } }
`);
    expect(problems.map((line) => line.split(" ").slice(0, 2).join(" "))).toEqual([
      "quorate.yaml:1:1 clustr:",
      "quorate.yaml:1:1 cluster:",
      "quorate.yaml:3:9 nodes.n1.host:",
      "quorate.yaml:3:25 nodes.n1.port:",
      "quorate.yaml:4:3 nodes.N2:",
      "quorate.yaml:5:11 policy.at_least:",
      "quorate.yaml:6:25 postgres.settings.fsync:",
      "quorate.yaml:6:37 postgres.settings.port:",
    ]);
  });
});

describe("passwords", () => {
  const TEXT = `${GOOD}postgres: { superuser: { password_file: secret } }\n`;

  async function withSecret(content: string, mode: number): Promise<{ file: string }> {
    const directory = await tempDir();
    await writeFile(join(directory, "quorate.yaml"), TEXT);
    await writeFile(join(directory, "secret"), content);
    await chmod(join(directory, "secret"), mode);
    return { file: join(directory, "quorate.yaml") };
  }

  test("come from a file that nobody else can read, relative to the configuration, and are never printed", async () => {
    const result = await loadConfig({ ...(await withSecret("hunter2\n", 0o600)), env: {}, secrets: "read" });
    if (result.kind === "refused") throw new Error(result.problems.map(formatProblem).join("\n"));
    const node = result.config.nodes[0];
    expect(node?.postgres.superuser.password).toBe("hunter2");
    expect(JSON.stringify(result.config) + inspect(result.config, { depth: 9 })).not.toContain("hunter2");
  });

  test.each([
    ["readable by the group", "hunter2", 0o640, /can be read by others \(mode 640\); run `chmod 600/],
    ["empty", "\n", 0o600, /is empty; write the password/],
    ["of several lines", "hunter2\nx\n", 0o600, /more than one line; keep the password alone/],
  ])("a file that is %s is refused", async (_what, content, mode, printed) => {
    const result = await loadConfig({ ...(await withSecret(content, mode)), env: {}, secrets: "read" });
    const lines = result.kind === "refused" ? result.problems.map(formatProblem) : [];
    expect(lines.join("\n")).toMatch(printed);
    expect(lines.join("\n")).not.toContain("hunter2");
    expect(lines[0]).toMatch(/quorate.yaml:8:26 postgres.superuser.password_file: /);
  });

  test("a file that is not there is refused, unless nobody asked for passwords", async () => {
    expect(await problemsOf(TEXT, { secrets: "read" })).toEqual([
      expect.stringMatching(/secret does not exist; create it/),
    ]);
    expect(await problemsOf(TEXT)).toEqual([]);
  });

  test("the environment wins, with a warning", async () => {
    const { result } = await load(TEXT, {
      secrets: "read",
      env: { QUORATE_SUPERUSER_PASSWORD: "s3", QUORATE_REPLICATION_PASSWORD: "r3" },
    });
    if (result.kind === "refused") throw new Error("refused");
    expect(result.config.nodes[2]?.postgres.superuser.password).toBe("s3");
    expect(result.config.nodes[2]?.postgres.replication.password).toBe("r3");
    expect(result.warnings.map(({ message }) => message)).toEqual([
      expect.stringMatching(/QUORATE_SUPERUSER_PASSWORD is set and wins/),
    ]);
  });

  test("of another node are not asked for", async () => {
    const text = GOOD.replace(
      "host: 10.0.0.2,",
      "host: 10.0.0.2, postgres: { superuser: { password_file: /elsewhere } },",
    );
    expect(await problemsOf(text, { secrets: "read", node: "n1" })).toEqual([]);
    expect(await problemsOf(text, { secrets: "read", node: "n2" })).toEqual([
      expect.stringMatching(/elsewhere does not exist/),
    ]);
  });
});
