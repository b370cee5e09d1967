/** What the pages of docs/guides/identity-providers/ tell their reader to do, word for word but for names and places. */
import { readFileSync } from "node:fs"
import { join } from "node:path"
import { parse } from "yaml"
import { z } from "zod"

const PAGES = join(import.meta.dirname, "../../docs/guides/identity-providers")

const entries = z.record(z.string(), z.tuple([z.looseObject({ id: z.string() })]))
type Entry = z.infer<typeof entries>[string][0]

export class Page {
  readonly #name: string

  /** @param name of its file */
  constructor(name: "keycloak.md" | "keycloak-service-accounts.md") {
    this.#name = name
  }

  /**
   * The commands of "Set up".
   * @param keycloak its origin
   * @param narrowgate our own URL
   */
  commands(keycloak: string, narrowgate: string): string {
    return this.#blockOf("Set up", { "https://id.example": keycloak, "https://authz.example": narrowgate })
  }

  /** The entry of a policy file. */
  entry(file: "issuers.yaml" | "agents.yaml", places: Readonly<Record<string, string>>): Entry {
    const [entry] = Object.values(entries.parse(parse(this.#blockOf(file, places))))
    if (!entry) throw new Error(`${this.#name} has no entry of ${file}`)
    return entry[0]
  }

  /** The first block of code below the heading, with `places` in the place of the page's own. */
  #blockOf(heading: string, places: Readonly<Record<string, string>>): string {
    const [, section = ""] = readFileSync(join(PAGES, this.#name), "utf8").split(`\n## ${heading}\n`)
    const [, block] = /\n```[a-z]+\n([^]*?)\n```\n/.exec(section.split("\n## ")[0] ?? "") ?? []
    if (block === undefined) throw new Error(`${this.#name} has no code below "## ${heading}"`)
    let text = block
    for (const [from, to] of Object.entries(places)) {
      if (!text.includes(from)) throw new Error(`${this.#name} no longer has ${from} below "## ${heading}"`)
      text = text.replaceAll(from, to)
    }
    if (text.includes(".example/") || text.includes(".example\n"))
      throw new Error(`${this.#name} has other places: ${text}`)
    return text
  }
}
