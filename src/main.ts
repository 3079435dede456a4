#!/usr/bin/env node
import { readFile } from "node:fs/promises";
import { hostname, networkInterfaces } from "node:os";
import { registerJoin, registerRemove } from "./cli/commands/cohort.js";
import { registerExplain } from "./cli/commands/explain.js";
import { registerFailover, registerSwitchover } from "./cli/commands/handover.js";
import { registerHistory } from "./cli/commands/history.js";
import { registerPause, registerResume } from "./cli/commands/pause.js";
import { registerRestart } from "./cli/commands/restart.js";
import { registerRun } from "./cli/commands/run.js";
import { registerStatus } from "./cli/commands/status.js";
import { registerWatch } from "./cli/commands/watch.js";
import { runCli } from "./cli/main.js";
import { processTerminal } from "./cli/terminal.js";
import { registerDemo } from "./demo/command.js";

/** How long the process may take to end by itself once its command is done. */
const EXIT_GRACE_MS = 5000;
const DIALS_LOOKED_AT_MS = 20;
/** Node's names for a connection: under way (the second is a later Node's), and made, as far as TLS to a frozen machine gets. */
const DIALS = ["ConnectWrap", "TCPConnectWrap", "TCPSocketWrap", "TLSWrap"] as const;
/** With what a process that has nothing left to do may still hold. */
const OF_A_DIAL: ReadonlySet<string> = new Set([...DIALS, "Timeout", "PipeWrap", "TTYWrap"]);

function onlyDials(): boolean {
  const active = process.getActiveResourcesInfo();
  return DIALS.some((name) => active.includes(name)) && active.every((name) => OF_A_DIAL.has(name));
}

/** Works from src and from dist: package.json lies beside both. */
async function ownVersion(): Promise<string> {
  const manifest = JSON.parse(await readFile(new URL("../package.json", import.meta.url), "utf8")) as {
    version: string;
  };
  return manifest.version;
}

function ownHosts(): readonly string[] {
  const addresses = Object.values(networkInterfaces()).flatMap((list) => (list ?? []).map(({ address }) => address));
  const name = hostname();
  return [name, name.split(".")[0] ?? name, ...addresses];
}

// A reader that has seen enough (`quorate status | head -1`) is no error of ours.
process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  if (error.code !== "EPIPE") throw error;
});

process.exitCode = await runCli(
  process.argv.slice(2),
  {
    stdout: process.stdout,
    stderr: process.stderr,
    env: process.env,
    hosts: ownHosts(),
    version: await ownVersion(),
    nodeVersion: process.versions.node,
  },
  [
    registerRun(async (config, node, options) => (await import("./sidecar.js")).startSidecar(config, node, options)),
    registerStatus,
    registerWatch(processTerminal()),
    registerHistory,
    registerExplain,
    registerSwitchover,
    registerFailover,
    registerRestart(process),
    registerPause,
    registerResume,
    registerJoin,
    registerRemove,
    registerDemo,
  ],
);

// A dial to a machine that is off, or frozen, lasts for minutes, and the gRPC library cannot give it up: nobody is to wait for that.
setInterval(() => {
  if (onlyDials() && process.stdout.writableLength + process.stderr.writableLength === 0) process.exit();
}, DIALS_LOOKED_AT_MS).unref();

// Does not keep the process alive; only fires when something else does, which is a mistake worth hearing about.
setTimeout(() => {
  const active = process.getActiveResourcesInfo().join(", ");
  process.stderr.write(`quorate did not end by itself within ${EXIT_GRACE_MS} ms (${active}); please report this\n`);
  process.exit();
}, EXIT_GRACE_MS).unref();
