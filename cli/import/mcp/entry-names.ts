/** Names of entries for what a server calls as it likes: prompts and resources. */

const PLAIN = /^[A-Za-z0-9_-]+$/u
const MOST_CHARACTERS = 64

/** Gives each of a server's prompts, or resources, a name of its own. */
export class EntryNames {
  readonly #prefix: string
  readonly #taken = new Set<string>()

  /** @param segment below which they are, such as `prompts` */
  constructor(server: string, segment: string) {
    this.#prefix = `${server}.${segment}`
  }

  nameOf(own: string): string {
    const slug = PLAIN.test(own) ? own : own.toLowerCase().replaceAll(/[^a-z0-9_]+/gu, "-")
    const base = slug.slice(0, MOST_CHARACTERS).replaceAll(/^-+|-+$/gu, "") || "unnamed"
    for (let count = 1; ; count++) {
      const name = `${this.#prefix}.${base}${count === 1 ? "" : `-${count}`}`
      if (this.#taken.has(name)) continue
      this.#taken.add(name)
      return name
    }
  }
}
