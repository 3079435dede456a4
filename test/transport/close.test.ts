import { spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { expect, it } from "vitest";

const PROGRAM = fileURLToPath(new URL("./open_and_close.ts", import.meta.url));

it("after close nothing keeps the process alive", async () => {
  const child = spawn(process.execPath, ["--import", "tsx", PROGRAM], { stdio: ["ignore", "pipe", "inherit"] });
  let output = "";
  let wroteMs = 0;
  child.stdout.on("data", (bytes: Buffer) => {
    output += bytes.toString();
    wroteMs = performance.now();
  });
  const stuck = setTimeout(() => child.kill("SIGKILL"), 15_000);
  const [code] = await once(child, "exit");
  clearTimeout(stuck);
  expect(code).toBe(0);
  const { asked, closedMs } = JSON.parse(output) as { asked: boolean; closedMs: number };
  expect(asked).toBe(true);
  expect(closedMs).toBeLessThan(1_000);
  // The shortest of our longer timers is the 5 s keepalive of the server.
  expect(performance.now() - wroteMs).toBeLessThan(3_000);
});
