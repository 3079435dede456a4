// The library's containers need it before they are loaded.
import "reflect-metadata";
import { webcrypto } from "node:crypto";
import { isIP } from "node:net";
import * as x509 from "@peculiar/x509";
import type { Identity } from "./identity.js";
import { uriOf } from "./identity.js";

/** A certificate and its private key, PEM. */
export interface Pair {
  readonly cert: string;
  readonly key: string;
}

export interface Wanted {
  readonly cluster: string;
  readonly identity: Identity;
  /** Names and addresses of a node, for programs that look at them; Quorate itself does not. */
  readonly hosts: readonly string[];
  readonly days: number;
  readonly nowMs: number;
}

const ALGORITHM = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" } as const;
const DAY_MS = 86_400_000;
const AUTHORITY_DAYS = 3650;
/** So that a host whose clock is a little behind takes it at once. */
const BACKDATED_MS = 3_600_000;
const SERIAL_BYTES = 16;

x509.cryptoProvider.set(webcrypto);

/** A new authority of one cluster: whoever has its key can make himself any node. */
export async function newAuthority(cluster: string, nowMs: number): Promise<Pair> {
  const keys = await newKeys();
  const cert = await x509.X509CertificateGenerator.createSelfSigned({
    serialNumber: newSerial(),
    name: [{ CN: [`Quorate CA of ${cluster}`] }],
    notBefore: new Date(nowMs - BACKDATED_MS),
    notAfter: new Date(nowMs + AUTHORITY_DAYS * DAY_MS),
    keys,
    signingAlgorithm: ALGORITHM,
    extensions: [
      new x509.BasicConstraintsExtension(true, 0, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  });
  return { cert: cert.toString("pem"), key: await exported(keys.privateKey) };
}

/**
 * A certificate for both ends of a connection (an administrator's: for the dialling one), never valid longer than the authority.
 * @throws Error if the key of the authority is none that `newAuthority` makes.
 */
export async function issue(authority: Pair, { cluster, identity, hosts, days, nowMs }: Wanted): Promise<Pair> {
  const issuer = new x509.X509Certificate(authority.cert);
  const signingKey = await imported(authority.key);
  const keys = await newKeys();
  const uses = [x509.ExtendedKeyUsage.clientAuth];
  if (identity.kind === "node") uses.push(x509.ExtendedKeyUsage.serverAuth);
  const names: x509.JsonGeneralNames = [
    { type: "url", value: uriOf(cluster, identity) },
    ...hosts.map((value) => ({ type: isIP(value) === 0 ? ("dns" as const) : ("ip" as const), value })),
  ];
  const cert = await x509.X509CertificateGenerator.create({
    serialNumber: newSerial(),
    subject: [{ CN: [identity.kind === "node" ? identity.node : "admin"] }, { O: [cluster] }],
    issuer: issuer.subjectName,
    notBefore: new Date(nowMs - BACKDATED_MS),
    notAfter: new Date(Math.min(nowMs + days * DAY_MS, issuer.notAfter.getTime())),
    publicKey: keys.publicKey,
    signingKey,
    signingAlgorithm: ALGORITHM,
    extensions: [
      new x509.BasicConstraintsExtension(false, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
      new x509.ExtendedKeyUsageExtension(uses),
      new x509.SubjectAlternativeNameExtension(names),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
      await x509.AuthorityKeyIdentifierExtension.create(issuer),
    ],
  });
  return { cert: cert.toString("pem"), key: await exported(keys.privateKey) };
}

function newKeys(): Promise<webcrypto.CryptoKeyPair> {
  return webcrypto.subtle.generateKey(ALGORITHM, true, ["sign", "verify"]);
}

/** Positive, as the standard wants it: the first bit is not set. */
function newSerial(): string {
  const bytes = webcrypto.getRandomValues(Buffer.alloc(SERIAL_BYTES));
  bytes[0] = ((bytes[0] ?? 0) & 0x3f) | 0x40;
  return bytes.toString("hex");
}

async function exported(key: webcrypto.CryptoKey): Promise<string> {
  return `${x509.PemConverter.encode(await webcrypto.subtle.exportKey("pkcs8", key), "PRIVATE KEY")}\n`;
}

async function imported(pem: string): Promise<webcrypto.CryptoKey> {
  try {
    const [der] = x509.PemConverter.decode(pem);
    if (der === undefined) throw new Error("no PEM block");
    return await webcrypto.subtle.importKey("pkcs8", der, ALGORITHM, false, ["sign"]);
  } catch (cause) {
    throw new Error("the authority's key is none that `quorate tls init` makes (ECDSA P-256, PKCS #8, PEM)", { cause });
  }
}
