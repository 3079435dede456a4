import type { Credentials } from "../agent/ports.js";
import type { Term } from "../core/log/position.js";
import type { NodeId } from "../core/ruleset/ruleset.js";

/** Where a node's Postgres listens. */
export interface Place {
  readonly host: string;
  readonly port: number;
}

/** Another node's Postgres, to take data from. */
export interface Source {
  readonly place: Place;
  readonly credentials: Credentials;
  readonly replicationUser: string;
  /** The application name. */
  readonly name: string;
}

export interface SourcesOptions {
  readonly self: NodeId;
  readonly replicationUser: string;
  readonly placeOf: (node: NodeId) => Place | null;
  readonly credentials: () => Credentials | null;
}

/** Where WAL and data come from, as far as it is known by now. */
export class Sources {
  constructor(private readonly options: SourcesOptions) {}

  /** Under a name that counts for nothing: it is no follower's. @throws as long as it cannot be reached. */
  of({ leader, term }: { readonly leader: NodeId; readonly term: Term }, what: "clone" | "rewind"): Source {
    const { self, replicationUser } = this.options;
    const credentials = this.credentials();
    return { place: this.place(leader), credentials, replicationUser, name: `${self}-${what}@${term}` };
  }

  place(node: NodeId): Place {
    const place = this.options.placeOf(node);
    if (place === null) throw new Error(`no address is known for ${node}; add it to the configuration`);
    return place;
  }

  credentials(): Credentials {
    const credentials = this.options.credentials();
    if (credentials === null)
      throw new Error("the replication password is not known here yet; it comes with the leader's next Follow");
    return credentials;
  }
}
