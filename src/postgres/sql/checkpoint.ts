export const CHECKPOINT = "checkpoint";
