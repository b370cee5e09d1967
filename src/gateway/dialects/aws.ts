/**
 * The Lambda authorizer of an AWS HTTP API, which the shim of docs/guides/gateways/aws.md makes ask as the others do.
 * It knows no answer but yes, no (403) and "who are you" (401), and passes on no header of a refusal. Source: AWS
 * documentation, "Control access to HTTP APIs with AWS Lambda authorizers".
 */
import type { Dialect } from "./dialect.ts"
import { readForwarded } from "./forwarded.ts"
import { nginx } from "./nginx.ts"

export const aws: Dialect = { endpoint: "/authz/forward", read: readForwarded, status: nginx.status }
