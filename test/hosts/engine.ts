import { execFile } from "node:child_process";
import { promisify } from "node:util";

const execute = promisify(execFile);
const OUTPUT_BYTES_MAX = 64 * 1024 * 1024;
const CALL_MS = 10 * 60_000;

/** The caller's DOCKER_HOST counts. @throws with what the engine, or the command inside, said. */
export async function docker(...args: readonly string[]): Promise<string> {
  const limits = { maxBuffer: OUTPUT_BYTES_MAX, timeout: CALL_MS };
  try {
    return (await execute("docker", args, limits)).stdout;
  } catch (error) {
    const { stderr = "", stdout = "" } = error as { readonly stderr?: string; readonly stdout?: string };
    throw new Error(`docker ${args.join(" ").slice(0, 300)}: ${stderr}${stdout}`.trim(), { cause: error });
  }
}

/** What systemd needs as the first process of a container, and iptables. The sidecar is given nothing. */
const BOOTS = ["--cgroupns=private", "--tmpfs=/run", "--tmpfs=/run/lock", "--tmpfs=/tmp", "--env=container=docker"];
const CAPABILITIES = ["SYS_ADMIN", "NET_ADMIN"].map((name) => `--cap-add=${name}`);
const UNCONFINED = ["seccomp=unconfined", "apparmor=unconfined"].map((option) => `--security-opt=${option}`);

/** A network of its own, with hosts on it; all of it is gone after `remove`. */
export class Engine {
  readonly #hosts = new Set<string>();

  constructor(
    readonly name: string,
    /** The first three numbers of its addresses. */
    readonly prefix: string,
    private readonly image: string,
  ) {}

  async createNetwork(): Promise<void> {
    // Its first address is that of the first host.
    await docker("network", "create", `--subnet=${this.prefix}.0/24`, `--gateway=${this.prefix}.254`, this.name);
  }

  /** Boots a host, up to the point where systemd is content with it. */
  async boot(id: string, ip: string): Promise<Host> {
    const host = new Host(this, id, ip);
    this.#hosts.add(host.container);
    const place = [`--name=${host.container}`, `--hostname=${id}`, `--network=${this.name}`, `--ip=${ip}`];
    await docker("run", "--detach", ...place, ...BOOTS, ...CAPABILITIES, ...UNCONFINED, this.image);
    await host.booted();
    return host;
  }

  async remove(): Promise<void> {
    if (this.#hosts.size > 0) await docker("rm", "--force", "--volumes", ...this.#hosts);
    await docker("network", "rm", this.name);
  }
}

export class Host {
  readonly container: string;

  constructor(
    private readonly engine: Engine,
    readonly id: string,
    readonly ip: string,
  ) {
    this.container = `${engine.name}-${id}`;
  }

  /** As root; resolves to the standard output. */
  run(command: string): Promise<string> {
    return docker("exec", this.container, "bash", "-c", command);
  }

  /** The exit code as well, which says something where a command is asked for its verdict. */
  async ask(command: string): Promise<{ readonly code: number; readonly out: string }> {
    const said = await this.run(`(${command}) 2>&1; echo "exit $?"`);
    const [, out = "", code = "-1"] = /^([\s\S]*)exit (\d+)\n$/.exec(said) ?? [];
    return { code: Number(code), out };
  }

  /** From host to host, by this machine's hands. */
  async copyFrom(source: Host, folder: string, name: string, to: string = folder): Promise<void> {
    const script = `docker exec ${source.container} tar -C ${folder} -cf - ${name} | docker exec -i ${this.container} tar -C ${to} -xf -`;
    await execute("bash", ["-o", "pipefail", "-c", script], { timeout: CALL_MS });
  }

  async booted(): Promise<void> {
    await this.run(
      "for i in {1..300}; do case $(systemctl is-system-running 2>&1) in running|degraded) exit 0;; esac; sleep 0.1; done; exit 1",
    );
  }

  async write(path: string, content: string): Promise<void> {
    const encoded = Buffer.from(content).toString("base64");
    await this.run(`base64 -d <<<${encoded} >${path}`);
  }

  /** The power, not the switch. */
  async losePower(): Promise<void> {
    await docker("kill", this.container);
  }

  /** As `reboot` does it; what does not end in a minute is killed. */
  async shutDown(): Promise<void> {
    await docker("stop", "--time=60", this.container);
  }

  async powerOn(): Promise<void> {
    await docker("start", this.container);
    await this.booted();
  }

  async unplug(): Promise<void> {
    await docker("network", "disconnect", this.engine.name, this.container);
  }

  async plugIn(): Promise<void> {
    await docker("network", "connect", `--ip=${this.ip}`, this.engine.name, this.container);
  }

  async freeze(): Promise<void> {
    await docker("pause", this.container);
  }

  async thaw(): Promise<void> {
    await docker("unpause", this.container);
  }
}
