import { escapeIdentifier, escapeLiteral } from "pg";

/** Utility statements take no parameters. The secret is a SCRAM verifier already: no log ever holds a password. */
export function alterRolePassword(role: string, verifier: string): string {
  return `alter role ${escapeIdentifier(role)} password ${escapeLiteral(verifier)}`;
}

export function createReplicationRole(role: string, verifier: string): string {
  return `create role ${escapeIdentifier(role)} login replication password ${escapeLiteral(verifier)}`;
}

export function grantExecute(functions: readonly string[], role: string): string {
  return `grant execute on function ${functions.join(", ")} to ${escapeIdentifier(role)}`;
}
