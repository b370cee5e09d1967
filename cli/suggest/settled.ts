/** What is new in the latter half of the values may be new again tomorrow. */
const SETTLED_SHARE = 0.5

/** @param newestAt how many values had come when the last one changed what is learned */
export const isSettled = (newestAt: number, count: number): boolean => newestAt <= count * (1 - SETTLED_SHARE)
