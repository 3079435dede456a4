/**
 * What a service of `Type=notify` tells systemd. Its socket takes datagrams, which Node's sockets do not do; systemd brings
 * a program that does. https://www.freedesktop.org/software/systemd/man/latest/sd_notify.html
 */
import { execFile } from "node:child_process";

export interface NotifyOptions {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly pid: number;
  readonly warn: (text: string) => void;
  /** `systemd-notify` in PATH unless told. */
  readonly program?: string;
}

/** It waits until systemd has taken the message, and no longer: systemd itself may hang. */
const SEND_DEADLINE_MS = 5000;

export class ServiceManager {
  private readonly options: NotifyOptions;
  private warned = false;

  constructor(options: NotifyOptions) {
    this.options = options;
  }

  /** Whether anybody listens. */
  get listens(): boolean {
    return (this.options.env.NOTIFY_SOCKET ?? "") !== "";
  }

  /** A sign of life is expected at least this often, in ms; null if none is. */
  get watchdogMs(): number | null {
    const { WATCHDOG_USEC: usec, WATCHDOG_PID: pid } = this.options.env;
    if (!this.listens || usec === undefined || !/^[1-9]\d{0,14}$/.test(usec)) return null;
    if (pid !== undefined && pid !== String(this.options.pid)) return null;
    return Number(usec) / 1000;
  }

  /** `STATUS=` is what `systemctl status` shows. Resolves when it was taken or given up; never rejects. */
  send(assignments: Readonly<Record<string, string>>): Promise<void> {
    if (!this.listens) return Promise.resolve();
    const { env, program = "systemd-notify" } = this.options;
    const args = Object.entries(assignments).map(([name, value]) => `${name}=${value.replaceAll(/\s+/g, " ")}`);
    return new Promise((resolve) => {
      execFile(program, args, { env, timeout: SEND_DEADLINE_MS }, (error) => {
        if (error !== null) this.failed(program, error);
        resolve();
      });
    });
  }

  /** Said once: with a watchdog systemd ends what it does not hear. */
  private failed(program: string, error: Error): void {
    if (this.warned) return;
    this.warned = true;
    this.options.warn(
      `systemd hears nothing of this sidecar, ${program} failed: ${error.message}; use Type=simple without it`,
    );
  }
}
