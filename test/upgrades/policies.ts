/** Policies that earlier and later releases compile: whom and what the tests of upgrades need. */
import { cp, mkdir, writeFile } from "node:fs/promises"
import { join } from "node:path"
import { hashOf, type Signer } from "../node/bare-narrowgate.ts"
import type { Release } from "./release.ts"

export const AUDIENCE = "https://api.test/"
export const IDP = "https://idp.test"
export const AGENT = "spiffe://example.org/agent/first"

/** Admitted calls of each limit. */
export const LIMITS = { task: 5, tree: 5, agent: 6 } as const

export interface PolicyKeys {
  readonly users: Signer
  readonly agent: Signer
  readonly gateway: string
}

/** @param release whose vocabulary the rules use */
export async function writePolicies(directory: string, release: Release, keys: PolicyKeys): Promise<string> {
  await mkdir(directory)
  await cp(join(release.directory, "policies/schema.cedarschema"), join(directory, "schema.cedarschema"))
  for (const [name, content] of Object.entries(filesOf(keys))) {
    const text = typeof content === "string" ? content : JSON.stringify(content)
    await writeFile(join(directory, name), text)
  }
  return directory
}

const route = (methods: readonly string[], path: string) => ({ origin: "https://api.test", methods, path })
const tool = (name: string, action: string, path: string, method: string) => ({
  name,
  action,
  sensitivity: "internal",
  groups: ["open"],
  route: route([method], path),
})

/** JSON is YAML. */
const filesOf = ({ users, agent, gateway }: PolicyKeys): Readonly<Record<string, unknown>> => ({
  "issuers.yaml": {
    issuers: [
      {
        id: "idp",
        issuer: IDP,
        keys: { jwks: { keys: [users.jwk] } },
        algorithms: ["ES256"],
        users: { clients: ["app"] },
        operators: { clients: ["cli"] },
      },
    ],
  },
  "operators.yaml": {
    operators: [{ issuer: "idp", subject: "operator", roles: ["operator"] }],
  },
  "gateways.yaml": {
    gateways: [
      {
        id: "traefik",
        dialect: "traefik",
        origins: ["https://api.test"],
        audience: AUDIENCE,
        environment: "test",
        body: true,
        key_sha256: [hashOf(gateway)],
      },
    ],
  },
  "catalog.yaml": {
    tools: [
      tool("files.read", "read", "/files/{file}", "GET"),
      tool("files.write", "write", "/files/{file}", "PUT"),
      tool("post.send", "write", "/post", "POST"),
      { ...tool("vault.read", "read", "/vault/{item}", "GET"), labels: ["reads:confidential"] },
      tool("till.pay", "write", "/till/{to}", "POST"),
    ],
  },
  "agents.yaml": {
    purposes: [
      { name: "work", grant: { tools: ["*:read", "*:write"], max_sensitivity: "internal" }, life: 600 },
      {
        name: "errand",
        grant: { tools: ["files.*:read"], max_sensitivity: "internal", calls: LIMITS.task },
        life: 600,
      },
    ],
    agents: [
      {
        id: AGENT,
        owner: "yard",
        groups: ["workers"],
        identities: [{ keys: { jwks: { keys: [agent.jwk] } }, algorithms: ["ES256"] }],
        ceiling: { tools: ["*:read", "*:write"], max_sensitivity: "internal" },
        purposes: ["work", "errand"],
        trees: { live: 1000, per_minute: 1000 },
      },
    ],
    registration: {
      class: "mcp",
      owner: "yard",
      groups: ["workers"],
      ceiling: { tools: ["files.*:read"], max_sensitivity: "internal" },
      purposes: ["errand"],
    },
  },
  "approvers.yaml": {
    approvals: [{ name: "finance", approvers: [{ issuer: "idp", group: "finance" }], uses: 1 }],
    owners: { yard: [{ issuer: "idp", subject: "olga" }] },
  },
  "guardrails.yaml": {
    windows: [
      { id: "writes", tools: ["files.write"], per: "tree", limit: LIMITS.tree, within: "1h" },
      { id: "posts", tools: ["post.send"], per: "agent", limit: LIMITS.agent, within: "1h" },
    ],
  },
  "rules.cedar": `
@id("staff")
permit (principal in UserGroup::"staff", action in [Action::"read", Action::"write", Action::"delegate"], resource in ToolGroup::"open");
@id("workers")
permit (principal in AgentGroup::"workers", action in [Action::"read", Action::"write", Action::"delegate"], resource in ToolGroup::"open");
@id("pay")
@remedy("approval:finance")
forbid (principal, action == Action::"write", resource == Tool::"till.pay")
unless { context.approvals.contains("finance") };
@id("nothing-leaves")
forbid (principal, action == Action::"write", resource == Tool::"post.send")
when { context.task.labels.contains("reads:confidential") };
@id("operators")
permit (principal in OperatorGroup::"operator", action == Action::"manage", resource);
`,
})
