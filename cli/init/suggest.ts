/**
 * What is suggested of a tool that nobody has looked at. The source's words are a claim: by them a tool gets a lower
 * action class, which a person is asked to confirm, but never a lower sensitivity than any other.
 */
import type { Sensitivity } from "../../src/core/catalog/tool.ts"
import type { FoundTool } from "../import/found-tools.ts"
import type { Class } from "../import/merge.ts"

/** What most tools of a company give out. */
export const USUAL: Sensitivity = "internal"

/** A tool that speaks of these may give them away, however harmless it calls itself. */
const SECRETS =
  /\b(?:env|environment variable|secret|password|passphrase|credential|token|(?:api|private)[ -]?key|cookie)s?\b/iu

/** @param sensitivity of all tools; absent: as it seems */
export function suggestedClass({ name, description, suggestion }: FoundTool, sensitivity?: Sensitivity): Class {
  // `_` is part of a word to the expression, and not to whoever names tools.
  const words = `${name} ${description}`.replaceAll("_", " ")
  const { action, labels } = suggestion
  return { action, labels, sensitivity: sensitivity ?? (SECRETS.test(words) ? "restricted" : USUAL), isLookedAt: true }
}
