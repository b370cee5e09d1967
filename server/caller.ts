/** Who calls, as a service learns it: from the claims of a Transaction Token, or from the gateway's plain headers. */
import { isObject } from "../src/core/encoding/json.ts"
import { CallRejectedError } from "./errors.ts"

/** A person, as the provider of their session names them. */
export interface User {
  readonly issuer: string
  readonly subject: string
}

/** What only the signed token says. */
export interface SignedFacts {
  /** The root task: the same for all calls of a task tree. */
  readonly transaction: string
  /** The action class of the tool. */
  readonly action: string
  /** Every agent of the caller's chain, the calling one first: more than one if it is a sub-agent. */
  readonly chain: readonly string[]
  /** The gateway's id in gateways.yaml, and its environment. */
  readonly gateway: string
  readonly environment: string
  /** Seconds since the epoch. */
  readonly expires: number
}

/** The caller of one allowed call. Every id is as Narrowgate writes it. */
export interface Caller {
  /** The calling agent's id, such as `spiffe://example.org/agent/support`. */
  readonly agent: string
  /** Null: the agent acts on its own behalf. */
  readonly user: User | null
  /** The calling task's id. */
  readonly task: string
  readonly purpose: string
  /** The tool's name in the catalog. */
  readonly tool: string
  /** The decision's id, by which `narrowgate explain` finds its record. */
  readonly decision: string
  /** Null: the caller is read from plain headers, which are worth what the network guarantees. */
  readonly signed: SignedFacts | null
}

/** Reads a header of the request; null if it is absent. */
export type ReadHeader = (name: string) => string | null

/** What a token says, and with what it binds the call's arguments. */
export interface Claims {
  readonly caller: Caller & { readonly signed: SignedFacts }
  /** Hex SHA-256; null: there were none, or not all were seen. */
  readonly argumentsHash: string | null
  /** Arguments that the hash leaves out. */
  readonly redacted: readonly string[]
}

type Members = Readonly<Record<string, unknown>>

/** @param payload of a token whose signature, type, issuer, audience and expiry have been verified */
export function claimsOf(payload: Members): Claims {
  const { tctx, rctx } = payload
  if (!isObject(tctx) || !isObject(rctx)) throw new CallRejectedError("invalid_token", "it has no context")
  const agent = text(payload, "req_wl")
  const [subject, scope] = [text(payload, "sub"), text(payload, "scope")]
  const [tool, expires, hash] = [text(tctx, "tool"), payload["exp"], tctx["arguments_hash"]]
  const action = scope.startsWith(`${tool}:`) ? scope.slice(tool.length + 1) : ""
  if (action === "" || typeof expires !== "number")
    throw new CallRejectedError("invalid_token", "its claims contradict")
  if (hash !== undefined && !(typeof hash === "string" && /^[0-9a-f]{64}$/.test(hash)))
    throw new CallRejectedError("invalid_token", "its hash of the arguments is none")
  return {
    caller: {
      agent,
      user: subject === agent ? null : userOf(subject, "invalid_token"),
      task: text(tctx, "task"),
      purpose: text(tctx, "purpose"),
      tool,
      decision: text(tctx, "decision"),
      signed: {
        transaction: text(payload, "txn"),
        action,
        chain: tctx["chain"] === undefined ? [agent] : texts(tctx, "chain"),
        gateway: text(rctx, "gateway"),
        environment: text(rctx, "environment"),
        expires,
      },
    },
    argumentsHash: hash ?? null,
    redacted: tctx["arguments_redacted"] === undefined ? [] : texts(tctx, "arguments_redacted"),
  }
}

/**
 * Reads `X-Narrowgate-*`. They are not signed: any client that reaches the service can write them. So they mean something
 * only if the network lets the gateway alone reach it, and the gateway sets every one of them (docs/guides/services.md).
 */
export function callerOfHeaders(header: ReadHeader): Caller {
  const named = (name: string): string => {
    const value = header(`X-Narrowgate-${name}`)
    if (value === null || value === "") throw new CallRejectedError("missing_identity", `no X-Narrowgate-${name}`)
    return decoded(value)
  }
  const user = header("X-Narrowgate-User")
  if (user === null) throw new CallRejectedError("missing_identity", "no X-Narrowgate-User, which may be empty")
  return {
    agent: named("Agent"),
    user: user === "" ? null : userOf(decoded(user), "invalid_identity"),
    task: named("Task"),
    purpose: named("Purpose"),
    tool: named("Tool"),
    decision: named("Decision"),
    signed: null,
  }
}

/** Longer than any id. */
const MAX_HEADER_LENGTH = 4_096

function decoded(value: string): string {
  if (value.length > MAX_HEADER_LENGTH || !/^[\x21-\x7e]+$/.test(value)) throw new CallRejectedError("invalid_identity")
  try {
    return decodeURIComponent(value)
  } catch (cause) {
    throw new CallRejectedError("invalid_identity", cause)
  }
}

function userOf(id: string, code: "invalid_token" | "invalid_identity"): User {
  const [, issuer, subject] = /^([^|]+)\|(.+)$/s.exec(id) ?? []
  if (issuer === undefined || subject === undefined) throw new CallRejectedError(code, "its user is none")
  return { issuer, subject }
}

function text(members: Members, name: string): string {
  const value = members[name]
  if (typeof value !== "string" || value === "") throw new CallRejectedError("invalid_token", `it has no \`${name}\``)
  return value
}

function texts(members: Members, name: string): readonly string[] {
  const value = members[name]
  if (!Array.isArray(value) || !value.every((each) => typeof each === "string"))
    throw new CallRejectedError("invalid_token", `its \`${name}\` is no list`)
  return value
}
