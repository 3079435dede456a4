export type SettingsLoadRow = { loaded_at: string };

/** When this session read the files last: another one has nothing new to tell before. */
export const SETTINGS_LOAD = "select pg_conf_load_time()::text as loaded_at";
