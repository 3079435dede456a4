import fc from "fast-check";

/**
 * The same draws on every machine: a change is judged by what it does, not by the luck of its run. Long walks
 * (`WALKS=...`) and `FC_SEED=N` draw others; whatever fails prints its seed.
 */
const SEED_OF_EVERY_CHANGE = 20_261_122;
const asked = process.env.FC_SEED;

if (asked !== undefined) fc.configureGlobal({ seed: Number(asked) });
else if (process.env.WALKS === undefined) fc.configureGlobal({ seed: SEED_OF_EVERY_CHANGE });
