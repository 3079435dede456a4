import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { delimiter, join } from "node:path";
import { onTestFinished } from "vitest";
import { freePorts } from "../../../src/demo/free_ports.js";
import { HOST, type NodePlan } from "../../../src/demo/plan.js";
import { tempDir } from "../../temp_dir.js";

/** Null where it is not installed. */
export function findHaproxy(): string | null {
  const folders = [...(process.env.PATH ?? "").split(delimiter), "/usr/sbin", "/usr/local/sbin"];
  return folders.map((folder) => join(folder, "haproxy")).find((path) => existsSync(path)) ?? null;
}

/** What people have who come from Patroni: its published pattern, with nothing but the addresses filled in. */
export function haproxyConfig(nodes: readonly NodePlan[], primaryPort: number, replicasPort: number): string {
  const listen = (name: string, port: number, path: string) => `
listen ${name}
    bind ${HOST}:${port}
    option httpchk OPTIONS ${path}
    http-check expect status 200
    default-server inter 3s fall 3 rise 2 on-marked-down shutdown-sessions
${nodes.map(({ id, pgPort, httpPort }) => `    server ${id} ${HOST}:${pgPort} maxconn 100 check port ${httpPort}`).join("\n")}
`;
  return `global
    maxconn 100

defaults
    log global
    mode tcp
    retries 2
    timeout client 30m
    timeout connect 4s
    timeout server 30m
    timeout check 5s
${listen("primary", primaryPort, "/primary")}${listen("replicas", replicasPort, "/replica")}`;
}

/** In the foreground, ended with the test. */
export async function startHaproxy(program: string, nodes: readonly NodePlan[]) {
  const [primary = 0, replicas = 0] = await freePorts(2);
  const file = join(await tempDir(), "haproxy.cfg");
  await writeFile(file, haproxyConfig(nodes, primary, replicas));
  const child = spawn(program, ["-f", file, "-db"], { stdio: "ignore" });
  const ended = new Promise((resolve) => child.once("exit", resolve));
  onTestFinished(async () => {
    child.kill("SIGKILL");
    await ended;
  });
  return { primary, replicas };
}
