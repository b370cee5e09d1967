/** Runs in a browser. The Worker serves the text of this function, and never calls it. */
export function follow(): void
