import { issue, newAuthority, type Pair } from "../../src/tls/authority.js";
import type { Identity } from "../../src/tls/identity.js";
import type { TlsMaterial } from "../../src/tls/material.js";
import type { TlsSource } from "../../src/tls/reloaded.js";

export const DAY_MS = 86_400_000;

export const node = (id: string): Identity => ({ kind: "node", node: id });
export const ADMIN: Identity = { kind: "admin" };

export function authority(cluster = "shop"): Promise<Pair> {
  return newAuthority(cluster, Date.now());
}

export interface Issued {
  readonly by: Pair;
  readonly identity: Identity;
  readonly cluster?: string;
  /** Valid from `nowMs` for `days`; one year from now unless told. */
  readonly nowMs?: number;
  readonly days?: number;
  /** Whom its holder trusts; the authority that signed it unless told. */
  readonly trusts?: string;
}

/** A certificate as its holder would show it, also one that `readMaterial` would refuse. */
export async function material({ by, identity, trusts, ...rest }: Issued): Promise<TlsMaterial> {
  const { cluster = "shop", nowMs = Date.now(), days = 365 } = rest;
  const { cert, key } = await issue(by, { cluster, identity, hosts: ["127.0.0.1"], days, nowMs });
  return { ca: trusts ?? by.cert, cert, key, identity, notAfterMs: nowMs + days * DAY_MS };
}

/** Certificates that can be replaced, without files. */
export function source(first: TlsMaterial): TlsSource & { replace(next: TlsMaterial): void } {
  let current = first;
  const listeners: (() => void)[] = [];
  return {
    current: () => current,
    changed: (listener) => listeners.push(listener),
    replace(next) {
      current = next;
      for (const listener of listeners) listener();
    },
  };
}
