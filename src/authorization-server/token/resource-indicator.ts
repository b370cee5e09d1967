/** The audience of the requested token. */
import type { Bundle } from "../../core/policy/assemble.ts"
import { asciiText } from "../../core/encoding/display-text.ts"
import type { Parameters } from "./parameters.ts"
import { oauthError, type OAuthFailure } from "../../core/denials/oauth-error.ts"
import { audiencesOf, unknownAudience } from "../../core/task/audience.ts"

/**
 * RFC 8707; RFC 8693, section 2.1: the gateways' audience that the token is for, one of the agent's; if it has only
 * one, the request need not name it.
 */
export function audienceOf(parameters: Parameters, agent: string, bundle: Bundle): string | OAuthFailure {
  const named = new Set([...(parameters.get("resource") ?? []), ...(parameters.get("audience") ?? [])])
  const registered = bundle.agents.get(agent)?.audiences ?? bundle.audiences
  const allowed = new Set(registered).intersection(bundle.audiences)
  let meant = allowed
  for (const name of named) if (meant.size > 0) meant = meant.intersection(audiencesOf(name, bundle))
  // With a token for several audiences, one of them could use at another what it has seen.
  const [audience, ...others] = meant
  if (audience !== undefined && others.length === 0) return audience
  const text = asciiText([...named].join(" "))
  return named.size > 0 && others.length > 0
    ? oauthError({ reason: "audience_ambiguous", audience: text, meant: [...meant].toSorted() })
    : unknownAudience(text, bundle)
}
