import type { Ledger } from "./ledger.js";
import type { NodeRows } from "./verify.js";

export interface Verdict {
  /** Acknowledged, and missing on at least one node. */
  readonly lost: number;
  /** There twice on at least one node. */
  readonly duplicated: number;
  /** Refused, and yet there on at least one node. */
  readonly phantom: number;
  readonly nodes: readonly { readonly id: string; readonly rows: number }[];
}

/** Acknowledged numbers that at least one node does not have. */
export function missing(acked: readonly number[], nodes: readonly NodeRows[]): ReadonlySet<number> {
  const lost = new Set<number>();
  for (const { rows } of nodes) {
    const present = new Set(rows);
    for (const n of acked) if (!present.has(n)) lost.add(n);
  }
  return lost;
}

/** Holds the ledger against every node. What is unknown may be there or not. */
export function judge(ledger: Pick<Ledger, "get">, nodes: readonly NodeRows[]): Verdict {
  const duplicated = new Set<number>();
  const phantom = new Set<number>();
  for (const { rows } of nodes) {
    const present = new Set<number>();
    for (const n of rows) {
      if (present.has(n)) duplicated.add(n);
      present.add(n);
    }
    for (const n of ledger.get("refused")) if (present.has(n)) phantom.add(n);
  }
  return {
    lost: missing(ledger.get("acked"), nodes).size,
    duplicated: duplicated.size,
    phantom: phantom.size,
    nodes: nodes.map(({ id, rows }) => ({ id, rows: rows.length })),
  };
}

export function isClean({ lost, duplicated, phantom, nodes }: Verdict): boolean {
  return lost + duplicated + phantom === 0 && nodes.length > 0;
}
