import { type Logger, pino } from "pino";
import { HIDDEN, redact, redactText } from "./redact.js";

export type { Logger };

export interface LogOptions {
  readonly level: "trace" | "debug" | "info" | "warn" | "error" | "silent";
  /** On every line: which node of which cluster speaks. */
  readonly base: Readonly<Record<string, string | number>>;
  /** 2 (stderr) unless told: stdout belongs to the JSON of commands. */
  readonly fd?: number;
  /** Each line begins with its priority, which systemd's journal takes off and sorts by (sd-daemon(3)). */
  readonly prefixed?: boolean;
}

export interface Log {
  readonly logger: Logger;
  /** Lines are written in the background; call this before the process ends. Errors (a closed pipe) are no matter then. */
  flush(): void;
}

const STDERR = 2;

/** One JSON line a decision. No password gets through, whoever hands it in. */
export function createLog(options: LogOptions): Log {
  const destination = pino.destination({ dest: options.fd ?? STDERR, sync: false });
  // A log that nobody reads any more must not end the sidecar.
  destination.on("error", () => undefined);
  const logger = pino(
    {
      level: options.level,
      base: { ...options.base },
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: {
        level: (label) => ({ level: label }),
        bindings: (fields) => redact(fields) as Record<string, unknown>,
        log: (fields) => redact(fields) as Record<string, unknown>,
      },
      // What a child logger is made with passes by the formatters.
      redact: { paths: ["password", "*.password", "superuserPassword", "replicationPassword"], censor: HIDDEN },
      // Errors were made plain by `redact`; pino's own serializer would put their text back as it was.
      serializers: { err: (value: unknown) => redact(value) },
      hooks: {
        logMethod(args, method) {
          method.apply(this, cleanArguments(args) as Parameters<typeof method>);
        },
      },
    },
    options.prefixed === true ? prefixing(destination) : destination,
  );
  return {
    logger,
    flush: () => {
      try {
        destination.flushSync();
      } catch {
        // Not open yet, or closed by its reader: there is nobody left to tell.
      }
    },
  };
}

/** syslog(3)'s numbers for pino's levels. */
function priorityOf(level: number): number {
  if (level >= 60) return 2;
  if (level >= 50) return 3;
  if (level >= 40) return 4;
  return level >= 30 ? 6 : 7;
}

function prefixing(destination: { write(line: string): unknown }) {
  return {
    // By this sign pino says the level of each line before it writes it.
    [Symbol.for("pino.metadata")]: true,
    lastLevel: 30,
    write(line: string) {
      destination.write(`<${priorityOf(this.lastLevel)}>${line}`);
    },
  };
}

/** An entry of an error alone would take the error's message as it is: it is given one that was looked at. */
function cleanArguments(args: readonly unknown[]): readonly unknown[] {
  const [first, ...rest] = args.map((arg) => (typeof arg === "string" ? redactText(arg) : arg));
  const error = first instanceof Error ? first : errOf(first);
  if (error === undefined) return [first, ...rest];
  const fields = first instanceof Error ? { err: first } : first;
  return rest.length === 0 ? [fields, redactText(error.message)] : [fields, ...rest];
}

function errOf(fields: unknown): Error | undefined {
  if (typeof fields !== "object" || fields === null || !("err" in fields)) return undefined;
  return fields.err instanceof Error ? fields.err : undefined;
}
