/** The arguments of a call: what its path, query and body say, each name once. */
import { fold } from "../fold.ts"

export interface CallArguments {
  /** False where the body, which may hold more, was not seen. */
  readonly complete: boolean
  readonly values: Readonly<Record<string, unknown>>
}

export const NO_ARGUMENTS: CallArguments = { complete: true, values: {} }
export const UNSEEN_ARGUMENTS: CallArguments = { complete: false, values: {} }

/** `To` where `to` is what is judged: the upstream may take it for what nobody has looked at. */
export function variantOf(values: Readonly<Record<string, unknown>>, names: ReadonlySet<string>): string | null {
  const folded = foldedOf(names)
  return Object.keys(values).find((name) => !names.has(name) && folded.has(fold(name))) ?? null
}

function foldedOf(names: ReadonlySet<string>): ReadonlySet<string> {
  let folded = foldings.get(names)
  if (!folded) foldings.set(names, (folded = new Set(Array.from(names, fold))))
  return folded
}
/** What rules and guardrails read of a tool is the same set for all of its calls. */
const foldings = new WeakMap<ReadonlySet<string>, ReadonlySet<string>>()
