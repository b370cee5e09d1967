/** How other readers take names, written from what they do and not from `src/`. */

/** Without regard to case and to what it becomes by it, and without a list's brackets. */
export const sameToSome = (name: string): string => (name.split("[", 1)[0] || name).toUpperCase().toLowerCase()
