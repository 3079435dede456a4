/** Planted for test/tidy: the core must not be able to import this. */
export const wanted = 1;
