/** `GET /metrics`. */
import { CONTENT_TYPES } from "../../src/core/metrics/exposition.ts"
import { ERRORS, type ErrorCode } from "../../src/api/contract/errors.ts"
import { FORBIDDEN_MEMBERS } from "./management.ts"
import { errorAnswer, type Answer, type Paths } from "./operation.ts"

const mediaTypeOf = (contentType: string): string => contentType.split(";", 1)[0] ?? ""

function refusal(status: number, ...codes: readonly ErrorCode[]): Answer {
  const description = codes.map((code) => `\`${code}\`: ${ERRORS[code].when}`).join(" ")
  return errorAnswer(status, codes, description, {
    members: codes.includes("policy_denied") ? FORBIDDEN_MEMBERS : {},
    headers: status === 401 ? ["WWW-Authenticate"] : [],
  })
}

export const metricsPaths: Paths = {
  "/metrics": {
    get: {
      operationId: "metrics",
      tags: ["metrics"],
      summary:
        "Shows the metrics of the deployment, in the text format of Prometheus, or of OpenMetrics if that is accepted.",
      description:
        'For a scraper, by its key; and for operators of the role `viewer` whom policy lets `manage` `Area::"decisions"`. Scrapes are not recorded.',
      security: [{ scraper: [] }, { operator: [] }],
      responses: {
        "200": {
          description: "The metrics.",
          content: Object.fromEntries(
            Object.values(CONTENT_TYPES).map((type) => [mediaTypeOf(type), { schema: { type: "string" } }]),
          ),
        },
        "401": refusal(401, "missing_token", "invalid_token"),
        "403": refusal(403, "policy_denied"),
        "503": refusal(503, "unavailable"),
      },
    },
  },
}
