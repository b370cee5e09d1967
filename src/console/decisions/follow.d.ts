/** Runs in a browser: whoever serves it takes its text, and never calls it. */
export function follow(): void
