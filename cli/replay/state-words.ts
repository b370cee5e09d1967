/**
 * Says, in a sentence, on which state recorded calls were decided again.
 * @param inSequence how many of them on the rebuilt state; the others by their own records alone
 */
export function stateWords(calls: number, inSequence: number): string {
  if (calls === 0) return ""
  if (inSequence === 0) return "Each was decided by its own record alone, without the calls before it."
  if (inSequence === calls) return "Each was decided on the state that the calls before it leave."
  const counted = `${inSequence} ${inSequence === 1 ? "was" : "were"}`
  return `${counted} decided on the state that the calls before leave, ${calls - inSequence} by their own records alone.`
}
