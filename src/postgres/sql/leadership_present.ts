export type LeadershipPresentRow = { present: boolean };

export const LEADERSHIP_PRESENT = "select to_regclass('quorate.leadership_history') is not null as present";
