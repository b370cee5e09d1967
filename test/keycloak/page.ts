/** What docs/guides/identity-providers/keycloak.md tells its reader to do, word for word but for names and places. */
import { readFileSync } from "node:fs"
import { join } from "node:path"
import { parse } from "yaml"
import { z } from "zod"

const PAGE = join(import.meta.dirname, "../../docs/guides/identity-providers/keycloak.md")

/** The first block of code below the heading, with `places` in the place of the page's own. */
function blockOf(heading: string, places: Readonly<Record<string, string>>): string {
  const [, section = ""] = readFileSync(PAGE, "utf8").split(`\n## ${heading}\n`)
  const [, block] = /\n```[a-z]+\n([^]*?)\n```\n/.exec(section.split("\n## ")[0] ?? "") ?? []
  if (block === undefined) throw new Error(`keycloak.md has no code below "## ${heading}"`)
  let text = block
  for (const [from, to] of Object.entries(places)) {
    if (!text.includes(from)) throw new Error(`keycloak.md no longer has ${from} below "## ${heading}"`)
    text = text.replaceAll(from, to)
  }
  if (text.includes(".example/") || text.includes(".example\n"))
    throw new Error(`keycloak.md has other places: ${text}`)
  return text
}

/** @param keycloak its origin; @param narrowgate our own URL */
export function commands(keycloak: string, narrowgate: string): string {
  return blockOf("Set up", { "https://id.example": keycloak, "https://authz.example": narrowgate })
}

const issuersFile = z.object({ issuers: z.tuple([z.looseObject({ id: z.string() })]) })

/** The entry of issuers.yaml. */
export function entry(issuer: string, narrowgate: string): Readonly<Record<string, unknown>> {
  const places = { "https://id.example/realms/acme": issuer, "https://authz.example": narrowgate }
  return issuersFile.parse(parse(blockOf("issuers.yaml", places))).issuers[0]
}
