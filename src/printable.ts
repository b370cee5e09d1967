/** What callers sent, made fit for a description, a log or a record: short, and nothing that steers a terminal. */

const MAX_LENGTH = 128

export function printable(text: string): string {
  const short = text.length > MAX_LENGTH ? `${text.slice(0, MAX_LENGTH)}…` : text
  return short.replaceAll(/[^\x20-\x7e…]/g, "?")
}

/** For people to read, in any script: nothing that is not seen, breaks the line, or turns round what stands beside it. */
export function legible(text: string, maxLength: number): string {
  const seen = text.replaceAll(/[\p{Default_Ignorable_Code_Point}\p{C}\p{Zl}\p{Zp}\u2800]+/gu, " ").trim()
  return seen.length > maxLength ? `${seen.slice(0, maxLength).toWellFormed()}…` : seen
}
