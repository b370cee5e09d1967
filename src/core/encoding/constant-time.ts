/** Comparing what somebody shows with what they should have, in a time that does not tell how much of it is right. */

/** Takes as long whichever letter differs; only whether the lengths do can be seen. */
export function isSame(one: string, other: string): boolean {
  let difference = one.length ^ other.length
  for (let at = 0; at < one.length; at++) difference |= one.charCodeAt(at) ^ other.charCodeAt(at)
  return difference === 0
}
