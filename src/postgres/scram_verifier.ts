import { createHash, createHmac, pbkdf2Sync, randomBytes } from "node:crypto";
import { assert } from "../core/assert.js";

/** Postgres' own defaults (RFC 7677). */
export const ITERATIONS = 4096;
/**
 * For 192 random bits, which nobody can try out: every replication connection, those of a failover first of all, would
 * pay some milliseconds for the rest.
 */
export const ITERATIONS_RANDOM = 1;
const SALT_BYTES = 16;
const HASH_BYTES = 32;
/** Beyond printable ASCII, SASLprep would have to normalize the password first; ours are made of these. */
const PRINTABLE_ASCII = /^[\x20-\x7e]+$/;

/** What Postgres stores for a password. Sent in its place, it keeps the password out of the server's logs. */
export function scramVerifier(password: string, iterations: number, salt: Buffer = randomBytes(SALT_BYTES)): string {
  assert(PRINTABLE_ASCII.test(password), "a password of ours is printable ASCII");
  const salted = pbkdf2Sync(password, salt, iterations, HASH_BYTES, "sha256");
  const storedKey = createHash("sha256").update(hmac(salted, "Client Key")).digest("base64");
  const serverKey = hmac(salted, "Server Key").toString("base64");
  return `SCRAM-SHA-256$${iterations}:${salt.toString("base64")}$${storedKey}:${serverKey}`;
}

function hmac(key: Buffer, text: string): Buffer {
  return createHmac("sha256", key).update(text).digest();
}
