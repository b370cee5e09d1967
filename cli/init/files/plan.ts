/** What a first policy directory is made of: the tools that were found, and the answers and flags. */
import { createHash, randomBytes } from "node:crypto"
import { sensitivityRank, type Action, type Sensitivity } from "../../../src/core/catalog/tool.ts"
import type { DialectName } from "../../../src/core/policy/definition/gateways.ts"
import type { FoundTools } from "../../import/found-tools.ts"
import type { Class } from "../../import/merge.ts"

export interface Plan {
  readonly found: FoundTools
  /** The classes of each tool that was found, by name. */
  readonly classes: ReadonlyMap<string, Class>
  /** Where agents reach it; the path is that of an MCP server. */
  readonly at: { readonly origin: string; readonly path: string }
  /** Where the server itself is, if Narrowgate may probe it. */
  readonly probe: string | null
  /** The highest sensitivity that the agent gets. */
  readonly highest: Sensitivity
  readonly writes: Writes
  readonly agent: string
  readonly owner: string
  readonly purpose: string
  /** Groups of users. */
  readonly group: string
  readonly gateway: { readonly dialect: DialectName; readonly keyDigest: string }
  readonly trust: Trust
}

/** `listed`: in comments, to be permitted by hand. `guarded`: permitted after a fresh login. */
export const WRITES = ["listed", "guarded"] as const
export type Writes = (typeof WRITES)[number]

/** The development identity provider of the local stack, or other providers. */
export type Trust =
  | { readonly kind: "local" }
  | {
      readonly kind: "provider"
      readonly issuer: string
      /** The app whose sessions agents exchange. */
      readonly client: string
      readonly operatorClient: string
      /** The `sub` of the first operator; null if there is none yet. */
      readonly operator: string | null
      /** How the agent authenticates: by its trust domain's bundle, or by its own keys. */
      readonly proof: { readonly by: "spiffe_bundle" | "jwks_uri"; readonly url: string }
    }

/** The one gateway of a first directory. */
export const GATEWAY = "edge"

/** How old the login may be, in seconds, of a call that changes something. */
export const FRESH_LOGIN_SECONDS = 900
/** The `acr` of the local stack for a login with a second factor. */
export const LOCAL_ACR = "mfa"

/** 256 random bits, so their SHA-256 may be public. */
export function newKey(): string {
  return `ngk_${randomBytes(32).toString("base64url")}`
}

export function digestOfKey(key: string): string {
  return createHash("sha256").update(key).digest("hex")
}

export function isWithin({ highest }: Plan, { sensitivity }: Class): boolean {
  return sensitivityRank(sensitivity) <= sensitivityRank(highest)
}

/** In the order in which they were found. */
export function toolsFor({ found, classes }: Plan, wanted: (given: Class) => boolean): readonly string[] {
  return found.tools.flatMap(({ name }) => {
    const given = classes.get(name)
    return given && wanted(given) ? [name] : []
  })
}

/**
 * Lifecycle tools of an MCP server have the action read, so a scope of reads covers something even if no tool reads.
 */
export function scopesOf(plan: Plan): readonly string[] {
  const actions: readonly Action[] = plan.writes === "guarded" ? ["read", "write", "execute"] : ["read"]
  const isThere = (action: Action) => toolsFor(plan, (given) => given.action === action).length > 0
  const isMcp = plan.found.reached.by === "server"
  return actions
    .filter((action) => isThere(action) || (isMcp && action === "read"))
    .map((action) => `${plan.found.prefix}.*:${action}`)
}
