/**
 * The local stack with one more agent: a robot that signs its own assertions, as a client that nobody here wrote would.
 * The audiences of its gateways are the origins that they serve, which is what clients of MCP check before they ask for
 * a token.
 */
import { cp, mkdtemp, readFile, rm, writeFile } from "node:fs/promises"
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

const entries = z.array(z.looseObject({}))
const agentsFile = z.looseObject({ purposes: entries, agents: entries })
const gatewaysFile = z.looseObject({ gateways: z.array(z.looseObject({ origins: z.tuple([z.string()]) })) })

export async function startStage(): Promise<Stage> {
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
    await edit(join(policies, "gateways.yaml"), (file) => ({
      gateways: gatewaysFile.parse(file).gateways.map((each) => ({ ...each, audience: each.origins[0] })),
    }))
    const parts = await startParts(policies)
    const close = async (): Promise<void> => {
      await parts.close()
      await remove()
    }
    return { ...parts, privateKey, privateJwk: await exportJWK(privateKey), close }
  } catch (error) {
    await remove()
    throw error
  }
}

async function edit(path: string, change: (file: unknown) => unknown): Promise<void> {
  await writeFile(path, stringify(change(parse(await readFile(path, "utf8")))))
}
