import { Command } from "commander";
import { describe, expect, test } from "vitest";
import type { CliContext } from "../../src/cli/context.js";
import { registerDemo } from "../../src/demo/command.js";
import { cli } from "../cli/cli_run.js";
import { tempDir } from "../temp_dir.js";

const demo = (...args: string[]) => cli(["demo", ...args], [registerDemo]);

describe("quorate demo, arguments", () => {
  test.each([
    [["--nodes", "2"], /3 to 7 nodes/],
    [["--nodes", "many"], /3 to 7 nodes/],
    [["--policy", "most"], /at_least:2/],
    [["--fault", "earthquake"], /Allowed choices are postmaster, node/],
    [["-o", "xml"], /Allowed choices/],
    [["stop"], /--dir/],
    [["bogus"], /no such command; run the demo with `quorate demo`, or end a kept one with `quorate demo stop --dir/],
    [["--bogus"], /unknown option '--bogus'\n\(quorate demo --help shows/],
    [["stop", "--bogus"], /unknown option '--bogus'\n\(quorate demo stop --help shows/],
  ])("%j is a usage error", async (args, message) => {
    const { code, stderr } = await demo(...args);
    expect(code).toBe(64);
    expect(stderr).toMatch(message);
  });

  test("a policy that the nodes cannot satisfy is a refused configuration, and leaves nothing", async () => {
    const { code, stderr } = await demo("--policy", "at_least:4", "-o", "json");
    expect(code).toBe(78);
    expect(stderr).toMatch(/quorate\.yaml:\d+:\d+ policy\.at_least: 4 of 3 nodes/);
  });

  test("stop takes --dir and -o behind its name, and touches no foreign directory", async () => {
    const { code, stderr } = await demo("stop", "--dir", await tempDir(), "-o", "json");
    expect(code).toBe(1);
    expect(stderr).toMatch(/not the directory of a demo.*Name the directory that `quorate demo --keep` printed/);
  });

  test("stop of a directory that is not there says which one to name", async () => {
    const { code, stderr } = await demo("stop", "--dir", "/nowhere/demo");
    expect(code).toBe(1);
    expect(stderr).toMatch(/does not exist.*; name the directory that `quorate demo --keep` printed/);
  });

  test("help shows examples", () => {
    const program = new Command();
    registerDemo(program, {} as CliContext);
    let help = "";
    const command = program.commands[0];
    command?.configureOutput({
      writeOut: (text) => {
        help += text;
      },
    });
    command?.outputHelp();
    expect(help).toMatch(/--keep --dir/);
  });
});
