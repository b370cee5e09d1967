/**
 * Makes text from callers fit for a description, a log or a record: short, and without characters that control a
 * terminal.
 */

const MAX_LENGTH = 128

export function asciiText(text: string): string {
  const short = text.length > MAX_LENGTH ? `${text.slice(0, MAX_LENGTH)}…` : text
  return short.replaceAll(/[^\x20-\x7e…]/g, "?")
}

/**
 * Characters that are drawn as nothing although no property of Unicode says so: symbols and letters that are blanks,
 * marks that only say how others are drawn (hieroglyphs, SignWriting), and placeholders for an absent object.
 */
const BLANK =
  "\\u2800\\uFFFC\\u{1107F}\\u{13440}-\\u{13455}\\u{16FE4}\\u{1D159}\\u{1DA9B}-\\u{1DA9F}\\u{1DAA1}-\\u{1DAAF}"

/**
 * Characters that are invisible or look like another, in each place that shows text of others: pages, the command,
 * chats. These are controls, formats, private use, unassigned and lone surrogates (`C`); separators except the plain
 * space; what fonts leave out (`Default_Ignorable_Code_Point`: fillers, variation selectors, tags); what reverses the
 * order of letters (`Bidi_Control`); and `BLANK`. Also marks on a letter beyond what any script needs, because they
 * would cover the lines around them. Every place that escapes or drops such characters uses this one expression.
 */
export const UNSEEN = new RegExp(
  `[\\p{C}\\p{Zl}\\p{Zp}\\p{Default_Ignorable_Code_Point}\\p{Bidi_Control}${BLANK}]|(?! )\\p{Zs}|(?<=\\p{M}{4})\\p{M}`,
  "gu",
)

export const hasUnseen = (text: string): boolean => text.search(UNSEEN) >= 0

/**
 * Text for people, in any script, without characters that are invisible, break the line, or reverse the text beside
 * them.
 */
export function displayText(text: string, maxLength: number): string {
  const seen = text.replaceAll(UNSEEN, " ").replaceAll(/ +/g, " ").trim()
  return seen.length > maxLength ? `${seen.slice(0, maxLength).toWellFormed()}…` : seen
}
