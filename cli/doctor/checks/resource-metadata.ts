/** What is behind the gateways has metadata where clients look for it (RFC 9728), of the right resource and Worker. */
import type { GatewayDefinition } from "../../../src/core/policy/definition/gateways.ts"
import type { McpServer } from "../../../src/core/catalog/mcp-server.ts"
import { metadataUrlOf, resourceOf } from "../../../src/core/policy/resource.ts"
import { isObject } from "../../../src/core/encoding/json.ts"
import { isLoopback } from "../../remote/worker.ts"
import { CALLED } from "../../terminal/program-name.ts"
import { Failure } from "../../terminal/failure.ts"
import type { Answer } from "../ask.ts"
import { about, failed, ok, problem, skipped, type Finding } from "../finding.ts"
import { withoutPolicies, type Subject } from "../subject.ts"

export async function checkResourceMetadata(subject: Subject): Promise<readonly Finding[]> {
  const { body } = subject
  if (!body) return [withoutPolicies(subject)]
  const missing = await subject.withoutWorker()
  if (missing) return [missing]
  const served = body.servers.flatMap((server) => {
    const gateway = body.gateways.find(({ origins }) => origins.includes(server.origin))
    return gateway ? [{ server, gateway }] : []
  })
  if (served.length === 0) return [skipped("no MCP server stands behind a gateway")]
  return Promise.all(
    served.map(async ({ server, gateway }) => about(server.name, await judgeServer(server, gateway, subject))),
  )
}

async function judgeServer(server: McpServer, gateway: GatewayDefinition, subject: Subject): Promise<Finding> {
  const issuer = new URL(subject.url).origin
  const url = metadataUrlOf(issuer, gateway, server)
  const answer = await subject.get(url)
  if (!(answer instanceof Failure)) return judgeDocument(answer, resourceOf(server), issuer)
  return isLoopback(url) && answer.message.startsWith("nothing listens")
    ? skipped(`${answer.message}; for a gateway of the local stack: ${CALLED} dev --gateway`)
    : failed(answer)
}

export function judgeDocument({ url, status, json }: Answer, resource: string, issuer: string): Finding {
  const route = "Have the gateway forward its path to the Worker (docs/guides/gateways), and publish the policies."
  if (status !== 200 || !isObject(json)) return problem(`${url.href}: no metadata there (HTTP ${status})`, route)
  const { resource: found, authorization_servers: servers } = json
  if (found !== resource)
    return problem(
      `${url.href} is of ${JSON.stringify(found)}, not ${resource}: clients do not use it`,
      "Correct `origin` and `path` of the server in catalog.yaml, which clients connect to letter by letter, and publish.",
    )
  if (Array.isArray(servers) && servers.includes(issuer)) return ok(`${resource} leads to ${issuer}`)
  return problem(`${url.href} names another authorization server: ${JSON.stringify(servers)}`, route)
}
