/** Serializes writers, and fails on a user's lock instead of waiting behind it. */
export const RULESET_LOCK = "lock table quorate.ruleset_history in share row exclusive mode";
