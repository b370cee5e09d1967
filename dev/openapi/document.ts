/** The description of every endpoint of the Worker for programs, in OpenAPI 3.1. */
import { withExamples } from "./examples.ts"
import { claimPaths } from "./claim.ts"
import { accessPaths, gatewayPaths, gatewaySchemas } from "./gateway.ts"
import { managementPaths } from "./management.ts"
import { metricsPaths } from "./metrics.ts"
import { oauthPaths, publicPaths } from "./oauth.ts"
import { headerComponents, type Answer } from "./operation.ts"
import { namedSchemas, type Schema } from "./schema.ts"
import { shareAnswers, type SharedPaths } from "./shared-answers.ts"

export interface OpenApiDocument {
  readonly openapi: string
  readonly info: Readonly<Record<string, unknown>>
  readonly servers: readonly { readonly url: string; readonly description: string }[]
  readonly tags: readonly { readonly name: string; readonly description: string }[]
  readonly paths: SharedPaths
  readonly components: {
    readonly schemas: Readonly<Record<string, Schema>>
    readonly responses: Readonly<Record<string, Answer>>
    readonly headers: Readonly<Record<string, Schema>>
    readonly securitySchemes: Readonly<Record<string, Schema>>
  }
}

const bearer = (description: string): Schema => ({ type: "http", scheme: "bearer", description })
const key = (name: string, description: string): Schema => ({ type: "apiKey", in: "header", name, description })

export function openApiDocument(version: string): OpenApiDocument {
  const { paths, responses } = shareAnswers(
    withExamples({
      ...managementPaths(),
      ...claimPaths,
      ...gatewayPaths,
      ...accessPaths,
      ...oauthPaths,
      ...publicPaths,
      ...metricsPaths,
    }),
  )
  return {
    openapi: "3.1.1",
    info: {
      title: "Narrowgate",
      version,
      description:
        "An authorizer for AI agents. Every other path is 404 `not_found`, another method of one is 405 `method_not_allowed` with `Allow`. A request with the header `X-Narrowgate-Key` is answered with 403 `unknown_gateway` by every path outside `/authz/`. An unforeseen fault is 503 `unavailable`, never an allow. Until the deployment is claimed, every path but `/healthz` and `/v1/claim` is 503 `unclaimed`. An answer without a described `Cache-Control` has `no-store`.",
      license: { name: "Apache-2.0", identifier: "Apache-2.0" },
    },
    servers: [{ url: "/", description: "The Worker that serves this description." }],
    tags: [
      { name: "tasks", description: "Tasks: their state, and how they end." },
      { name: "approvals", description: "Approvals of tasks and of single calls, and the answers to them." },
      { name: "revocations", description: "Switches, and the end of tasks and tokens by an operator." },
      { name: "risks", description: "Risks that operators and event streams have reported." },
      { name: "bundles", description: "Policy bundles: the published ones and the active one." },
      { name: "deliveries", description: "Receivers of notifications, and what could not be delivered to them." },
      { name: "sinks", description: "Sinks of decision records: how far each is, and sending records once more." },
      { name: "agents", description: "Registered agents." },
      { name: "clients", description: "Clients that have registered themselves." },
      { name: "explanations", description: "Why a bundle allows or denies one call." },
      { name: "users", description: "People for whom agents act, and their erasure." },
      { name: "decisions", description: "Decision records." },
      { name: "records", description: "The logs of decision records in their order, and what proves them." },
      { name: "gateway", description: "External authorization for API gateways." },
      { name: "events", description: "Shared Signals." },
      { name: "authzen", description: "AuthZEN Authorization API 1.0." },
      { name: "oauth", description: "The authorization server." },
      { name: "metrics", description: "Counters and gauges of the deployment." },
      { name: "metadata", description: "Metadata and health." },
    ],
    paths,
    components: {
      responses,
      schemas: { ...namedSchemas(), ...gatewaySchemas },
      headers: headerComponents(JSON.stringify([paths, responses])),
      securitySchemes: {
        operator: bearer("An access token of an operator, for Narrowgate alone, from a client for managing."),
        person: bearer("A person's own access token, for Narrowgate alone, from a client for managing."),
        delegationToken: bearer("A delegation token of the task or of one above it; a bound one with a DPoP proof."),
        publisher: key("X-Narrowgate-Publication", "A JWS by a key of `PUBLISHER_KEYS`, at most five minutes old."),
        gateway: key("X-Narrowgate-Key", "The gateway's key."),
        filter: key("X-Narrowgate-Filter-Key", "The gateway's key."),
        settle: key("X-Narrowgate-Settle-Key", "The gateway's key."),
        scraper: bearer("A key whose SHA-256 is in `SCRAPE_KEYS_SHA256`."),
        transmitter: bearer("The key of the stream, if it has one."),
        accessClient: bearer("The key of a gateway of the dialect `authzen`, or of a query client."),
        session: {
          type: "apiKey",
          in: "cookie",
          name: "__Host-narrowgate",
          description: "Of the person who has signed in.",
        },
      },
    },
  }
}
