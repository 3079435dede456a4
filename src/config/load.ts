import type { z } from "zod";
import type { ClusterConfig } from "./cluster_config.js";
import { checkInput, crossCheck, findWarnings } from "./cross_checks.js";
import { missingPrograms } from "./missing_programs.js";
import { readPasswords } from "./passwords.js";
import { readPolicy } from "./policy.js";
import { nearestWord, type Problem, sortProblems } from "./problems.js";
import { resolveCluster } from "./resolve.js";
import { type FileConfig, fileSchema, KNOWN_KEYS } from "./schema.js";
import { ConfigSource, type Path } from "./source.js";
import { readText } from "./text.js";
import { checkCertificates } from "./tls_checks.js";

export interface LoadOptions {
  readonly file: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Passwords and certificates: a program that only asks the sidecars may not be allowed to read them. */
  readonly secrets: "read" | "skip";
  /** Passwords are read for this node only: the files of the others lie on other hosts. */
  readonly node?: string | undefined;
  /** Names and addresses of this host, for warnings of what is missing on it; without them nothing here is looked at. */
  readonly hosts?: readonly string[] | undefined;
}

export type LoadResult =
  | { readonly kind: "loaded"; readonly config: ClusterConfig; readonly warnings: readonly Problem[] }
  | { readonly kind: "refused"; readonly problems: readonly Problem[] };

/** Reads, checks and completes a quorate.yaml; a refusal carries everything that is wrong, not only the first. */
export async function loadConfig(options: LoadOptions): Promise<LoadResult> {
  const { file } = options;
  const read = await readText(file);
  if (read.kind === "refused") {
    const { line, message } = read;
    return { kind: "refused", problems: [{ file, line, column: 1, path: "", message }] };
  }
  return readConfig(new ConfigSource(file, read.text), options);
}

async function readConfig(source: ConfigSource, options: LoadOptions): Promise<LoadResult> {
  const syntax = source.syntaxProblems();
  if (syntax.length > 0) return { kind: "refused", problems: sortProblems(syntax) };
  let value: unknown;
  try {
    value = source.value();
  } catch (error) {
    return {
      kind: "refused",
      problems: [source.problem([], `YAML: ${(error as Error).message}; write the values out instead`)],
    };
  }
  const shaped = checkShape(source, value);
  // A file that is no map at all has nothing left to check.
  if (shaped.file === undefined) return { kind: "refused", problems: sortProblems(shaped.problems) };

  const input = checkInput(source, shaped.file);
  const problems = [...shaped.problems, ...crossCheck(input)];
  const policy = readPolicy(shaped.file.policy, input.nodes.length, source);
  if (!("kind" in policy) && source.has(["policy"])) problems.push(policy);

  const ids = options.node === undefined ? input.nodes.map(({ id }) => id) : [options.node];
  const read = options.secrets === "read" ? await readPasswords(source, shaped.file, ids, options.env) : undefined;
  problems.push(...(read?.problems ?? []));
  const certificates =
    options.secrets === "read" ? await checkCertificates(input, options.node, options.hosts ?? []) : undefined;
  problems.push(...(certificates?.problems ?? []));
  if (problems.length > 0 || !("kind" in policy)) return { kind: "refused", problems: sortProblems(problems) };

  const missing = await missingPrograms(input, options.hosts ?? []);
  return {
    kind: "loaded",
    config: resolveCluster(source.file, shaped.file, policy, read?.passwords ?? new Map()),
    warnings: sortProblems([
      ...findWarnings(input, policy),
      ...(read?.warnings ?? []),
      ...(certificates?.warnings ?? []),
      ...missing,
    ]),
  };
}

interface Shaped {
  /** The file without the values that were refused, so that the rest can still be checked. */
  readonly file: FileConfig | undefined;
  readonly problems: readonly Problem[];
}

function checkShape(source: ConfigSource, value: unknown): Shaped {
  const first = fileSchema.safeParse(value);
  if (first.success) return { file: first.data, problems: [] };
  const problems = first.error.issues.flatMap((issue) => describe(source, issue));
  if (first.error.issues.some((issue) => issue.path.length === 0 && issue.code !== "unrecognized_keys")) {
    return { file: undefined, problems };
  }
  for (const issue of first.error.issues) {
    const path = issue.path as Path;
    if (issue.code === "unrecognized_keys") for (const key of issue.keys) remove(value, [...path, key]);
    else remove(value, path);
  }
  return { file: fileSchema.safeParse(value).data, problems };
}

function describe(source: ConfigSource, issue: z.core.$ZodIssue): readonly Problem[] {
  const path = issue.path as Path;
  if (issue.code !== "unrecognized_keys") return [source.problem(path, issue.message)];
  return issue.keys.map((key) => source.problem([...path, key], `unknown key; ${adviceFor(path, key)}`));
}

/** A near word of the same block, else the block where exactly this key belongs. */
function adviceFor(path: Path, key: string): string {
  const inNode = path[0] === "nodes";
  const block = inNode ? path.slice(2).join(".") || "node" : path.join(".");
  const known = KNOWN_KEYS[block] ?? [];
  // Nobody's password is to stand in a file that is the same on every host and in every backup.
  if (key === "password") return "a password does not belong here; put it into a file and name that as password_file";
  const meant = nearestWord(key, known);
  if (meant !== undefined) return `did you mean ${meant}?`;
  const home = Object.entries(KNOWN_KEYS).find(([, keys]) => keys.includes(key))?.[0];
  if (home === "node") return "it belongs inside a node";
  if (home === "") return "it belongs at the top of the file";
  if (home !== undefined) return `did you mean ${home}.${key}?`;
  return `known here: ${known.join(", ")}`;
}

/**
 * Takes a refused value out of the plain value. A list goes as a whole; a refused node stays, empty,
 * so that nodes are still counted right.
 */
function remove(root: unknown, path: Path): void {
  const item = path.findIndex((step) => typeof step === "number");
  const keys = item === -1 ? path : path.slice(0, item);
  let parent: unknown = root;
  for (const key of keys.slice(0, -1)) {
    if (typeof parent !== "object" || parent === null) return;
    parent = (parent as Record<string, unknown>)[key];
  }
  const last = keys.at(-1);
  if (typeof parent !== "object" || parent === null || last === undefined) return;
  if (keys.length === 2 && keys[0] === "nodes") Object.assign(parent, { [last]: {} });
  else delete (parent as Record<string, unknown>)[last];
}
