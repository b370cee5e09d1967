/** With more different values than this, a list of them is no bound. */
export const MOST_VALUES = 8
