import { type ChildProcess, spawn } from "node:child_process";
import { join } from "node:path";
import { onTestFinished } from "vitest";
import { tempDir } from "../temp_dir.js";

/**
 * A stand-in for systemd's end of NOTIFY_SOCKET: a Unix datagram socket, which Node has none of, in a few lines of Perl.
 * Taking a message by `recv` drops the descriptor that comes with BARRIER=1, which is the answer the sender waits for.
 */
const LISTEN = `
  use IO::Socket::UNIX; use Socket; $| = 1;
  my $s = IO::Socket::UNIX->new(Type => SOCK_DGRAM, Local => $ARGV[0]) or die "no socket: $!";
  chmod 0666, $ARGV[0];
  print "ready\\n";
  while (defined $s->recv(my $m, 65536)) { $m =~ s/\\n/\\t/g; print "$m\\n"; }
`;
const DEADLINE_MS = 20_000;

export class NotifySocket {
  /** One message each, its lines separated by tabs; barriers are left out. */
  readonly messages: string[] = [];
  private readonly waiting = new Set<() => void>();
  private said = "";
  private open = false;

  private constructor(
    readonly path: string,
    private readonly child: ChildProcess,
  ) {
    child.stdout?.setEncoding("utf8").on("data", (text: string) => this.take(text));
  }

  /** Gone when the test is over. */
  static async listen(): Promise<NotifySocket> {
    const path = join(await tempDir(), "notify");
    const socket = new NotifySocket(
      path,
      spawn("perl", ["-e", LISTEN, path], { stdio: ["ignore", "pipe", "inherit"] }),
    );
    onTestFinished(() => socket.close());
    await socket.until("the socket to be there", () => socket.open);
    return socket;
  }

  async until(what: string, condition: () => boolean): Promise<void> {
    if (condition()) return;
    await new Promise<void>((resolve, reject) => {
      const look = () => {
        if (!condition()) return;
        clearTimeout(timer);
        this.waiting.delete(look);
        resolve();
      };
      const timer = setTimeout(() => {
        this.waiting.delete(look);
        reject(new Error(`${what}: not within ${DEADLINE_MS} ms; heard ${JSON.stringify(this.messages)}`));
      }, DEADLINE_MS);
      this.waiting.add(look);
    });
  }

  count(start: string): number {
    return this.messages.filter((message) => message.startsWith(start)).length;
  }

  private async close(): Promise<void> {
    const ended = new Promise((resolve) => this.child.once("exit", resolve));
    this.child.kill("SIGKILL");
    await ended;
  }

  private take(text: string): void {
    const lines = (this.said + text).split("\n");
    this.said = lines.pop() ?? "";
    for (const line of lines) {
      if (line === "ready" && !this.open) this.open = true;
      else if (line !== "BARRIER=1") this.messages.push(line);
    }
    for (const look of [...this.waiting]) look();
  }
}
