/**
 * The challenge of a 401 or 403: `WWW-Authenticate`, and a nonce if one is needed. Sources: RFC 6750, section 3; RFC
 * 9449, sections 7.1 and 9; RFC 9470, section 3; RFC 9728, section 5.1.
 */
import { PROOF_ALGORITHMS } from "./dpop.ts"
import { codeOf, type Denial } from "../core/denials/denial.ts"

const ALGS = `algs="${PROOF_ALGORITHMS.join(" ")}"`

/**
 * @param metadata URL of the protected resource's metadata, where a client without a token learns how to get one
 * @param scheme with which the token was presented: a client that proves a key needs a token for that key (RFC 9449,
 *   section 7.1)
 * @param scope that would cover the call; null: the client could get none, so the challenge names none
 */
export function challengeOf(
  denial: Denial,
  metadata: string | null,
  scheme: "Bearer" | "DPoP" = "Bearer",
  scope: string | null = null,
): Readonly<Record<string, string>> {
  const resource = metadata === null ? [] : [`resource_metadata="${metadata}"`]
  const challenge = (scheme: "Bearer" | "DPoP", ...parameters: readonly string[]): Record<string, string> => {
    const all = [...parameters, ...resource].join(", ")
    return { "WWW-Authenticate": all === "" ? scheme : `${scheme} ${all}` }
  }
  switch (denial.reason) {
    case "token_missing":
      return challenge("Bearer")
    case "proof_missing":
    case "binding_required":
    case "bound_key_required":
      return challenge("DPoP", 'error="invalid_token"', ALGS)
    case "proof_rejected":
    case "proof_replayed":
      return challenge("DPoP", 'error="invalid_dpop_proof"', ALGS)
    case "nonce_required":
      return { ...challenge("DPoP", 'error="use_dpop_nonce"', ALGS), "DPoP-Nonce": denial.nonce }
    case "step_up_required": {
      const acr = denial.acr_values === null ? [] : [`acr_values="${denial.acr_values}"`]
      const age = denial.max_age === null ? [] : [`max_age="${denial.max_age}"`]
      return challenge(denial.bound ? "DPoP" : "Bearer", 'error="insufficient_user_authentication"', ...acr, ...age)
    }
    case "binding_absent":
      // A proof without a binding proves nothing here: the token is a bearer token.
      return challenge("Bearer", 'error="invalid_token"')
    default: {
      const code = codeOf(denial)
      const algs = scheme === "DPoP" ? [ALGS] : []
      if (code === "insufficient_scope" && scope !== null) {
        return challenge(scheme, 'error="insufficient_scope"', `scope="${scope}"`, ...algs)
      }
      return code === "invalid_token" ? challenge(scheme, 'error="invalid_token"', ...algs) : {}
    }
  }
}
