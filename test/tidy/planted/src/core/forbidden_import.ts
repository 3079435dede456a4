import { readFileSync } from "node:fs";
import { wanted } from "../agent/wanted.js";

/** Planted for test/tidy: breaks two import rules at once, and must be reported for both. */
export const planted = [readFileSync, wanted];
