export type RulesetPresentRow = { present: boolean };

export const RULESET_PRESENT = `
  select to_regclass('quorate.ruleset_history') is not null
     and to_regclass('quorate.current_ruleset') is not null as present`;
