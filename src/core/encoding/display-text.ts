/** What callers sent, made fit for a description, a log or a record: short, and nothing that steers a terminal. */

const MAX_LENGTH = 128

export function asciiText(text: string): string {
  const short = text.length > MAX_LENGTH ? `${text.slice(0, MAX_LENGTH)}…` : text
  return short.replaceAll(/[^\x20-\x7e…]/g, "?")
}

/**
 * Characters that are drawn as nothing although no property of Unicode says so: symbols and letters that are blanks, marks
 * that only say how others are drawn (hieroglyphs, SignWriting), and what stands for an object that is not there.
 */
const BLANK =
  "\\u2800\\uFFFC\\u{1107F}\\u{13440}-\\u{13455}\\u{16FE4}\\u{1D159}\\u{1DA9B}-\\u{1DA9F}\\u{1DAA1}-\\u{1DAAF}"

/**
 * What cannot be seen, or not be told from something else, in each place that shows text of others: pages, the command,
 * chats. Controls, formats, private use, unassigned and lone surrogates (`C`); separators but the plain space; what fonts
 * leave out (`Default_Ignorable_Code_Point`: fillers, selectors of variants, tags); what turns the order of letters round
 * (`Bidi_Control`); `BLANK`. Of marks on a letter those beyond what any script needs, as they would be painted over the
 * lines around them. Every place that escapes or drops such characters goes by this one expression.
 */
export const UNSEEN = new RegExp(
  `[\\p{C}\\p{Zl}\\p{Zp}\\p{Default_Ignorable_Code_Point}\\p{Bidi_Control}${BLANK}]|(?! )\\p{Zs}|(?<=\\p{M}{4})\\p{M}`,
  "gu",
)

export const hasUnseen = (text: string): boolean => text.search(UNSEEN) >= 0

/** For people to read, in any script: nothing that is not seen, breaks the line, or turns round what stands beside it. */
export function displayText(text: string, maxLength: number): string {
  const seen = text.replaceAll(UNSEEN, " ").replaceAll(/ +/g, " ").trim()
  return seen.length > maxLength ? `${seen.slice(0, maxLength).toWellFormed()}…` : seen
}
