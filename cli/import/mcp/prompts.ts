/** A server's prompts as entries: each is read, and pinned as a tool is. */
import { isObject } from "../../../src/core/encoding/json.ts"
import { pinOf, Unpinnable } from "../../../src/core/catalog/pin.ts"
import { promptName } from "../../compiler/schema/values.ts"
import { textArguments } from "../argument-types.ts"
import type { FoundTool, Skipped } from "../found-tools.ts"
import { EntryNames } from "./entry-names.ts"
import type { FoundEntries, Listed } from "./found-entries.ts"
import { partsOf } from "./pin-parts.ts"

export function readPrompts(prompts: readonly Listed[], server: string): FoundEntries {
  const names = new EntryNames(server, "prompts")
  const found: FoundTool[] = []
  const skipped: Skipped[] = []
  const refused: Skipped[] = []
  const seen = new Set<string>()
  for (const definition of prompts) {
    const { name: own, description } = definition
    const { data: prompt } = promptName.safeParse(own)
    if (prompt === undefined) {
      skipped.push({ what: `prompt ${String(own)}`, why: "the catalog cannot hold this name" })
      continue
    }
    if (seen.has(prompt)) {
      refused.push({ what: `prompt ${prompt}`, why: "it is listed twice, and clients may take either" })
      continue
    }
    seen.add(prompt)
    try {
      const mark = {
        kind: "pin",
        hash: pinOf(definition, "prompts"),
        parts: partsOf(definition, PARTS),
        prompt,
      } as const
      const text = typeof description === "string" ? description : ""
      const declared = argumentsIn(definition["arguments"])
      found.push({
        name: names.nameOf(prompt),
        description: text,
        suggestion: ONLY_TEXT,
        unseen: ONLY_TEXT,
        mark,
        inputs: textArguments(declared.map(({ name }) => name)),
        required: declared.filter(({ required }) => required === true).map(({ name }) => name),
      })
    } catch (thrown) {
      if (!(thrown instanceof Unpinnable)) throw thrown
      refused.push({ what: `prompt ${prompt}`, why: `it cannot be pinned: ${thrown.message}` })
    }
  }
  return { found, skipped, refused }
}

function argumentsIn(declared: unknown): readonly { readonly name: string; readonly required: unknown }[] {
  const list: readonly unknown[] = Array.isArray(declared) ? declared : []
  return list.flatMap((each) =>
    isObject(each) && typeof each["name"] === "string" ? [{ name: each["name"], required: each["required"] }] : [],
  )
}

const PARTS = ["description", "arguments"]
const ONLY_TEXT = { action: "read", labels: [], because: "a prompt" } as const
