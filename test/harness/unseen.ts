/**
 * Characters that cannot be seen, or not be told from others, by their numbers: from UnicodeData.txt and
 * DerivedCoreProperties.txt of Unicode 16, and by looking at the code charts. No regular expression of ours made it.
 * Unassigned ones are missing: which those are depends on the runtime.
 */
export const UNSEEN_RANGES: Readonly<Record<string, readonly (readonly [first: number, last: number])[]>> = {
  controls: [
    [0x0, 0x1f],
    [0x7f, 0x9f],
  ],
  formats: [
    [0xad, 0xad],
    [0x600, 0x605],
    [0x61c, 0x61c],
    [0x6dd, 0x6dd],
    [0x70f, 0x70f],
    [0x890, 0x891],
    [0x8e2, 0x8e2],
    [0x180e, 0x180e],
    [0x200b, 0x200f],
    [0x202a, 0x202e],
    [0x2060, 0x2064],
    [0x2066, 0x206f],
    [0xfeff, 0xfeff],
    [0xfff9, 0xfffb],
    [0x110bd, 0x110bd],
    [0x110cd, 0x110cd],
    [0x13430, 0x1343f],
    [0x1bca0, 0x1bca3],
    [0x1d173, 0x1d17a],
    [0xe0001, 0xe0001],
    [0xe0020, 0xe007f],
  ],
  "blanks other than the space, separators of lines and paragraphs": [
    [0xa0, 0xa0],
    [0x1680, 0x1680],
    [0x2000, 0x200a],
    [0x2028, 0x2029],
    [0x202f, 0x202f],
    [0x205f, 0x205f],
    [0x3000, 0x3000],
  ],
  "joiners, fillers and selectors of variants": [
    [0x34f, 0x34f],
    [0x115f, 0x1160],
    [0x17b4, 0x17b5],
    [0x180b, 0x180f],
    [0x2065, 0x2065],
    [0x3164, 0x3164],
    [0xfe00, 0xfe0f],
    [0xffa0, 0xffa0],
    [0xfff0, 0xfff8],
    [0xe0000, 0xe0fff],
  ],
  "blanks that no property names": [
    [0x2800, 0x2800],
    [0xfffc, 0xfffc],
    [0x1107f, 0x1107f],
    [0x13440, 0x13455],
    [0x16fe4, 0x16fe4],
    [0x1d159, 0x1d159],
    [0x1da9b, 0x1da9f],
    [0x1daa1, 0x1daaf],
  ],
  "surrogates and private use": [
    [0xd800, 0xdfff],
    [0xe000, 0xf8ff],
    [0xf0000, 0xffffd],
    [0x100000, 0x10fffd],
  ],
}

/** So many at once: texts of others are shortened, and this many are shown whole everywhere. */
const AT_ONCE = 48

/** All characters of Unicode: those that must be written out, and those that must not. */
let unicode: readonly (readonly [areUnseen: boolean, characters: readonly string[]])[] | undefined

function allOfUnicode(): NonNullable<typeof unicode> {
  const unseen = new Set<number>()
  for (const [first, last] of Object.values(UNSEEN_RANGES).flat()) {
    for (let at = first; at <= last; at++) unseen.add(at)
  }
  const [hidden, shown]: [string[], string[]] = [[], []]
  for (let at = 0; at <= 0x10ffff; at++) {
    const character = String.fromCodePoint(at)
    const list = unseen.has(at) || /\p{Cn}/u.test(character) ? hidden : shown
    list.push(character)
  }
  return [
    [true, hidden],
    [false, shown],
  ]
}

/**
 * All characters of Unicode that `show` should have written out and has not, or the other way round, as hex. They stand
 * in texts of many, and alone only to find which of a text is wrong: a million texts take seconds.
 * @param others characters that `show` replaces for another reason
 */
export function wronglyShown(show: (text: string) => string, others = ""): readonly string[] {
  const isRight = (characters: readonly string[], areUnseen: boolean): boolean => {
    // Apart, as marks on one letter are counted.
    const text = characters.join("|")
    const shown = show(`a${text}b`)
    return areUnseen ? !characters.some((character) => shown.includes(character)) : shown.includes(text)
  }
  const wrong: string[] = []
  unicode ??= allOfUnicode()
  for (const [areUnseen, all] of unicode) {
    for (let from = 0; from < all.length; from += AT_ONCE) {
      const batch = all.slice(from, from + AT_ONCE)
      if (isRight(batch, areUnseen)) continue
      wrong.push(...batch.filter((each) => !others.includes(each) && !isRight([each], areUnseen)))
    }
  }
  return wrong.map((character) => (character.codePointAt(0) ?? 0).toString(16))
}
