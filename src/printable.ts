/** What callers sent, made fit for a description, a log or a record: short, and nothing that steers a terminal. */

const MAX_LENGTH = 128

export function printable(text: string): string {
  const short = text.length > MAX_LENGTH ? `${text.slice(0, MAX_LENGTH)}…` : text
  return short.replaceAll(/[^\x20-\x7e…]/g, "?")
}
