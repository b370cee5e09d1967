/** Paths below the deepest directory that they have in common. */
import { CommonDirectory, isDefinition, isWithin, type LearnedMeaning, type Learner } from "./learner.ts"

/** `https:`, `s3:`. */
const SCHEME = /^[a-z][a-z0-9+.-]*:/i

export class PathLearner implements Learner {
  readonly #directory = new CommonDirectory()
  #isPath = true
  #isAbsolute: boolean | null = null

  add(text: string): void {
    const segments = text.split("/").filter((segment) => segment !== "" && segment !== ".")
    const isAbsolute = text.startsWith("/")
    const [first = ""] = segments
    this.#isPath &&=
      segments.length > 1 &&
      !SCHEME.test(text) &&
      isAbsolute === (this.#isAbsolute ?? isAbsolute) &&
      isWithin({ path: [isAbsolute ? "/" : first] }, text)
    this.#isAbsolute = isAbsolute
    if (this.#isPath) this.#directory.add(segments.slice(0, -1))
  }

  get learned(): LearnedMeaning | null {
    const segments = this.#isPath ? this.#directory.settled : null
    const directory = `${this.#isAbsolute ? "/" : ""}${segments?.join("/") ?? ""}`
    if (!segments || !isDefinition("path", [directory])) return null
    return {
      bound: { path: [directory] },
      words: `was a path in ${directory}`,
      within: `${directory}/x`,
      outside: `${directory}-elsewhere/x`,
    }
  }
}
