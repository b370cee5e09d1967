/** The audience that a token is asked for. */
import type { Bundle } from "../../core/policy/assemble.ts"
import { asciiText } from "../../core/encoding/display-text.ts"
import type { Parameters } from "./parameters.ts"
import { type OAuthFailure } from "../../core/denials/oauth-error.ts"
import { isSameResource } from "../../core/encoding/url.ts"
import { unknownAudience } from "../../core/task/audience.ts"

/**
 * RFC 8707, RFC 8693 2.1: the gateways' audience that the token is for, one of the agent's; where it has only one it
 * need not be named.
 */
export function audienceOf(parameters: Parameters, agent: string, bundle: Bundle): string | OAuthFailure {
  const requested = [...(parameters.get("resource") ?? []), ...(parameters.get("audience") ?? [])]
  // As we spell it: a token's audience is compared letter by letter at its gateway.
  const spelled = (name: string): string =>
    bundle.audiences.has(name) ? name : ([...bundle.audiences].find((ours) => isSameResource(ours, name)) ?? name)
  const named = new Set(requested.map(spelled))
  const allowed = new Set(bundle.agents.get(agent)?.audiences ?? bundle.audiences)
  const [audience, ...others] = named.size === 0 ? allowed : named
  // A token for several audiences would open one with what another has seen.
  if (audience === undefined || others.length > 0 || !allowed.has(audience) || !bundle.audiences.has(audience)) {
    return unknownAudience(asciiText([...named].join(" ")), bundle)
  }
  return audience
}
