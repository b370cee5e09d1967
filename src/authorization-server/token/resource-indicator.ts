/** The audience of the requested token. */
import type { Bundle } from "../../core/policy/assemble.ts"
import { asciiText } from "../../core/encoding/display-text.ts"
import type { Parameters } from "./parameters.ts"
import { type OAuthFailure } from "../../core/denials/oauth-error.ts"
import { isSameResource } from "../../core/encoding/url.ts"
import { unknownAudience } from "../../core/task/audience.ts"

/**
 * RFC 8707; RFC 8693, section 2.1: the gateways' audience that the token is for, one of the agent's; if it has only
 * one, the request need not name it.
 */
export function audienceOf(parameters: Parameters, agent: string, bundle: Bundle): string | OAuthFailure {
  const requested = [...(parameters.get("resource") ?? []), ...(parameters.get("audience") ?? [])]
  // In our own spelling: the gateway compares a token's audience letter by letter.
  const spelled = (name: string): string =>
    bundle.audiences.has(name) ? name : ([...bundle.audiences].find((ours) => isSameResource(ours, name)) ?? name)
  const named = new Set(requested.map(spelled))
  const allowed = new Set(bundle.agents.get(agent)?.audiences ?? bundle.audiences)
  const [audience, ...others] = named.size === 0 ? allowed : named
  // With a token for several audiences, one of them could use at another what it has seen.
  if (audience === undefined || others.length > 0 || !allowed.has(audience) || !bundle.audiences.has(audience)) {
    return unknownAudience(asciiText([...named].join(" ")), bundle)
  }
  return audience
}
