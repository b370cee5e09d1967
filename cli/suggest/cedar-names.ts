/** Names of arguments in Cedar: an identifier stands as it is, anything else as a string. */
const RESERVED: ReadonlySet<string> = new Set([
  "true",
  "false",
  "if",
  "then",
  "else",
  "in",
  "is",
  "like",
  "has",
  "__cedar",
])

export const isIdentifier = (name: string): boolean => /^[A-Za-z_]\w*$/u.test(name) && !RESERVED.has(name)

export const cedarIdentifier = (name: string): string => (isIdentifier(name) ? name : JSON.stringify(name))
