import { X509Certificate } from "node:crypto";
import { mkdir, open, readFile, rename } from "node:fs/promises";
import { join } from "node:path";
import { issue, newAuthority, type Pair } from "./authority.js";
import type { Identity } from "./identity.js";

/*
 * What `quorate tls init` keeps: DIR/ca.crt and DIR/ca.key, and for everybody a folder that is copied as it is:
 * DIR/nodes/n1 and DIR/admin with ca.crt, tls.crt and tls.key in it, the names that Kubernetes uses too.
 */

const SECRET = 0o600;
const PUBLIC = 0o644;
const PRIVATE_FOLDER = 0o700;

export interface FolderOptions {
  readonly dir: string;
  readonly cluster: string;
  /** Whose certificates are wanted. */
  readonly members: readonly { readonly identity: Identity; readonly hosts: readonly string[] }[];
  /** New certificates also where there are some; the authority always stays. */
  readonly renew: boolean;
  readonly days: number;
  readonly nowMs: number;
}

export interface Written {
  readonly identity: Identity;
  readonly folder: string;
  /** False if there was one, which stays. */
  readonly written: boolean;
  readonly notAfterMs: number;
}

export interface FolderResult {
  readonly authority: {
    readonly cert: string;
    readonly key: string;
    readonly written: boolean;
    readonly notAfterMs: number;
  };
  readonly members: readonly Written[];
}

/** What is there and half of something, or cannot be used: nothing was overwritten. */
export class FolderRefused extends Error {
  override readonly name = "FolderRefused";
}

/**
 * Makes the authority unless there is one, and the certificates that are missing.
 * @throws FolderRefused, or an error of the file system.
 */
export async function writeFolder(options: FolderOptions): Promise<FolderResult> {
  const { dir, cluster, nowMs } = options;
  await mkdir(dir, { recursive: true, mode: PRIVATE_FOLDER });
  const paths = { cert: join(dir, "ca.crt"), key: join(dir, "ca.key") };
  const found = await readPair(paths);
  const authority = found ?? (await newAuthority(cluster, nowMs));
  if (found === null) await writePair(paths, authority, "wx");
  const members: Written[] = [];
  for (const member of options.members) members.push(await writeMember(options, authority, member));
  return { authority: { ...paths, written: found === null, notAfterMs: endOf(authority) }, members };
}

export function folderOf(dir: string, identity: Identity): string {
  return identity.kind === "admin" ? join(dir, "admin") : join(dir, "nodes", identity.node);
}

async function writeMember(
  { dir, cluster, renew, days, nowMs }: FolderOptions,
  authority: Pair,
  { identity, hosts }: FolderOptions["members"][number],
): Promise<Written> {
  const folder = folderOf(dir, identity);
  const paths = { cert: join(folder, "tls.crt"), key: join(folder, "tls.key") };
  const found = await readPair(paths);
  if (found !== null && !renew) return { identity, folder, written: false, notAfterMs: endOf(found) };
  const pair = await issue(authority, { cluster, identity, hosts, days, nowMs });
  await mkdir(folder, { recursive: true, mode: PRIVATE_FOLDER });
  await replaceFile(join(folder, "ca.crt"), authority.cert, PUBLIC);
  if (found === null) await writePair(paths, pair, "wx");
  else {
    await replaceFile(paths.key, pair.key, SECRET);
    await replaceFile(paths.cert, pair.cert, PUBLIC);
  }
  return { identity, folder, written: true, notAfterMs: endOf(pair) };
}

/** Both files or neither; one alone is left from something that was interrupted, or was moved away on purpose. */
async function readPair({ cert, key }: Pair): Promise<Pair | null> {
  const [certText, keyText] = [await textOf(cert), await textOf(key)];
  if (certText === null && keyText === null) return null;
  if (keyText === null)
    throw new FolderRefused(`${cert} is there, ${key} is not; bring the key back, or use another folder`);
  if (certText === null)
    throw new FolderRefused(`${key} is there, ${cert} is not; bring the certificate back, or move the key away`);
  return { cert: certText, key: keyText };
}

async function textOf(path: string): Promise<string | null> {
  try {
    return await readFile(path, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return null;
    throw new FolderRefused(`${path} cannot be read: ${(error as Error).message}`);
  }
}

function endOf({ cert }: Pair): number {
  return Date.parse(new X509Certificate(cert).validTo);
}

/** The key first: a certificate that is there has its key. */
async function writePair(paths: Pair, pair: Pair, flags: "wx"): Promise<void> {
  await writeNew(paths.key, pair.key, SECRET, flags);
  await writeNew(paths.cert, pair.cert, PUBLIC, flags);
}

async function replaceFile(path: string, text: string, mode: number): Promise<void> {
  const temp = `${path}.new`;
  await writeNew(temp, text, mode, "w");
  await rename(temp, path);
}

async function writeNew(path: string, text: string, mode: number, flags: "w" | "wx"): Promise<void> {
  const handle = await open(path, flags, mode);
  try {
    // A file left over from an interrupted run keeps its old mode.
    await handle.chmod(mode);
    await handle.writeFile(text.endsWith("\n") ? text : `${text}\n`);
    await handle.sync();
  } finally {
    await handle.close();
  }
}
