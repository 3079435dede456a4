import { createPrivateKey, type KeyObject, X509Certificate } from "node:crypto";
import { readFile, stat } from "node:fs/promises";
import { createSecureContext } from "node:tls";
import { expirySoon } from "./expiry.js";
import type { Identity } from "./identity.js";
import { identityOf, notNode, notOfCluster } from "./identity.js";

/** Where the three files lie; absolute. */
export interface TlsPaths {
  /** One or more certificates of authorities, PEM: two while one takes the place of the other. */
  readonly ca: string;
  /** The own certificate, PEM, with those between it and the authority behind it. */
  readonly cert: string;
  readonly key: string;
}

/** What one end of a connection shows and trusts. The key is not enumerable: no log or JSON carries it along. */
export interface TlsMaterial {
  readonly ca: string;
  readonly cert: string;
  readonly key: string;
  readonly identity: Identity;
  /** End of validity of the own certificate, in ms since 1970. */
  readonly notAfterMs: number;
}

export interface TlsProblem {
  readonly file: keyof TlsPaths;
  /** What is wrong; what to do. */
  readonly message: string;
}

export type MaterialRead =
  | { readonly kind: "read"; readonly material: TlsMaterial }
  | { readonly kind: "refused"; readonly problems: readonly TlsProblem[] };

export interface Expected {
  readonly cluster: string;
  /** The node whose certificate it must be; null: anybody's of this cluster, for a command line. */
  readonly node: string | null;
  readonly nowMs: number;
}

const CERTIFICATE = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g;
const CHAIN_MAX = 5;
const SERVER_AUTH = "1.3.6.1.5.5.7.3.1";
const CLIENT_AUTH = "1.3.6.1.5.5.7.3.2";

/** Reads the three files, and refuses what the other end would refuse: with the file that is wrong, and what to do. */
export async function readMaterial(paths: TlsPaths, expected: Expected): Promise<MaterialRead> {
  const problems: TlsProblem[] = [];
  const read = async (file: keyof TlsPaths) => {
    const text = await readText(paths[file]);
    if (text.ok) return text.text;
    problems.push({ file, message: text.message });
    return null;
  };
  const [ca, cert, key] = [await read("ca"), await read("cert"), await read("key")];
  const loose = await looseMode(paths.key);
  if (loose !== undefined) problems.push({ file: "key", message: loose });
  if (ca === null || cert === null || key === null) return { kind: "refused", problems };
  return judge({ paths, ca, cert, key, expected, problems });
}

interface Texts {
  readonly paths: TlsPaths;
  readonly ca: string;
  readonly cert: string;
  readonly key: string;
  readonly expected: Expected;
  readonly problems: readonly TlsProblem[];
}

function judge({ paths, ca, cert, key, expected, problems: found }: Texts): MaterialRead {
  const authorities = certificates(ca);
  const chain = certificates(cert);
  const own = chain[0];
  const problems = [...found];
  if (authorities.length === 0 || authorities.some((a) => !a.ca))
    problems.push({
      file: "ca",
      message: `${paths.ca} holds no certificate of an authority; name the file with it (PEM)`,
    });
  if (own === undefined) {
    problems.push({ file: "cert", message: `${paths.cert} holds no certificate; name the file with it (PEM)` });
    return { kind: "refused", problems };
  }
  const wrong = wrongKey(own, key);
  if (wrong !== undefined) problems.push({ file: "key", message: `${paths.key} ${wrong}` });
  if (authorities.length > 0 && !isIssued(own, chain.slice(1), authorities))
    problems.push({
      file: "cert",
      message: `${paths.cert} is not signed by an authority in ${paths.ca}; take both from the same one`,
    });
  for (const what of unfit(own, expected)) problems.push({ file: "cert", message: `${paths.cert} ${what}` });
  const unusable = problems.length === 0 ? refusedByLibrary({ ca, cert, key }) : undefined;
  if (unusable !== undefined) problems.push({ file: "cert", message: `${paths.cert} ${unusable}` });
  const identity = identityOf(own.subjectAltName, expected.cluster);
  if (problems.length > 0 || identity === null) return { kind: "refused", problems };
  return { kind: "read", material: hidden({ ca, cert, identity, notAfterMs: Date.parse(own.validTo) }, key) };
}

/** OpenSSL has rules of its own, such as the least length of a key: better now than at the first connection. */
function refusedByLibrary(pem: {
  readonly ca: string;
  readonly cert: string;
  readonly key: string;
}): string | undefined {
  try {
    createSecureContext(pem);
    return undefined;
  } catch (error) {
    return `is refused by OpenSSL (${(error as Error).message}); issue one with a stronger key`;
  }
}

/** What makes the other end refuse a certificate that is signed well. */
function unfit(own: X509Certificate, { cluster, node, nowMs }: Expected): readonly string[] {
  const wrong: string[] = [];
  const stranger =
    node === null ? notOfCluster(own.subjectAltName, cluster) : notNode(own.subjectAltName, cluster, node);
  if (stranger !== undefined) wrong.push(`${stranger}; issue one for ${node ?? "you"}`);
  if (Date.parse(own.validTo) <= nowMs) wrong.push(`${expirySoon(Date.parse(own.validTo), nowMs)}; renew it`);
  if (Date.parse(own.validFrom) > nowMs)
    wrong.push(`is not valid before ${new Date(own.validFrom).toISOString()}; check the clock of this host`);
  const needed = node === null ? [CLIENT_AUTH] : [CLIENT_AUTH, SERVER_AUTH];
  const uses = own.keyUsage as readonly string[] | undefined;
  if (uses !== undefined && needed.some((use) => !uses.includes(use)))
    wrong.push(`may not be used on both ends; issue it with the extended key usages clientAuth and serverAuth`);
  return wrong;
}

/** Every certificate of a PEM text; none if one of them cannot be read. */
function certificates(pem: string): readonly X509Certificate[] {
  try {
    return (pem.match(CERTIFICATE) ?? []).map((text) => new X509Certificate(text));
  } catch {
    return [];
  }
}

function isIssued(
  own: X509Certificate,
  between: readonly X509Certificate[],
  authorities: readonly X509Certificate[],
): boolean {
  const by = (subject: X509Certificate) => (issuer: X509Certificate) =>
    issuer.ca && subject.checkIssued(issuer) && subject.verify(issuer.publicKey);
  let subject = own;
  for (let depth = 0; depth < CHAIN_MAX; depth += 1) {
    if (authorities.some(by(subject))) return true;
    const next = between.find(by(subject));
    if (next === undefined) return false;
    subject = next;
  }
  return false;
}

function wrongKey(own: X509Certificate, pem: string): string | undefined {
  let key: KeyObject;
  try {
    key = createPrivateKey(pem);
  } catch {
    return "holds no private key that can be read (PEM, without a passphrase); name the file with it";
  }
  return own.checkPrivateKey(key) ? undefined : "does not belong to the certificate; take both from the same folder";
}

type TextRead = { readonly ok: true; readonly text: string } | { readonly ok: false; readonly message: string };

async function readText(path: string): Promise<TextRead> {
  try {
    return { ok: true, text: await readFile(path, "utf8") };
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    const wrong =
      code === "ENOENT"
        ? "does not exist; `quorate tls init` makes certificates, copy the node's folder to its host"
        : `cannot be read (${message}); run as the owner of the file, or name another`;
    return { ok: false, message: `${path} ${wrong}` };
  }
}

/** As Postgres has it for its own key: 0600, or 0640 if root owns it and a group is trusted. */
async function looseMode(path: string): Promise<string | undefined> {
  const found = await stat(path).catch(() => null);
  if (found === null) return undefined;
  const allowed = found.uid === 0 ? 0o640 : 0o600;
  const mode = found.mode & 0o777;
  return (mode & 0o077 & ~allowed) === 0
    ? undefined
    : `${path} can be read by others (mode ${mode.toString(8)}); run \`chmod 600 ${path}\``;
}

function hidden(shown: Omit<TlsMaterial, "key">, key: string): TlsMaterial {
  return Object.freeze(Object.defineProperty({ ...shown }, "key", { value: key, enumerable: false })) as TlsMaterial;
}
