import { isIP } from "node:net";
import { z } from "zod";
import { DETECT_MAX_MS, DETECT_MIN_MS } from "./derive.js";
import { parseDuration } from "./duration.js";
import { kilobytesText, parseKilobytes } from "./size.js";

/*
 * The shape of quorate.yaml, as far as one value can be judged by itself. Every key is optional here:
 * what must be there, and what must fit together, is asked in cross_checks.ts, so that one missing key
 * does not hide the other mistakes. Each message says what is wrong and, after the semicolon, what to do.
 */

/** What was written, short enough for one line; never called for a password. */
function shown(value: unknown): string {
  if (value === null || value === undefined) return "nothing";
  const text = typeof value === "bigint" ? String(value) : JSON.stringify(value);
  return text.length > 60 ? `${text.slice(0, 57)}...` : text;
}

const not = (what: string, todo: string) => (issue: { readonly input?: unknown }) =>
  `${shown(issue.input)} is not ${what}; ${todo}`;

/** As `not`, for a text that YAML takes for something else unless it stands in quotes. */
const unquoted = (what: string, todo: string) => (issue: { readonly input?: unknown }) => {
  const kind = typeof issue.input;
  if (kind !== "number" && kind !== "boolean") return not(what, todo)(issue);
  return `${shown(issue.input)} is a ${kind}, not ${what}; put it in quotes, as in "${String(issue.input)}"`;
};

const portNumber = (() => {
  const error = not("a port", "write a whole number from 1 to 65535");
  return z.number({ error }).int({ error }).min(1, { error }).max(65535, { error });
})();

const nonEmpty = (what: string, todo: string) =>
  z.string({ error: not(what, todo) }).min(1, { error: not(what, todo) });

const HOST_NAME = /^[A-Za-z0-9]([A-Za-z0-9.-]{0,251}[A-Za-z0-9])?$/;

const settingValue = z.union([z.string(), z.number(), z.boolean()], {
  error: not("a value of a Postgres setting", "write a text, a number or a boolean"),
});

const role = (what: string) =>
  z.strictObject(
    {
      user: z
        .string({ error: not("a role name", "write a text") })
        .regex(/^(?!pg_)[a-z_][a-z0-9_]{0,62}$/, {
          error: not("a role name", "use lower-case letters, digits and _, at most 63, not beginning with pg_"),
        })
        .optional(),
      password_file: nonEmpty("a path", "name a file that holds the password alone").optional(),
    },
    { error: not(`the ${what} role`, "write { user: NAME, password_file: PATH }") },
  );

const duration = z.unknown().transform((value, context) => {
  const ms = typeof value === "string" ? parseDuration(value) : undefined;
  const refuse = (message: string) => {
    context.issues.push({ code: "custom", message, input: value });
    return z.NEVER;
  };
  if (typeof value === "number") return refuse(`${value} has no unit; write ${value}ms or ${value}s`);
  if (ms === undefined) return refuse(`${shown(value)} is not a duration; write it like 1500ms or 2s`);
  if (ms < DETECT_MIN_MS)
    return refuse(`${String(value)} would take every hiccup for a failure; use ${DETECT_MIN_MS}ms or more`);
  if (ms > DETECT_MAX_MS)
    return refuse(`${String(value)} is too long to be of use; use ${DETECT_MAX_MS / 1000}s or less`);
  return ms;
});

/** A value of `rejoin`: for BASE_BACKUP from 32 kB to 1 GB, https://www.postgresql.org/docs/current/protocol-replication.html */
const size = (bounds: { readonly min: number; readonly max: number; readonly of: string; readonly word?: string }) =>
  z.unknown().transform((value, context) => {
    const refuse = (message: string) => {
      context.issues.push({ code: "custom", message, input: value });
      return z.NEVER;
    };
    const { min, max, of, word } = bounds;
    if (word !== undefined && value === word) return null;
    const or = word === undefined ? "" : `, or ${word}`;
    if (typeof value === "number") return refuse(`${value} has no unit; write ${value}MB${or}`);
    const kb = typeof value === "string" ? parseKilobytes(value) : undefined;
    if (kb === undefined) return refuse(`${shown(value)} is not a size; write it like 100MB${or}`);
    if (kb < min || kb > max)
      return refuse(
        `${String(value)} is out of bounds for ${of}; use ${kilobytesText(min)} to ${kilobytesText(max)}${or}`,
      );
    return kb;
  });

const RATE = { min: 32, max: 2 ** 20, of: "a rate per second", word: "unlimited" } as const;
/** Below it a follower that restarts would find its WAL gone. */
const KEPT_WAL = { min: 256 * 1024, max: 2 ** 31, of: "the WAL that is kept for a node" } as const;

const atOnce = (() => {
  const error = not("a number of clones", "write a whole number from 1 to 8");
  return z.number({ error }).int({ error }).min(1, { error }).max(8, { error });
})();

const LEVELS = ["trace", "debug", "info", "warn", "error"] as const;
export type LogLevel = (typeof LEVELS)[number];

const postgres = z.strictObject(
  {
    port: portNumber.optional(),
    bin_dir: nonEmpty("a path", "name the folder that holds `postgres` and `initdb`").optional(),
    settings: z
      .record(z.string(), settingValue, {
        error: not("a map of settings", "write NAME: VALUE lines below it, or remove it"),
      })
      .optional(),
    hba: z
      .array(
        z
          .string({ error: not("a line of pg_hba.conf", "write a text") })
          .regex(/^\s*(local|host|hostssl|hostnossl|hostgssenc|hostnogssenc)\s+[^\r\n]+$/, {
            error: not("a line of pg_hba.conf", "write it like `host all all 10.0.0.0/8 scram-sha-256`"),
          }),
        { error: not("a list of pg_hba.conf lines", "write each line as `- host ...`") },
      )
      .optional(),
    superuser: role("superuser").optional(),
    replication: role("replication").optional(),
  },
  { error: not("a block of keys", "write keys like `port: 5432` below it, or remove it") },
);

const tls = z.strictObject(
  {
    ca: nonEmpty("a path", "name the file with the certificate of the authority").optional(),
    cert: nonEmpty("a path", "name the file with the node's certificate").optional(),
    key: nonEmpty("a path", "name the file with the private key of that certificate").optional(),
  },
  { error: not("a block of keys", "write { ca: PATH, cert: PATH, key: PATH }, or remove it") },
);

/** What may stand at the top for all nodes, or inside one node, which wins. */
const perNode = {
  data_dir: nonEmpty("a path", "name the folder for this node's data").optional(),
  port: portNumber.optional(),
  postgres: postgres.optional(),
  http: z
    .strictObject(
      { port: portNumber.optional() },
      { error: not("a block of keys", "write { port: 8008 }, or remove it") },
    )
    .optional(),
  tls: tls.optional(),
  rejoin: z
    .strictObject(
      { max_rate: size(RATE).optional(), at_once: atOnce.optional(), keep_wal: size(KEPT_WAL).optional() },
      { error: not("a block of keys", "write { max_rate: 100MB }, or remove it") },
    )
    .optional(),
  timings: z
    .strictObject(
      { detect: duration.optional() },
      { error: not("a block of keys", "write { detect: 1500ms }, or remove it") },
    )
    .optional(),
  log: z
    .strictObject(
      { level: z.enum(LEVELS, { error: not("a log level", `use one of ${LEVELS.join(", ")}`) }).optional() },
      { error: not("a block of keys", "write { level: info }, or remove it") },
    )
    .optional(),
};

const node = z.strictObject(
  {
    ...perNode,
    host: z
      .string({ error: not("a host", "write its name or address") })
      .refine((host) => isIP(host) !== 0 || HOST_NAME.test(host), {
        error: not("a host", "write a name or an address alone; the port has a key of its own"),
      })
      .optional(),
    labels: z
      .record(z.string(), z.string({ error: not("a text", 'write a label as a text, in quotes: "1"') }), {
        error: not("a map of labels", "write it like { zone: a }"),
      })
      .optional(),
  },
  { error: not("a node", "write it like { host: 10.0.0.1 }") },
);

export const fileSchema = z.strictObject(
  {
    ...perNode,
    cluster: z
      .string({ error: unquoted("a cluster name", "write a text") })
      .regex(/^[A-Za-z0-9][A-Za-z0-9_.-]{0,62}$/, {
        error: not("a cluster name", "use letters, digits, `_`, `.` and `-`, at most 63"),
      })
      .optional(),
    nodes: z
      .record(z.string(), node, { error: not("a map of nodes", "write it like { n1: { host: 10.0.0.1 }, ... }") })
      .optional(),
    // Judged in policy.ts: a policy is a word or a map, and each kind has refusals of its own.
    policy: z.unknown().optional(),
    insecure: z.boolean({ error: not("true or false", "write `insecure: true` or remove it") }).optional(),
    founded: z.boolean({ error: not("true or false", "write `founded: true` or remove it") }).optional(),
  },
  { error: not("a configuration", "write a map that begins with `cluster: NAME`") },
);

export type FileConfig = z.output<typeof fileSchema>;
export type FileNode = z.output<typeof node>;
export type FileNodeKeys = Pick<FileNode, keyof typeof perNode>;

const keys = (shape: object): readonly string[] => Object.keys(shape);

/** The keys that are known inside each block, for "did you mean". */
export const KNOWN_KEYS: Readonly<Record<string, readonly string[]>> = {
  "": keys(fileSchema.shape),
  node: keys(node.shape),
  postgres: keys(postgres.shape),
  "postgres.superuser": ["user", "password_file"],
  "postgres.replication": ["user", "password_file"],
  http: ["port"],
  tls: ["ca", "cert", "key"],
  rejoin: ["max_rate", "at_once", "keep_wal"],
  timings: ["detect"],
  log: ["level"],
};
