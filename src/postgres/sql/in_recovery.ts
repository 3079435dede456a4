export type InRecoveryRow = { in_recovery: boolean };

export const IN_RECOVERY = "select pg_is_in_recovery() as in_recovery";
