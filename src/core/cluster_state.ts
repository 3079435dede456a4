/** One judgement of a whole cluster, for `status`, `explain`, the page and whoever else shows it. */
export type ClusterState = "healthy" | "degraded" | "no_leader";

/** What it is judged by: a part of what `quorate status -o json` prints (CONTRACT 2). */
export interface Judged {
  readonly leader: string | null;
  readonly established: boolean;
  readonly term: number | null;
  readonly paused: boolean;
  readonly ruleset: { readonly cohort: readonly string[] } | null;
  readonly nodes: readonly {
    readonly id: string;
    readonly reachable: boolean;
    readonly voter: boolean;
    readonly postgres: string | null;
    readonly why_not: string | null;
    readonly role: string;
    readonly term: number | null;
    readonly streaming?: boolean;
  }[];
}

/**
 * Healthy: an established leader that would be replaced if it died, and every other node of the cohort votes and streams from
 * it. Who is in no ruleset may come and go.
 */
export function clusterState({ leader, established, term, paused, ruleset, nodes }: Judged): ClusterState {
  if (leader === null || !established) return "no_leader";
  if (paused) return "degraded";
  const known = ruleset?.cohort.every((id) => nodes.some((n) => n.id === id)) ?? true;
  const cohort = nodes.filter(({ id }) => ruleset === null || ruleset.cohort.includes(id));
  const fine = cohort.every(
    (n) =>
      n.reachable &&
      n.voter &&
      n.postgres === "running" &&
      n.why_not === null &&
      (n.id === leader || (n.role === "follower" && n.term === term && n.streaming === true)),
  );
  return fine && known ? "healthy" : "degraded";
}
