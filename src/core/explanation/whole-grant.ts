/** A grant of every tool, for questions that only rules are to decide. */
import type { Grant, ToolGrant } from "../task/grant.ts"
import type { Bundle } from "../policy/assemble.ts"

/** Made once for each bundle, not for each task. */
export function wholeGrant(bundle: Bundle): Grant {
  let grant = grants.get(bundle)
  if (!grant) grants.set(bundle, (grant = made(bundle)))
  return grant
}
const grants = new WeakMap<Bundle, Grant>()

function made({ catalog }: Bundle): Grant {
  const tools = Array.from(catalog.tools.values(), ({ name, action, sensitivity }): [string, ToolGrant] => {
    return [name, { action, maxSensitivity: sensitivity, bounds: [] }]
  })
  return { tools: Object.fromEntries(tools), environments: null, calls: null }
}
