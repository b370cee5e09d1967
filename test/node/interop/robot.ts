/**
 * The local stack with one more agent: a robot that signs its own assertions, as a client that nobody here wrote would.
 * The audiences of its gateways are the origins that they serve, which is what clients of MCP check before they ask for
 * a token.
 */
import { appendFile, cp, mkdtemp, readFile, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { exportJWK, generateKeyPair, type CryptoKey, type JWK } from "jose"
import { parse, stringify } from "yaml"
import { z } from "zod"
import { startParts, type Parts } from "../../../dev/demo/parts.ts"

export const ROBOT = "https://agents.example/robot"

export interface Stage extends Parts {
  /** The robot's. */
  readonly privateKey: CryptoKey
  readonly privateJwk: JWK
}

/** Work that nobody has to stand behind: a client that only knows `client_credentials` gets it unasked. */
const ERRAND = {
  name: "errand",
  grant: { tools: ["everything.*:read", "desk.*:read"], max_sensitivity: "internal", calls: 50 },
  life: 600,
  user: "optional",
}

const robotWith = (jwk: JWK) => ({
  id: ROBOT,
  identities: [{ keys: { jwks: { keys: [jwk] } }, algorithms: ["ES256"] }],
  owner: "interop",
  groups: ["support"],
  ceiling: { tools: ["everything.*:read", "desk.*:read", "crm.tickets.*:read"], max_sensitivity: "internal" },
  purposes: [ERRAND.name, "triage-ticket"],
})

/** Nobody's session alone is enough for mail: its user has to consent. */
const CONSENT_RULE = `
@id("mail-needs-consent")
@remedy("approval:user")
forbid (principal, action == Action::"delegate", resource == Tool::"mail.send")
unless { context.approvals.contains("user") };
`

const entries = z.array(z.looseObject({}))
const agentsFile = z.looseObject({ purposes: entries, agents: entries })
const gatewaysFile = z.looseObject({ gateways: z.array(z.looseObject({ origins: z.tuple([z.string()]) })) })

export interface Robot {
  readonly privateKey: CryptoKey
  readonly privateJwk: JWK
  /** `policies/`, which knows it. */
  readonly policies: string
  /** The copy. */
  readonly remove: () => Promise<void>
}

type GatewayEntry = z.infer<typeof gatewaysFile>["gateways"][number]

/** @param gateways to stand in the place of those of `policies/` */
export async function makeRobot(gateways: (entries: readonly GatewayEntry[]) => readonly object[]): Promise<Robot> {
  const { privateKey, publicKey } = await generateKeyPair("ES256", { extractable: true })
  const policies = await mkdtemp(join(tmpdir(), "narrowgate-interop-"))
  const remove = async (): Promise<void> => rm(policies, { recursive: true, force: true })
  try {
    const robot = robotWith(await exportJWK(publicKey))
    await cp(join(import.meta.dirname, "../../../policies"), policies, { recursive: true })
    await edit(join(policies, "agents.yaml"), (file) => {
      const { purposes, agents } = agentsFile.parse(file)
      return { purposes: [...purposes, ERRAND], agents: [...agents, robot] }
    })
    await edit(join(policies, "gateways.yaml"), (file) => ({ gateways: gateways(gatewaysFile.parse(file).gateways) }))
    return { privateKey, privateJwk: await exportJWK(privateKey), policies, remove }
  } catch (error) {
    await remove()
    throw error
  }
}

export async function startStage(): Promise<Stage> {
  const { policies, remove, ...keys } = await makeRobot((entries) =>
    entries.map((each) => ({ ...each, audience: each.origins[0] })),
  )
  try {
    await appendFile(join(policies, "limits.cedar"), CONSENT_RULE)
    const parts = await startParts(policies)
    const close = async (): Promise<void> => {
      await parts.close()
      await remove()
    }
    return { ...parts, ...keys, close }
  } catch (error) {
    await remove()
    throw error
  }
}

async function edit(path: string, change: (file: unknown) => unknown): Promise<void> {
  await writeFile(path, stringify(change(parse(await readFile(path, "utf8")))))
}
