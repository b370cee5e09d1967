/**
 * Suggests classes for a tool that no person has reviewed. The source's words are a claim: they can suggest a lower
 * action class, which the person confirms, but never a lower sensitivity than that of any other tool.
 */
import type { Sensitivity } from "../../src/core/catalog/tool.ts"
import type { FoundTool } from "../import/found-tools.ts"
import type { Class } from "../import/merge.ts"

/** What most tools of a company return. */
export const USUAL: Sensitivity = "internal"

/** A tool that mentions these may disclose them, however harmless its description. */
const SECRETS =
  /\b(?:env|environment variable|secret|password|passphrase|credential|token|(?:api|private)[ -]?key|cookie)s?\b/iu

/** @param sensitivity of all tools; absent: derived from each tool */
export function suggestedClass({ name, description, suggestion }: FoundTool, sensitivity?: Sensitivity): Class {
  // `_` is a letter of a word for the expression, but not for authors of tool names.
  const words = `${name} ${description}`.replaceAll("_", " ")
  const { action, labels } = suggestion
  const mentions = sensitivity === undefined ? SECRETS.exec(words)?.[0].toLowerCase() : undefined
  const usual = { action, labels, sensitivity: sensitivity ?? USUAL, isLookedAt: true }
  return mentions === undefined ? usual : { ...usual, sensitivity: "restricted", mentions }
}
