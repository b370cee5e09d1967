/** What a test does with a running Narrowgate, wherever the test and the Worker run. */
import { suggest } from "../../src/core/encoding/nearest.ts"
import { isObject } from "../../src/core/encoding/json.ts"
import type { AgentDefinition } from "../../src/core/policy/definition/agents.ts"
import type {
  ApprovalOptions,
  Decision,
  DecisionRecord,
  CallOptions,
  HttpResponse,
  RequestOptions,
  TaskRequest,
  TestNarrowgate,
  TestTask,
  User,
  PendingCall,
} from "../types.ts"
import { approvalIn, decisionOf } from "./decision.ts"
import { NarrowgateTestError, TaskDenied } from "./error.ts"
import { askAs, type ClientFacts, type Gateway } from "./gateways.ts"
import { APPROVAL, CALL, CLIENT, refuseUnknown, TASK } from "./options.ts"
import { ProofKey } from "./proof.ts"
import { Provider } from "./provider.ts"
import { requestOf, type AgentRequest, type Arguments } from "./requests.ts"
import type { BoundCall, Facts, GatewayResponse, TestKitBinding, PolicyParts } from "./setup.ts"
import { millisecondsOf } from "./span.ts"
import { taskOf } from "./task-of.ts"

const TOKEN_EXCHANGE = "urn:ietf:params:oauth:grant-type:token-exchange"
const JWT_BEARER = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
const ACCESS_TOKEN = "urn:ietf:params:oauth:token-type:access_token"

/** Records arrive within a second of their answers; on a busy machine somewhat later. Milliseconds. */
const RECORDS_WITHIN = 10_000
const LOOK_AGAIN = 20

/** @param stop ends what was started for it */
export async function connect(binding: TestKitBinding, stop: () => Promise<void>): Promise<Kit> {
  return new Kit(binding, await binding.facts(), stop)
}

export class Kit implements TestNarrowgate {
  readonly url: string
  readonly clock: TestNarrowgate["clock"]
  readonly #binding: TestKitBinding
  readonly #policies: PolicyParts
  readonly #keys: Facts["keys"]
  readonly #provider: Provider
  readonly #stop: () => Promise<void>
  /** Of the calls of each task. */
  readonly #decisions = new Map<string, string[]>()
  readonly #proofs = new WeakMap<TestTask, ProofKey>()

  constructor(
    binding: TestKitBinding,
    { issuer: url, policies, users, identities, keys }: Facts,
    stop: () => Promise<void>,
  ) {
    this.#binding = binding
    this.#policies = policies
    this.#keys = keys
    this.#provider = new Provider(policies, users, identities, url)
    this.#stop = stop
    this.url = url
    this.clock = {
      now: async () => new Date(await binding.now()),
      advance: async (span) => new Date(await binding.advance(millisecondsOf(span))),
    }
  }

  async task(request: TaskRequest): Promise<TestTask> {
    refuseUnknown("a task", request, TASK)
    const agent = this.#agent(request.agent)
    const now = await this.#binding.now()
    const form = new URLSearchParams({
      client_assertion_type: JWT_BEARER,
      client_assertion: await this.#provider.identity(agent, now),
      audience: request.audience ?? this.#policies.gateways[0]?.audience ?? "",
      purpose: request.purpose ?? "",
      scope: typeof request.scope === "string" ? request.scope : (request.scope ?? []).join(" "),
      ...(request.details && { authorization_details: JSON.stringify(request.details) }),
    })
    if (request.parent) {
      form.set("grant_type", TOKEN_EXCHANGE)
      form.set("subject_token", request.parent.token)
      form.set("subject_token_type", ACCESS_TOKEN)
    } else if (request.user === undefined) form.set("grant_type", "client_credentials")
    else {
      const { token, type } = await this.#provider.session(request.user, now)
      form.set("grant_type", TOKEN_EXCHANGE)
      form.set("subject_token", token)
      form.set("subject_token_type", type)
    }
    const proof = agent.bound_key ? await ProofKey.generate() : null
    const opened = await this.#requestToken(form, proof, now)
    const task: TestTask = { ...opened, agent: agent.id }
    if (proof) this.#proofs.set(task, proof)
    return task
  }

  async call(task: TestTask, tool: string, args: Arguments = {}, options: CallOptions = {}): Promise<Decision> {
    refuseUnknown("the options of a call", options, CALL)
    refuseUnknown("`client`", options.client ?? {}, CLIENT)
    const request = requestOf(this.#policies, tool, args)
    return this.#send(task, request, options)
  }

  async approve(denial: PendingCall, options: ApprovalOptions): Promise<void> {
    await this.#answer(denial, options, { approve: true, ...(options.uses !== undefined && { uses: options.uses }) })
  }

  async deny(denial: PendingCall, options: ApprovalOptions): Promise<void> {
    await this.#answer(denial, options, { approve: false })
  }

  async records(task: TestTask | string): Promise<readonly DecisionRecord[]> {
    const id = typeof task === "string" ? task : task.id
    const expected = this.#decisions.get(id) ?? []
    const until = performance.now() + RECORDS_WITHIN
    for (;;) {
      const records = await this.#binding.records(id, expected)
      const arrived = new Set(records.map((record) => record.id))
      if (expected.every((each) => arrived.has(each)) || performance.now() > until) return records
      await new Promise((resolve) => void setTimeout(resolve, LOOK_AGAIN))
    }
  }

  async session(user: User): Promise<string> {
    return (await this.#provider.session(user, await this.#binding.now())).token
  }

  async identity(agent: string): Promise<string> {
    return this.#provider.identity(this.#agent(agent), await this.#binding.now())
  }

  async person(user: User): Promise<string> {
    return this.#provider.person(user, await this.#binding.now())
  }

  gatewayKey(id: string): string {
    const key = this.#keys[id]
    if (key !== undefined) return key
    const fix = suggest(id, Object.keys(this.#keys), "Look there.")
    throw new NarrowgateTestError("unknown_name", `gateways.yaml has no gateway or query client \`${id}\`. ${fix}`)
  }

  async stop(): Promise<void> {
    await this.#stop()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#stop()
  }

  /** By its id, or the end of it, if no other agent's ends so. */
  #agent(name: string): AgentDefinition {
    const { agents } = this.#policies
    const exact = agents.find(({ id }) => id === name)
    const [found, ...others] = exact ? [exact] : agents.filter(({ id }) => id.endsWith(`/${name}`))
    if (found && others.length === 0) return found
    const names = agents.map(({ id }) => (name.includes("/") ? id : id.slice(id.lastIndexOf("/") + 1)))
    const which = found
      ? `several agents end in \`/${name}\`: write the whole id.`
      : `agents.yaml has no agent \`${name}\`. ${suggest(name, names, "Look there.")}`
    throw new NarrowgateTestError("unknown_name", which)
  }

  /** An entry of gateways.yaml. */
  gatewayOf(id: string) {
    const found = this.#policies.gateways.find((each) => each.id === id)
    if (found) return found
    const ids = this.#policies.gateways.map((each) => each.id)
    throw new NarrowgateTestError(
      "unknown_name",
      `gateways.yaml has no gateway \`${id}\`. ${suggest(id, ids, "Look there.")}`,
    )
  }

  /** The one that was named, or the first before this origin. */
  #gatewayFor({ origin }: AgentRequest, id: string | undefined) {
    if (id !== undefined) return this.gatewayOf(id)
    const found = this.#policies.gateways.find(({ origins }) => origins.includes(origin))
    if (found) return found
    throw new NarrowgateTestError("unknown_name", `no gateway of gateways.yaml stands before ${origin}`)
  }

  async #send(task: TestTask, request: AgentRequest, { gateway: id, client = {} }: CallOptions): Promise<Decision> {
    const gateway = this.#gatewayFor(request, id)
    const proof = this.#proofs.get(task)
    const credential = proof
      ? {
          authorization: `DPoP ${task.token}`,
          dpop: await proof.sign(
            request.method,
            request.origin + request.target,
            await this.#binding.now(),
            task.token,
          ),
        }
      : { authorization: `Bearer ${task.token}` }
    const sent = { ...request, headers: { ...request.headers, ...credential } }
    const decision = decisionOf(await this.ask(gateway, sent, client))
    this.noteCall(credential.authorization, decision.id)
    return decision
  }

  /** Asks as this gateway asks. */
  async ask(gateway: Gateway, request: AgentRequest, client: ClientFacts = {}): Promise<GatewayResponse> {
    return askAs(gateway, this.gatewayKey(gateway.id), request, client, this.#endpoint())
  }

  /** A request to Narrowgate itself. */
  async fetch(url: string, init?: RequestOptions): Promise<HttpResponse> {
    return this.#binding.fetch(url, init)
  }

  /**
   * `records` waits for it.
   * @param id of the decision; empty if the answer has none
   */
  noteCall(authorization: string, id: string): void {
    const task = taskOf(authorization)
    if (task !== null && id !== "") this.#decisions.set(task, [...(this.#decisions.get(task) ?? []), id])
  }

  /** Not bound functions: what is a binding's method may be a call of it. */
  #endpoint() {
    const binding = this.#binding
    return {
      url: this.url,
      fetch: async (url: string, init?: RequestOptions) => binding.fetch(url, init),
      authorize: async (call: BoundCall) => binding.authorize(call),
    }
  }

  async #requestToken(form: URLSearchParams, proof: ProofKey | null, now: number): Promise<Omit<TestTask, "agent">> {
    const url = `${this.url}/oauth/token`
    const headers = {
      "content-type": "application/x-www-form-urlencoded",
      ...(proof && { dpop: await proof.sign("POST", url, now) }),
    }
    const response = await this.#binding.fetch(url, { method: "POST", headers, body: form.toString() })
    const answer: unknown = JSON.parse(await response.text())
    if (!isObject(answer)) throw unexpected("/oauth/token", response.status)
    const {
      access_token: token,
      task: id,
      scope,
      purpose,
      error,
      error_description: why,
      decision_id: decision,
    } = answer
    if (typeof error === "string") {
      throw new TaskDenied(error, String(why), typeof decision === "string" ? decision : null)
    }
    if (typeof token !== "string" || typeof id !== "string") throw unexpected("/oauth/token", response.status)
    return { id, token, scope: String(scope).split(" "), purpose: String(purpose) }
  }

  async #answer(denial: PendingCall, options: ApprovalOptions, vote: object): Promise<void> {
    refuseUnknown("an answer to an approval", options, APPROVAL)
    const { as, reason } = options
    const approval = typeof denial === "string" ? approvalIn(denial) : denial.approval
    if (!approval) throw new NarrowgateTestError("approval_refused", "this decision waits for no approval")
    const { task, id } = approval
    const response = await this.#binding.fetch(`${this.url}/v1/tasks/${task}/approvals/${id}`, {
      method: "POST",
      headers: { authorization: `Bearer ${await this.person(as)}`, "content-type": "application/json" },
      body: JSON.stringify({ ...vote, ...(reason !== undefined && { reason }) }),
    })
    if (response.status === 200) return
    throw new NarrowgateTestError(
      "approval_refused",
      `it could not be answered: ${response.status} ${await response.text()}`,
    )
  }
}

function unexpected(path: string, status: number): NarrowgateTestError {
  return new NarrowgateTestError("unexpected_answer", `${path} answered ${status} in a shape that is not known`)
}
