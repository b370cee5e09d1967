/** Compares a presented secret with the expected one, in a time that does not reveal how much of it is right. */

/** Takes the same time whichever character differs; only a difference in length is visible. */
export function isSame(one: string, other: string): boolean {
  let difference = one.length ^ other.length
  for (let at = 0; at < one.length; at++) difference |= one.charCodeAt(at) ^ other.charCodeAt(at)
  return difference === 0
}
