/** A server's prompts as entries: each is read, and pinned as a tool is. */
import { isObject } from "../../../src/core/encoding/json.ts"
import { hasUnseen } from "../../../src/core/encoding/display-text.ts"
import { pinOf, Unpinnable } from "../../../src/core/catalog/pin.ts"
import { textArguments } from "../argument-types.ts"
import type { FoundTool, Skipped } from "../found-tools.ts"
import { EntryNames } from "./entry-names.ts"
import { partsOf } from "./pin-parts.ts"

type Listed = Readonly<Record<string, unknown>>

interface FoundPrompts {
  readonly found: readonly FoundTool[]
  readonly skipped: readonly Skipped[]
  readonly refused: readonly Skipped[]
}

export function readPrompts(prompts: readonly Listed[], server: string): FoundPrompts {
  const names = new EntryNames(server, "prompts")
  const found: FoundTool[] = []
  const skipped: Skipped[] = []
  const refused: Skipped[] = []
  const seen = new Set<string>()
  for (const definition of prompts) {
    const { name: prompt, description } = definition
    if (typeof prompt !== "string" || prompt === "" || prompt.length > 256 || hasUnseen(prompt)) {
      skipped.push({ what: `prompt ${String(prompt)}`, why: "the catalog cannot hold this name" })
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
      const inputs = textArguments(argumentNames(definition["arguments"]))
      found.push({
        name: names.nameOf(prompt),
        description: text,
        suggestion: ONLY_TEXT,
        unseen: ONLY_TEXT,
        mark,
        inputs,
      })
    } catch (thrown) {
      if (!(thrown instanceof Unpinnable)) throw thrown
      refused.push({ what: `prompt ${prompt}`, why: `it cannot be pinned: ${thrown.message}` })
    }
  }
  return { found, skipped, refused }
}

function argumentNames(declared: unknown): readonly string[] {
  const list: readonly unknown[] = Array.isArray(declared) ? declared : []
  return list.flatMap((each) => (isObject(each) && typeof each["name"] === "string" ? [each["name"]] : []))
}

const PARTS = ["description", "arguments"]
const ONLY_TEXT = { action: "read", labels: [], because: "a prompt" } as const
