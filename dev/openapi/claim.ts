/** The claim of a deployment, which is no endpoint of the management API: its caller has no identity yet. */
import { CLAIM_ERRORS } from "../../src/api/contract/claim.ts"
import { headers, json, type Answer, type Paths } from "./operation.ts"
import { object, oneOf, text } from "./schema.ts"

type Entry = readonly [code: string, error: { readonly status: number; readonly when: string }]
const byStatus = Map.groupBy(Object.entries(CLAIM_ERRORS), ([, { status }]: Entry) => status)

const answerTo = (status: number, entries: readonly Entry[]): Answer => ({
  description: entries.map(([code, { when }]) => `\`${code}\`: ${when}`).join(" "),
  headers: headers("X-Narrowgate-Code?", ...(status === 429 || status === 503 ? (["Retry-After"] as const) : [])),
  content: json(object({ error: oneOf(entries.map(([code]) => code)), error_description: text() })),
})

export const claimPaths: Paths = {
  "/v1/claim": {
    post: {
      operationId: "claim",
      tags: ["bundles"],
      summary: "Makes a new deployment the claimant's, once: registers a publisher's key and fixes the URL.",
      description:
        "For the holder of the secret `CLAIM` of the deployment, which is not sent. The statement is a JWS (ES256) of `typ` `narrowgate-claim+jwt` by the key to register, whose public half is its header's `jwk`, over `aud`, the origin of this very URL, and `iat`.",
      security: [],
      requestBody: {
        required: true,
        content: json(
          object({
            statement: text("The compact JWS."),
            proof: text("HMAC-SHA-256 over the statement, by the bytes of `CLAIM`; base64url."),
          }),
        ),
      },
      responses: {
        "200": {
          description: "The deployment is claimed.",
          headers: headers("X-Narrowgate-Decision"),
          content: json(
            object({ issuer: text("The URL by which it is known from now on."), kid: text("Of the publisher's key.") }),
          ),
        },
        ...Object.fromEntries(Array.from(byStatus, ([status, entries]) => [status, answerTo(status, entries)])),
      },
    },
  },
}
