/** A whole file of a policy directory that is good, and is wrong in one place. */
import type { BadDirectory } from "./bad-directories.ts"

export type BadFile = (
  name: string,
  find: string,
  replace: string,
  expected: Omit<BadDirectory, "name" | "file">,
) => BadDirectory

/**
 * @param of what it is about, `<of>.yaml` beside the example
 * @returns makes a bad one: what of the good one becomes what
 */
export function badFileOf(of: string, good: string): BadFile {
  return (name, find, replace, expected) => {
    if (!good.includes(find)) throw new Error(`${of}: there is no ${find} in the good one`)
    return { name: `${of}: ${name}`, file: `${of}.yaml`, replace: good.replace(find, replace), ...expected }
  }
}
