/** `bounds` in `type Call` of schema.cedarschema: the bounds of the catalog that rules read, each as a `Bool`. */
import { isDeepStrictEqual } from "node:util"
import { z } from "zod"
import { schemaToJson } from "../compiler/source/official-engine.ts"
import { closeOf, tokensIn } from "../import/schema-text.ts"
import { spliced } from "../import/text-edits.ts"

export const NO_CALL_TYPE = "schema.cedarschema has no `type Call` to which it could be added"

const record = z.looseObject({ attributes: z.record(z.string(), z.unknown()) })
const schemaJson = z.looseObject({
  "": z.looseObject({ commonTypes: z.looseObject({ Call: record }) }),
})

/** Declares what is not declared yet. Null: the schema is written in a way to which nothing can be added. */
export function withDeclaredBounds(before: string, names: readonly string[]): string | null {
  const declared = boundsIn(before)
  if (!declared) return null
  const added = names.filter((name) => !declared.includes(name))
  if (added.length === 0) return before
  const tokens = tokensIn(before)
  const call = tokens.findIndex(({ 0: text }, at) => text === "type" && tokens[at + 1]?.[0] === "Call")
  const own = tokens.findIndex(
    ({ 0: text }, at) => at > call && text === "bounds" && tokens[at + 1]?.[0] === ":" && tokens[at + 2]?.[0] === "{",
  )
  const place = closeOf(tokens, declared.length === 0 ? call : own)
  if (!place) return null
  const members = added.map((name) => `${name}: Bool`).join(", ")
  const text = declared.length === 0 ? `  bounds: { ${members} },\n` : `${members} `
  const after = spliced(before, [
    ...(place.lacksComma ? [{ at: place.last, remove: 0, insert: "," }] : []),
    { at: place.close, remove: 0, insert: text },
  ])
  return isDeepStrictEqual(boundsIn(after)?.toSorted(), [...declared, ...added].toSorted()) ? after : null
}

/** Null: there is no such type. */
function boundsIn(schema: string): readonly string[] | null {
  const answer = schemaToJson(schema)
  const parsed = answer.type === "success" ? schemaJson.safeParse(answer.json) : null
  if (!parsed?.success) return null
  const bounds = record.safeParse(parsed.data[""].commonTypes.Call.attributes["bounds"])
  return bounds.success ? Object.keys(bounds.data.attributes) : []
}
