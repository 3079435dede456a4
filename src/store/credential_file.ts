import { randomBytes } from "node:crypto";
import { open, readFile, rename } from "node:fs/promises";
import { join } from "node:path";
import type { Credentials, MadeCredentials } from "../agent/ports.js";

const FILE_NAME = "credentials.json";
const PASSWORD_BYTES = 24;

/**
 * The passwords of our two roles: configured, else made by the founder and learned with `Follow`; kept 0600 in the
 * state directory. A configured password always wins.
 */
export class CredentialFile {
  private readonly path: string;
  private readonly configured: Partial<Credentials>;
  private known: Partial<Credentials>;

  private constructor(path: string, configured: Partial<Credentials>, known: Partial<Credentials>) {
    this.path = path;
    this.configured = configured;
    this.known = known;
  }

  static async open(directory: string, configured: Partial<Credentials>): Promise<CredentialFile> {
    const path = join(directory, FILE_NAME);
    const text = await readFile(path, "utf8").catch((error: NodeJS.ErrnoException) => {
      if (error.code === "ENOENT") return "{}";
      throw new Error(`${path} cannot be read (${error.message}); make it readable for the user that Quorate runs as`);
    });
    return new CredentialFile(path, configured, parse(path, text));
  }

  current(): Credentials | null {
    const { superuserPassword, replicationPassword } = { ...this.known, ...this.configured };
    return superuserPassword === undefined || replicationPassword === undefined
      ? null
      : { superuserPassword, replicationPassword };
  }

  /** Makes what is missing: only a founder may, since the roles get these passwords. */
  async ensure(): Promise<MadeCredentials> {
    const made = () => randomBytes(PASSWORD_BYTES).toString("base64url");
    const merged = { superuserPassword: made(), replicationPassword: made(), ...this.known, ...this.configured };
    await this.learn(merged);
    return { ...merged, replicationMade: this.configured.replicationPassword === undefined };
  }

  /** What a leader sent; written only if it is new. */
  async learn(credentials: Credentials): Promise<void> {
    const same =
      this.known.superuserPassword === credentials.superuserPassword &&
      this.known.replicationPassword === credentials.replicationPassword;
    if (same) return;
    this.known = {
      superuserPassword: credentials.superuserPassword,
      replicationPassword: credentials.replicationPassword,
    };
    const temp = `${this.path}.tmp`;
    const handle = await open(temp, "w", 0o600);
    try {
      await handle.writeFile(`${JSON.stringify(this.known)}\n`);
      await handle.sync();
    } finally {
      await handle.close();
    }
    await rename(temp, this.path);
  }
}

function parse(path: string, text: string): Partial<Credentials> {
  try {
    const value = JSON.parse(text) as Partial<Record<keyof Credentials, unknown>>;
    return {
      ...(typeof value.superuserPassword === "string" ? { superuserPassword: value.superuserPassword } : {}),
      ...(typeof value.replicationPassword === "string" ? { replicationPassword: value.replicationPassword } : {}),
    };
  } catch {
    throw new Error(
      `${path} is damaged; copy it from another node's state directory, or set the passwords in the configuration`,
    );
  }
}
