/**
 * What runs for long: the built Worker in a bare workerd on its own disk, by bench/policies with a call that people
 * approve, a limit that all trees share, one of each tree, and an operator who reads the records.
 */
import { readFile, writeFile } from "node:fs/promises"
import { join } from "node:path"
import { exportJWK, generateKeyPair, SignJWT } from "jose"
import { parseDocument } from "yaml"
import type { Lab } from "../../bench/lab.ts"
import { buildNarrowgate } from "../../bench/servers/build.ts"
import { ISSUER, ORIGIN } from "../../bench/servers/identities.ts"
import { startNarrowgate, type Narrowgate } from "../../bench/servers/narrowgate.ts"

const POLICIES = join(import.meta.dirname, "../../policies")
const STAFF = "https://staff.bench.example"
const CLIENT = "console"
const OPERATOR = "oscar"

/** Writes to the first are limited over all trees, to the second in each tree. */
export const SHARED = { tool: "post.send", limit: 60, seconds: 5 } as const
export const PER_TREE = { tool: "crm.tickets.reply", limit: 12 } as const
export const APPROVED = "till.pay"
export const SCOPE = "crm.tickets.*:read crm.tickets.*:write crm.secrets.get:read post.*:write till.*:write"

export interface Stack extends AsyncDisposable {
  readonly narrowgate: Narrowgate
  /** `Authorization` of the operator, who also approves. */
  operator(): Promise<string>
}

export async function startStack(lab: Lab): Promise<Stack> {
  const staff = await makeStaff()
  const narrowgate = await startNarrowgate(lab, null, staff.extend, buildNarrowgate, true)
  return {
    narrowgate,
    operator: staff.operator,
    [Symbol.asyncDispose]: () => narrowgate[Symbol.asyncDispose](),
  }
}

export interface Staff extends Pick<Stack, "operator"> {
  /** Changes a copy of bench/policies: the operator may do what operators do, and there is what the traffic calls. */
  readonly extend: (directory: string) => Promise<void>
}

export async function makeStaff(): Promise<Staff> {
  const { privateKey, publicKey } = await generateKeyPair("ES256", { extractable: true })
  const publicJwk = { ...(await exportJWK(publicKey)), kid: "staff", alg: "ES256" }
  return {
    extend: async (directory) => extend(directory, publicJwk),
    async operator() {
      const token = new SignJWT({ client_id: CLIENT, jti: crypto.randomUUID() })
        .setProtectedHeader({ alg: "ES256", kid: "staff", typ: "at+jwt" })
        .setIssuer(STAFF)
        .setSubject(OPERATOR)
        .setAudience(ISSUER)
        .setIssuedAt()
        .setExpirationTime("5m")
      return `Bearer ${await token.sign(privateKey)}`
    },
  }
}

const tool = (name: string, path: string) => ({
  name,
  action: "write",
  sensitivity: "internal",
  groups: ["desk"],
  route: { origin: ORIGIN, methods: ["POST"], path },
})

const GUARDRAILS = {
  windows: [
    { id: "post", tools: [SHARED.tool], per: "everything", limit: SHARED.limit, within: `${SHARED.seconds}s` },
    { id: "replies", tools: [PER_TREE.tool], per: "tree", limit: PER_TREE.limit, within: "1h" },
    { id: "reads", tools: ["crm.tickets.get"], per: ["tree", "arguments.ticket"], limit: 1_000, within: "10s" },
  ],
  sequences: [
    {
      id: "no-payment-of-what-was-refused",
      tools: [APPROVED],
      forbid: { count: { tools: [APPROVED], within: "10s", at_least: 1_000 } },
    },
  ],
  loops: [{ id: "again", tools: ["crm.*"], repeats: 1_000, within: "10s" }],
}

const RULES = `
@id("payments-need-approval")
@remedy("approval:payments")
forbid (principal, action == Action::"write", resource == Tool::"${APPROVED}")
unless { context.approvals.contains("payments") };
`

// JSON is YAML.
async function extend(directory: string, publicJwk: object): Promise<void> {
  const staff = {
    id: "staff",
    issuer: STAFF,
    keys: { jwks: { keys: [publicJwk] } },
    algorithms: ["ES256"],
    users: { clients: ["nobody-acts-for-them"] },
    operators: { clients: [CLIENT] },
  }
  const read = async (file: string): Promise<string> => readFile(join(directory, file), "utf8")
  const write = async (file: string, content: unknown): Promise<void> =>
    writeFile(join(directory, file), typeof content === "string" ? content : JSON.stringify(content))
  const { issuers } = JSON.parse(await read("issuers.yaml"))
  await write("issuers.yaml", { issuers: [...issuers, staff] })
  await write("operators.yaml", {
    operators: [{ issuer: "staff", subject: OPERATOR, roles: ["viewer", "approver", "operator"] }],
  })
  await write("approvers.yaml", {
    approvals: [{ name: "payments", approvers: [{ issuer: "staff", subject: OPERATOR }], life: "15m" }],
  })
  await write("guardrails.yaml", GUARDRAILS)
  const catalog = parseDocument(await read("catalog.yaml"))
  catalog.addIn(["tools"], tool(SHARED.tool, "/post/{letter}"))
  catalog.addIn(["tools"], tool(APPROVED, "/till/{payment}"))
  await write("catalog.yaml", catalog.toString())
  const agents = parseDocument(await read("agents.yaml"))
  for (const pattern of ["post.*:write", "till.*:write"]) {
    agents.addIn(["purposes", 0, "grant", "tools"], pattern)
    agents.addIn(["agents", 0, "ceiling", "tools"], pattern)
  }
  agents.setIn(["agents", 0, "trees"], { live: 1_000, per_minute: 1_000 })
  await write("agents.yaml", agents.toString())
  const schema = await readFile(join(POLICIES, "schema.cedarschema"), "utf8")
  await write("schema.cedarschema", schema.replace("type Arguments = {", "type Arguments = {\n  ticket?: String,"))
  await write("operators.cedar", await readFile(join(POLICIES, "operators.cedar"), "utf8"))
  await write("desk.cedar", (await read("desk.cedar")) + RULES)
}
