/** Whose state a file is. A file that says otherwise belongs to somebody else and is left alone. */
export interface StateIdentity {
  readonly cluster: string;
  readonly node: string;
  /** Drawn when the file is created: a wiped node under its old name is a stranger. */
  readonly incarnation: string;
  /** Postgres' own number of the database cluster; null until this node holds one. */
  readonly system_identifier: bigint | null;
}
