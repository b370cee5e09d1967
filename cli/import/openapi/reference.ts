/** `$ref`s within the document (RFC 6901 pointers in URI fragments); references to other documents are not fetched. */
import { isObject } from "../../../src/core/encoding/json.ts"
import type { Members } from "./types.ts"

/** No document needs a longer chain of references. */
const MOST_STEPS = 16
const MOST_DEPTH = 64

export type Resolved = { readonly value: unknown } | { readonly unresolved: string }

export function resolve(document: Members, node: unknown): Resolved {
  let at = node
  for (let step = 0; step < MOST_STEPS; step++) {
    if (!isObject(at) || !Object.hasOwn(at, "$ref")) return { value: at }
    const reference = at["$ref"]
    if (typeof reference !== "string") return { unresolved: "a `$ref` that is no text" }
    if (!reference.startsWith("#")) return { unresolved: "a reference to another document, which is not read" }
    const found = follow(document, reference.slice(1))
    if (found === undefined) return { unresolved: "a reference to what is not there" }
    at = found
  }
  return { unresolved: "references that lead in a circle" }
}

function follow(document: Members, pointer: string): unknown {
  let at: unknown = document
  const steps = pointer.split("/")
  if (steps[0] !== "" || steps.length > MOST_DEPTH) return undefined
  for (const step of steps.slice(1)) {
    const key = decoded(step)
    if (key === null || typeof at !== "object" || at === null || !Object.hasOwn(at, key)) return undefined
    at = Reflect.get(at, key)
  }
  return at
}

function decoded(step: string): string | null {
  try {
    return decodeURIComponent(step).replaceAll("~1", "/").replaceAll("~0", "~")
  } catch {
    return null
  }
}
