/** What agents and people do before an upgrade, and what must hold of it afterwards. */
import { decodeProtectedHeader } from "jose"
import { expect } from "vitest"
import { makeProof, makeProofKey, type ProofKey } from "../../bench/servers/identities.ts"
import { sign } from "../node/bare-narrowgate.ts"
import { AGENT, AUDIENCE, IDP, LIMITS, type PolicyKeys } from "./policies.ts"

export const US = "https://authz.example"
const TOKEN_URI = `${US}/oauth/token`

interface Answer {
  readonly status: number
  readonly headers: Headers
  readonly json: Readonly<Record<string, unknown>>
}

interface Task {
  readonly task: string
  readonly token: string
  readonly proofKey?: ProofKey
}

/** What is known of the life before. */
export interface Past {
  readonly client: string
  readonly underRevokedKey: Task
  readonly revokedKid: string
  readonly errand: Task
  readonly tree: Task
  readonly approved: Task
  readonly pending: Task & { readonly approval: string }
  readonly bound: Task & { readonly usedProof: string }
  readonly suspended: Task
  /** Has read what must not leave. */
  readonly labelled: Task
  readonly completed: Task
  readonly decision: string
}

/** One edge, as its clients see it. */
export class Edge {
  readonly #origin: string
  readonly #keys: PolicyKeys

  constructor(origin: string, keys: PolicyKeys) {
    this.#origin = origin
    this.#keys = keys
  }

  async ask(path: string, init: RequestInit = {}): Promise<Answer> {
    const response = await fetch(this.#origin + path, { ...init, signal: AbortSignal.timeout(10_000) })
    const text = await response.text()
    return { status: response.status, headers: response.headers, json: text === "" ? {} : JSON.parse(text) }
  }

  async manage(method: "GET" | "POST", path: string, subject: string, body?: object, groups: readonly string[] = []) {
    const claims = { iss: IDP, sub: subject, aud: US, client_id: "cli", groups }
    const headers = { authorization: `Bearer ${await sign(this.#keys.users, claims, "at+jwt")}` }
    return this.ask(path, { method, headers, ...(body && { body: JSON.stringify(body) }) })
  }

  /** The answer of the token endpoint. */
  async request(user: string, purpose: string, proof?: string): Promise<Answer> {
    const session = { iss: IDP, sub: user, aud: "app", groups: ["staff"] }
    const body = new URLSearchParams({
      grant_type: "urn:ietf:params:oauth:grant-type:token-exchange",
      subject_token: await sign(this.#keys.users, session),
      subject_token_type: "urn:ietf:params:oauth:token-type:id_token",
      client_assertion: await sign(this.#keys.agent, { iss: AGENT, sub: AGENT, aud: US }),
      client_assertion_type: "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
      audience: AUDIENCE,
      purpose,
    })
    return this.ask("/oauth/token", { method: "POST", body, headers: proof === undefined ? {} : { DPoP: proof } })
  }

  async open(user: string, purpose = "work", proofKey?: ProofKey): Promise<Task> {
    const proof = proofKey && (await makeProof(proofKey, "POST", TOKEN_URI, null))
    const { status, json } = await this.request(user, purpose, proof)
    expect(status, JSON.stringify(json)).toBe(200)
    const opened = { task: String(json["task"]), token: String(json["access_token"]) }
    return proofKey ? { ...opened, proofKey } : opened
  }

  /** The code of the answer, `ok` if it is allowed, and the answer. */
  async call(task: Task, method: string, path: string): Promise<[code: string, Answer]> {
    const { token, proofKey } = task
    if (!proofKey) return this.present(token, method, path)
    const uri = `https://api.test${path}`
    const first = await this.present(token, method, path, await makeProof(proofKey, method, uri, token))
    // As clients do (RFC 9449, section 8).
    const nonce = first[1].headers.get("DPoP-Nonce")
    if (nonce === null) return first
    return this.present(token, method, path, await makeProof(proofKey, method, uri, token, { nonce }))
  }

  /** The same, with this very proof. */
  async present(token: string, method: string, path: string, proof?: string): Promise<[code: string, Answer]> {
    const answer = await this.ask("/authz/forward", {
      headers: {
        "X-Narrowgate-Key": this.#keys.gateway,
        "X-Forwarded-Method": method,
        "X-Forwarded-Uri": path,
        "X-Forwarded-Host": "api.test",
        Authorization: `${proof === undefined ? "Bearer" : "DPoP"} ${token}`,
        ...(proof !== undefined && { DPoP: proof }),
      },
    })
    return [answer.status === 200 ? "ok" : String(answer.headers.get("X-Narrowgate-Code")), answer]
  }

  /** How many of so many calls are allowed. */
  async admitted(task: Task, method: string, path: string, calls: number): Promise<number> {
    let count = 0
    for (let made = 0; made < calls; made++) if ((await this.call(task, method, path))[0] === "ok") count += 1
    return count
  }

  /** A call that needs approval. Returns the approval's id. */
  async pay(task: Task): Promise<string> {
    const [code, { json }] = await this.call(task, "POST", "/till/shop")
    expect([code, json]).toEqual(["approval_required", expect.anything()])
    const { approval }: { readonly approval?: { readonly id?: string } } = json
    return String(approval?.id)
  }

  async approve({ task }: Task, approval: string): Promise<void> {
    const path = `/v1/tasks/${task}/approvals/${approval}`
    const { status, json } = await this.manage("POST", path, "fay", { approve: true }, ["finance"])
    expect(status, JSON.stringify(json)).toBe(200)
  }

  async revoke(what: object): Promise<void> {
    const revoked = async () => (await this.manage("POST", "/v1/revocations", "operator", what)).status
    // People are known by their records, which follow a task within a second.
    await expect.poll(revoked, { timeout: 5_000 }).toBe(200)
  }
}

/** Of each limit some is left. */
const USED = { task: 3, tree: 3, agent: 4 } as const

export async function before(edge: Edge): Promise<Past> {
  const { json: registered } = await edge.ask("/oauth/register", {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ client_name: "A program", redirect_uris: ["http://127.0.0.1:4000/callback"] }),
  })
  const underRevokedKey = await edge.open("alice")
  expect((await edge.call(underRevokedKey, "GET", "/files/a"))[0]).toBe("ok")
  const revokedKid = String(decodeProtectedHeader(underRevokedKey.token).kid)
  await edge.revoke({ key: revokedKid })

  const errand = await edge.open("alice", "errand")
  expect(await edge.admitted(errand, "GET", "/files/a", USED.task)).toBe(USED.task)
  const tree = await edge.open("bob")
  expect(await edge.admitted(tree, "PUT", "/files/a", USED.tree)).toBe(USED.tree)
  expect(await edge.admitted(tree, "POST", "/post", USED.agent)).toBe(USED.agent)

  const approved = await edge.open("alice")
  await edge.approve(approved, await edge.pay(approved))
  const asking = await edge.open("alice")
  const pending = { ...asking, approval: await edge.pay(asking) }

  const proofKey = await makeProofKey()
  const holding = await edge.open("alice", "work", proofKey)
  const usedProof = await makeProof(proofKey, "GET", "https://api.test/files/a", holding.token)
  expect((await edge.present(holding.token, "GET", "/files/a", usedProof))[0]).toBe("ok")

  const labelled = await edge.open("dora")
  expect((await edge.call(labelled, "GET", "/vault/a"))[0]).toBe("ok")

  const suspended = await edge.open("mallory")
  await edge.revoke({ user: `${IDP}|mallory` })
  const completed = await edge.open("alice")
  const [, written] = await edge.call(completed, "PUT", "/files/a")
  const headers = { authorization: `Bearer ${completed.token}` }
  const { status } = await edge.ask(`/v1/tasks/${completed.task}/complete`, { method: "POST", headers })
  expect(status).toBe(200)
  return {
    client: String(registered["client_id"]),
    underRevokedKey,
    revokedKid,
    errand,
    tree,
    approved,
    pending,
    bound: { ...holding, usedProof },
    labelled,
    suspended,
    completed,
    decision: String(written.headers.get("X-Narrowgate-Decision")),
  }
}

export async function after(edge: Edge, past: Past): Promise<void> {
  const code = async (task: Task, method = "GET", path = "/files/a"): Promise<string> =>
    (await edge.call(task, method, path))[0]

  // Revocations hold, of a key, a person and a task.
  const { json: jwks } = await edge.ask("/.well-known/jwks.json")
  expect(JSON.stringify(jwks)).not.toContain(past.revokedKid)
  expect(await code(past.underRevokedKey)).toBe("invalid_token")
  expect(await code(past.suspended)).not.toBe("ok")
  expect((await edge.request("mallory", "work")).status).not.toBe(200)
  expect(await code(past.completed)).not.toBe("ok")

  // Tokens are accepted, and budgets continue where they were.
  expect(await edge.admitted(past.errand, "GET", "/files/a", LIMITS.task)).toBe(LIMITS.task - USED.task)
  expect(await edge.admitted(past.tree, "PUT", "/files/a", LIMITS.tree)).toBe(LIMITS.tree - USED.tree)
  const posts = await edge.admitted(past.tree, "POST", "/post", LIMITS.agent)
  // What was lent to a ledger that was killed may count as used.
  expect(posts).toBeLessThanOrEqual(LIMITS.agent - USED.agent)

  // An approval is used, once; one that was asked for is given.
  expect(await code(past.approved, "POST", "/till/shop")).toBe("ok")
  expect(await code(past.approved, "POST", "/till/shop")).toBe("approval_required")
  await edge.approve(past.pending, past.pending.approval)
  expect(await code(past.pending, "POST", "/till/shop")).toBe("ok")

  expect(await code(past.labelled, "POST", "/post")).toBe("policy_denied")

  // A bound token needs a proof that nobody has used.
  expect((await edge.present(past.bound.token, "GET", "/files/a", past.bound.usedProof))[0]).toBe("invalid_token")
  expect(await code({ task: past.bound.task, token: past.bound.token })).toBe("invalid_token")
  expect(await code(past.bound)).toBe("ok")

  const { json: clients } = await edge.manage("GET", "/v1/clients", "operator")
  expect(JSON.stringify(clients)).toContain(past.client)
  const record = async () => (await edge.manage("GET", `/v1/decisions/${past.decision}`, "operator")).json
  await expect.poll(record, { timeout: 5_000 }).toMatchObject({ tool: "files.write", decision: "allow" })

  const fresh = await edge.open("carol")
  expect(await code(fresh)).toBe("ok")
}
