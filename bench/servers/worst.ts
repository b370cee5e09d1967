/** What is added to bench/policies so that every part of a request that can be read is read: rules, guardrails, keys. */
import { createHash } from "node:crypto"
import { appendFile, readFile, writeFile } from "node:fs/promises"
import { join } from "node:path"
import { exportJWK, generateKeyPair, type CryptoKey } from "jose"
import { edit } from "./edit.ts"
import { AUDIENCE, ISSUER, OPERATOR, OPERATORS_CLIENT, ORIGIN } from "./identities.ts"
import { addPolicies, POLICY_SERVER } from "./worst-policies.ts"

export const WORST_PATH = "/worst"
export const WORST_SERVER = "worst"
export const WORST_MCP_PATH = "/worst/mcp"
/** Of a gateway that asks about calls by AuthZEN, and of a client that asks what policy says. */
export const AUTHZEN_KEY = "key-of-the-authzen-gateway-of-this-run"
export const QUERY_KEY = "key-of-the-query-client-of-this-run"

export const EVENTS_ISSUER = "https://signals.bench.example"
export const EVENTS_AUDIENCE = `${ISSUER}/v1/events`
/** Each scope is looked for among them. */
const MANY_TOOLS = 1_000
/** As many as a list may have with 5,000 members and elements in all. */
export const MANY_LISTED = 900

export interface WorstKeys {
  /** Signs security events. */
  readonly transmitter: CryptoKey
}

const hashOf = (key: string): string => createHash("sha256").update(key).digest("hex")

/** @returns keys, and what changes a copy of bench/policies */
export async function makeWorst(): Promise<{ keys: WorstKeys; add: (directory: string) => Promise<void> }> {
  const { privateKey: transmitter, publicKey } = await generateKeyPair("ES256", { extractable: true })
  const publicJwk = { ...(await exportJWK(publicKey)), kid: "transmitter", alg: "ES256" }
  return {
    keys: { transmitter },
    add: async (directory) => {
      await addTools(directory)
      await addPolicies(directory)
      await addPeople(directory, publicJwk)
    },
  }
}

async function addPeople(directory: string, publicJwk: object): Promise<void> {
  await addOperator(directory)
  const stream = {
    id: "signals",
    issuer: EVENTS_ISSUER,
    audiences: [EVENTS_AUDIENCE],
    keys: { jwks: { keys: [publicJwk] } },
    algorithms: ["ES256"],
    events: ["session-revoked", "credential-change", "device-compliance-change"],
    about: { users: [{ issuer: "users" }] },
    mode: "observe",
  }
  await writeFile(join(directory, "streams.yaml"), JSON.stringify({ streams: [stream] }))
}

/** The one who has `operatorToken` of identities.ts. */
export async function addOperator(directory: string): Promise<void> {
  await edit(join(directory, "issuers.yaml"), (issuers) => {
    issuers.setIn(["issuers", 0, "operators"], { clients: [OPERATORS_CLIENT] })
  })
  const operator = { issuer: "users", subject: OPERATOR, roles: ["operator"] }
  await writeFile(join(directory, "operators.yaml"), JSON.stringify({ operators: [operator] }))
  const [schema, own] = await Promise.all([readFile(OWN("schema.cedarschema")), readFile(OWN("operators.cedar"))])
  await writeFile(join(directory, "operators.cedar"), own)
  const managed = /entity OperatorGroup;[^]*?entity Area;/.exec(schema.toString())?.[0] ?? ""
  const action = /action manage appliesTo [^]*?\n};/.exec(schema.toString())?.[0] ?? ""
  await appendFile(join(directory, "schema.cedarschema"), `\n${managed}\n${action}\n`)
}
const OWN = (name: string): string => join(import.meta.dirname, "../../policies", name)

async function addTools(directory: string): Promise<void> {
  await edit(join(directory, "catalog.yaml"), (catalog) => {
    const tool = { action: "write", sensitivity: "internal", groups: ["desk"] }
    catalog.set("servers", [{ name: WORST_SERVER, origin: ORIGIN, path: WORST_MCP_PATH }])
    const route = { origin: ORIGIN, methods: ["POST"], path: WORST_PATH }
    catalog.addIn(["tools"], { name: "plain.post", ...tool, route })
    for (const [name, segment] of [
      ["plain.item", "{item}"],
      ["plain.latest", "latest"],
    ] as const)
      catalog.addIn(["tools"], { name, ...tool, route: { ...route, path: `${WORST_PATH}/${segment}` } })
    catalog.addIn(["tools"], { name: `${WORST_SERVER}.pay`, ...tool, redact: ["pin"] })
    for (let at = 0; at < MANY_TOOLS; at++) catalog.addIn(["tools"], { name: `${WORST_SERVER}.tool-${at}`, ...tool })
    const list = { name: `${WORST_SERVER}.mcp.tools-list`, action: "read", sensitivity: "public", groups: ["desk"] }
    catalog.addIn(["tools"], { ...list, cost: 0 })
  })
  await edit(join(directory, "agents.yaml"), (agents) => {
    // Each request for a token opens a tree.
    agents.setIn(["agents", 0, "trees"], { live: 10_000, per_minute: 10_000 })
    for (const scope of [
      "plain.*:write",
      `${POLICY_SERVER}.*:write`,
      `${WORST_SERVER}.*:write`,
      `${WORST_SERVER}.*:read`,
    ]) {
      agents.addIn(["purposes", 0, "grant", "tools"], scope)
      agents.addIn(["agents", 0, "ceiling", "tools"], scope)
    }
  })
  await edit(join(directory, "gateways.yaml"), (gateways) => {
    const gateway = { id: "authzen", dialect: "authzen", key_sha256: [hashOf(AUTHZEN_KEY)], origins: [ORIGIN] }
    gateways.addIn(["gateways"], { ...gateway, audience: AUDIENCE, environment: "bench", body: true })
    gateways.set("queries", [{ id: "query", key_sha256: [hashOf(QUERY_KEY)] }])
  })
  await edit(join(directory, "guardrails.yaml"), (guardrails) => {
    const tools = ["plain.*", `${WORST_SERVER}.pay`]
    const window = { limit: 100_000, within: "10s" }
    guardrails.set("windows", [{ id: "by-call", tools, per: "call", ...window }])
    guardrails.set("budgets", [
      { id: "values", tools, per: "tree", distinct: "arguments.to", limit: 10_000, within: "10s" },
      { id: "values-of-all", tools, per: "user", distinct: "arguments.to", limit: 10_000, within: "10s" },
    ])
    guardrails.set("loops", [{ id: "repeated", tools, repeats: 1_000, within: "10s" }])
  })
  const schema = join(directory, "schema.cedarschema")
  const text = await readFile(schema, "utf8")
  await writeFile(
    schema,
    text.replace("{ ticket?: String }", "{ ticket?: String, to?: String, of?: { city?: String } }"),
  )
  await appendFile(join(directory, "desk.cedar"), READS_ALL)
}

/** Of the whole record each rule of this kind compares every value; and no object may have another name for a member. */
const READS_ALL = `
@id("reads-all")
forbid (principal, action == Action::"write", resource in ToolGroup::"desk")
unless { [context.arguments].contains(context.arguments) };

@id("reads-a-member")
forbid (principal, action == Action::"write", resource in ToolGroup::"desk")
when { context.arguments has of && context.arguments.of has city && context.arguments.of.city == "Nowhere" };
`
