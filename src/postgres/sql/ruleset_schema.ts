/** Written again whenever somebody dropped a part of it. */
export const RULESET_SCHEMA = "create schema if not exists quorate";
