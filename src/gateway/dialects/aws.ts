/**
 * The Lambda authorizer of an AWS HTTP API. The shim of docs/guides/gateways/aws.md makes it send its requests as the other
 * gateways do. It supports no responses but allow, deny (403) and unauthenticated (401), and relays no header of a
 * denial. Source: AWS documentation, "Control access to HTTP APIs with AWS Lambda authorizers".
 */
import type { Dialect } from "./dialect.ts"
import { readForwarded } from "./forwarded.ts"
import { nginx } from "./nginx.ts"

export const aws: Dialect = { endpoint: "/authz/forward", read: readForwarded, status: nginx.status }
