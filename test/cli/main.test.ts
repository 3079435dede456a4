import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { CommandFailed, type RegisterCommand } from "../../src/cli/context.js";
import { addCommonOptions, type CommonOptions, requireConfig, requireNode } from "../../src/cli/options.js";
import { tempDir } from "../temp_dir.js";
import { cli } from "./cli_run.js";

const GOOD = `cluster: shop
nodes: { n1: { host: 10.0.0.1 }, n2: { host: 10.0.0.2 }, n3: { host: 10.0.0.3 } }
policy: majority
insecure: true
`;

async function file(text: string): Promise<string> {
  const path = join(await tempDir(), "quorate.yaml");
  await writeFile(path, text);
  return path;
}

describe("exit codes of the command line", () => {
  test.each([
    ["no command", [], 64],
    ["an unknown command", ["statsu"], 64],
    ["an unknown option", ["version", "--loud"], 64],
    ["too many arguments", ["version", "now"], 64],
    ["a format that does not exist", ["version", "-o", "xml"], 64],
    ["an option without its value", ["config", "check", "--config"], 64],
    ["help", ["--help"], 0],
    ["help of a command", ["config", "check", "--help"], 0],
    ["the version", ["--version"], 0],
    ["a file that is not there", ["config", "check", "/nowhere.yaml"], 78],
  ])("%s", async (_what, argv, code) => {
    expect((await cli(argv)).code).toBe(code);
  });

  test("a typing error gets a suggestion on stderr", async () => {
    const { stdout, stderr } = await cli(["verison"]);
    expect(stdout).toBe("");
    expect(stderr).toMatch(/Did you mean version/);
  });

  test("a mistake in a subcommand points to that subcommand's help", async () => {
    expect((await cli(["config", "check", "--loud"])).stderr).toMatch(/\(quorate config check --help shows/);
    expect((await cli(["config", "chekc"])).stderr).toMatch(/\(quorate config --help shows/);
  });

  test.each("policy reinit init adopt".split(" "))("%s is refused by name", async (verb) => {
    const { code, stdout, stderr } = await cli([verb, "n2", "--force", "-o", "json"]);
    expect({ code, stdout }).toEqual({ code: 64, stdout: "" });
    expect(stderr).toMatch(new RegExp(`^quorate ${verb} is not in this version yet; .+\n$`));
    expect((await cli(["--help"])).stdout).not.toMatch(new RegExp(`^ +${verb} `, "m"));
  });
});

describe("config check", () => {
  test("prints what was understood, the timings and every node", async () => {
    const { code, stdout, stderr } = await cli(["config", "check", await file(GOOD)]);
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    expect(stdout).toMatch(/majority: 2 copies on 3 nodes/);
    expect(stdout).toMatch(/detect +1500 ms/);
    expect(stdout).toMatch(/heartbeat +500 ms/);
    expect(stdout).toMatch(
      /^n3 +10\.0\.0\.3:7432 +10\.0\.0\.3:5432 +10\.0\.0\.3:8008 +\/var\/lib\/quorate\/shop\/n3$/m,
    );
  });

  test("says who may found the cluster, and nobody once the file says that it exists", async () => {
    const { stdout } = await cli(["config", "check", await file(GOOD)]);
    expect(stdout).toMatch(/^founding +by n1, n2, n3, once all of them are there and empty$/m);
    expect(stdout).toMatch(/^ +once the cluster exists, `founded: true` at the top keeps wiped nodes from/m);
    const told = await file(`${GOOD}founded: true\n`);
    expect((await cli(["config", "check", told])).stdout).toMatch(/^founding +never: the file says that/m);
    const json = JSON.parse((await cli(["config", "check", told, "-o", "json"])).stdout);
    expect(json).toMatchObject({ founded: true });
    expect((await cli(["config", "check", await file(`${GOOD}founded: yes\n`)])).stderr).toMatch(
      /founded: "yes" is not true or false; write `founded: true` or remove it/,
    );
  });

  test("prints the bounds that follow from detect, and that below a second there are no leases", async () => {
    const { stdout } = await cli(["config", "check", await file(GOOD)]);
    expect(stdout).toMatch(/^lease +1177 ms, asked for every 300 ms; .* ends its Postgres after 1077 ms$/m);
    expect(stdout).toMatch(
      /^failover +a silent leader is suspected after 1500 ms, and the last of 3 nodes acts after 1800 ms; its lease is over 1499 ms/m,
    );
    expect(stdout).toMatch(/^ +a leader whose Postgres hangs, .* gives up after 2500 ms$/m);
    expect(stdout).toMatch(/^stale reads +0 ms once .* no clock runs 0\.1 % faster/m);
    expect(stdout).toMatch(/^ +100 ms if .* frozen, 400 ms if .* suspended$/m);
    const quick = await file(`${GOOD}timings: { detect: 900ms }\n`);
    const without = await cli(["config", "check", quick]);
    expect(without.stdout).not.toMatch(/^lease/m);
    expect(without.stdout).toMatch(/^warning: .* timings\.detect: below 1000 ms there is no time for leases/m);
    const json = JSON.parse((await cli(["config", "check", quick, "-o", "json"])).stdout);
    expect(json).toMatchObject({ timings: { lease_ms: 0 }, bounds: { suspected_ms: 900, stale_reads_ms: null } });
  });

  test("prints each problem on stderr and exits 78; with -o json stdout is one document", async () => {
    const path = await file(GOOD.replace("majority", "{ at_least: 4 }"));
    const text = await cli(["config", "check", "-c", path]);
    expect(text).toMatchObject({ code: 78, stdout: "" });
    expect(text.stderr).toBe(`${path}:3:11 policy.at_least: 4 of 3 nodes; lower it to 3 or less, or add nodes\n`);
    const json = await cli(["config", "check", path, "-o", "json"]);
    expect(json.code).toBe(78);
    expect(JSON.parse(json.stdout)).toMatchObject({
      ok: false,
      problems: [{ line: 3, column: 11, path: "policy.at_least" }],
    });
  });

  test("refuses a node that does not exist", async () => {
    const { code, stderr } = await cli(["config", "check", await file(GOOD), "--node", "n9"]);
    expect(code).toBe(78);
    expect(stderr).toMatch(/no node "n9"; choose one of n1, n2, n3/);
  });

  test("warns of what is allowed but not wanted", async () => {
    const { code, stdout } = await cli(["config", "check", await file(GOOD.replace("majority", "{ at_least: 3 }"))]);
    expect(code).toBe(0);
    expect(stdout).toMatch(/^warning: .*quorate.yaml:3:\d+ policy: 3 copies on 3 nodes/m);
  });
});

describe("a command of the caller's", () => {
  const registerProbe: RegisterCommand = (program, context) => {
    addCommonOptions(program.command("probe").argument("[what]")).action(
      async (what: string | undefined, options: CommonOptions) => {
        if (what === "broken") throw new TypeError("a mistake of ours");
        if (what === "unsafe") throw new CommandFailed(4, "n2 and n3 are missing; start one of them");
        const config = await requireConfig(context, { config: options.config, secrets: "skip" });
        context.stdout.write(requireNode(context, config, options.node).id);
        context.exitWith(3);
      },
    );
  };

  test("gets options, configuration and node, and says its exit code", async () => {
    const path = await file(GOOD);
    expect(await cli(["probe", "-c", path], [registerProbe])).toMatchObject({ code: 3, stdout: "n1" });
    expect(await cli(["probe", "-c", path], [registerProbe], { QUORATE_NODE: "n2" })).toMatchObject({ stdout: "n2" });
    expect(await cli(["probe", "-c", path, "--node", "n3"], [registerProbe])).toMatchObject({ stdout: "n3" });
    expect(await cli(["probe", "-c", path, "--node", "n4"], [registerProbe])).toMatchObject({ code: 78 });
  });

  test("fails with its own code and sentence; a mistake of ours is reported as one", async () => {
    expect(await cli(["probe", "unsafe"], [registerProbe])).toEqual({
      code: 4,
      stdout: "",
      stderr: "n2 and n3 are missing; start one of them\n",
    });
    const broken = await cli(["probe", "broken"], [registerProbe]);
    expect(broken.code).toBe(1);
    expect(broken.stderr).toMatch(/please report this: TypeError: a mistake of ours/);
  });
});
