/** The kinds of calls whose costs are shown. */
import { readFile, writeFile } from "node:fs/promises"
import { join } from "node:path"
import { parseDocument } from "yaml"
import { makeRobot, tokenRequest, type Robot } from "../benchmarks/client-credentials.ts"
import { ALLOWED, openTrees, READ_TICKET, SCOPE } from "../benchmarks/trees.ts"
import { guard } from "../benchmark.ts"
import type { PreparedRequest } from "../load/request.ts"
import { GUARDED, GUARDED_AND_SHARED, guardTimedCall } from "../servers/guarded.ts"
import { ISSUER, makeProof, makeProofKey, OPERATORS_CLIENT, ORIGIN } from "../servers/identities.ts"
import type { Narrowgate, Task } from "../servers/narrowgate.ts"
import { addSuite, SUITE, suiteKept, suiteList } from "../servers/suite.ts"
import { consentedRefreshToken, REDIRECT_URI, refresh } from "./consent.ts"

/** Where calls are made. */
export interface Place {
  readonly narrowgate: Narrowgate
  readonly robot: Robot
  /** Seconds since the epoch, by the Worker's clock. */
  readonly now: () => Promise<number>
}

/** One call, or one token. @returns the requests to the Worker that it took */
export type Ask = () => Promise<number>

interface AnyKind {
  /** Stable: the page and its test know it by this. */
  readonly name: string
  /** All agents together have a window. */
  readonly hasSharedLimit?: boolean
  /** It takes a person who has signed in: see workers/signed-in.ts. */
  readonly hasPerson?: boolean
}

/** One after the other, seconds apart, by one agent. */
export interface Alone extends AnyKind {
  readonly pace: "alone"
  /** @param user for whom the agent acts: another one each time */
  begin(place: Place, user: string): Promise<Ask>
}

/** Each of many agents without a pause. */
export interface InLoop extends AnyKind {
  readonly pace: "in a loop"
  begin(place: Place, agents: number): Promise<readonly PreparedRequest[]>
}

export type Kind = Alone | InLoop

export const LISTED_SCOPE = `${SCOPE} ${SUITE}.*:read`

type RequestOf = (narrowgate: Narrowgate, task: Task) => PreparedRequest

const inLoop = (name: string, request: RequestOf, more = {}): InLoop => ({
  name,
  pace: "in a loop",
  ...more,
  async begin({ narrowgate }, agents) {
    const tasks = await openTrees(narrowgate, agents)
    return tasks.map((task) => request(narrowgate, task))
  },
})

const alone = (name: string, request: RequestOf, more = {}): Alone => ({
  name,
  pace: "alone",
  ...more,
  async begin({ narrowgate }, user) {
    const prepared = request(narrowgate, await narrowgate.openTask(user, LISTED_SCOPE))
    return async () => {
      await send(narrowgate, prepared)
      return 1
    }
  },
})

const denied =
  (path: string, reason: string): RequestOf =>
  (narrowgate, task) =>
    narrowgate.question(task, "GET", path, { status: 403, contains: reason })

/** Calls for which a token that has `LISTED_SCOPE` is enough. */
export const REQUESTS = {
  read: (narrowgate, task) => narrowgate.question(task, "GET", READ_TICKET, ALLOWED),
  write: (narrowgate, task) => narrowgate.question(task, "POST", "/crm/tickets/T-1/replies", ALLOWED),
  list: (narrowgate, task) => narrowgate.listing(task, SUITE, suiteList, { status: 200, contains: suiteKept }),
  denied: denied("/crm/tickets/X-1", "policy_denied"),
  out_of_scope: denied("/crm/customers/C-1", "insufficient_scope"),
} as const satisfies Record<string, RequestOf>

const dpop: Alone = {
  name: "read with DPoP",
  pace: "alone",
  async begin({ narrowgate, now }, user) {
    const key = await makeProofKey()
    const task = await narrowgate.openTask(user, SCOPE, {
      proof: await makeProof(key, "POST", `${ISSUER}/oauth/token`, null),
    })
    let nonce: string | null = null
    return async () => {
      for (let requests = 1; ; requests++) {
        const more = { iat: await now(), ...(nonce !== null && { nonce }) }
        const proof = await makeProof(key, "GET", `${ORIGIN}${READ_TICKET}`, task.token, more)
        const question = narrowgate.question(task, "GET", READ_TICKET, ALLOWED, proof)
        const response = await answerTo(narrowgate, question)
        nonce = response.headers.get("dpop-nonce") ?? nonce
        if (response.status === 200) return requests
        guard(requests === 1 && nonce !== null, `a call with a proof was answered ${response.status}`)
      }
    }
  },
}

/** What a token costs until nothing is left of its task. */
const TOKENS: readonly Alone[] = [
  {
    name: "token exchange",
    pace: "alone",
    begin: async ({ narrowgate }, user) => {
      await narrowgate.openTask(user, SCOPE)
      return () => narrowgate.openTask(user, SCOPE).then(() => 1)
    },
  },
  {
    name: "token exchange for a new user",
    pace: "alone",
    begin: async ({ narrowgate }, user) => {
      let users = 0
      await narrowgate.openTask(user, SCOPE)
      return () => narrowgate.openTask(`${user}-${++users}`, SCOPE).then(() => 1)
    },
  },
  {
    name: "refresh",
    pace: "alone",
    hasPerson: true,
    begin: async ({ narrowgate }, user) => {
      let token = await consentedRefreshToken(narrowgate, user, SCOPE)
      return async () => {
        token = await refresh(narrowgate, token)
        return 1
      }
    },
  },
  {
    name: "client_credentials",
    pace: "alone",
    begin: async ({ narrowgate, robot }) => {
      const ask = async (): Promise<number> => {
        await send(narrowgate, await tokenRequest(robot, ISSUER, "/oauth/token", false))
        return 1
      }
      await ask()
      return ask
    },
  },
]

export const KINDS: readonly Kind[] = [
  inLoop("read", REQUESTS.read),
  alone("read", REQUESTS.read),
  inLoop("write", REQUESTS.write),
  alone("write", REQUESTS.write),
  dpop,
  inLoop("read under a shared limit", REQUESTS.read, { hasSharedLimit: true }),
  alone("read under a shared limit", REQUESTS.read, { hasSharedLimit: true }),
  alone("list of tools", REQUESTS.list),
  alone("denied by a rule", REQUESTS.denied),
  alone("denied for its scope", REQUESTS.out_of_scope),
  ...TOKENS,
]

export const newRobot = (): Promise<Robot> => makeRobot(null, 0)

/** What a copy of bench/policies needs for all kinds. */
export async function changePolicies(directory: string, hasSharedLimit: boolean): Promise<void> {
  await addSuite(directory)
  await edit(join(directory, "issuers.yaml"), (issuers) => {
    issuers.setIn(["issuers", 0, "operators"], { clients: [OPERATORS_CLIENT] })
  })
  await edit(join(directory, "agents.yaml"), (agents) => {
    agents.setIn(["agents", 0, "client"], { redirect_uris: [REDIRECT_URI] })
    agents.setIn(["agents", 0, "trees"], { live: 10_000, per_minute: 10_000 })
  })
  await guardTimedCall(directory, hasSharedLimit ? GUARDED_AND_SHARED : GUARDED)
}

export async function edit(file: string, change: (document: ReturnType<typeof parseDocument>) => void): Promise<void> {
  const document = parseDocument(await readFile(file, "utf8"))
  change(document)
  await writeFile(file, document.toString())
}

export async function send(narrowgate: Narrowgate, request: PreparedRequest): Promise<void> {
  const response = await answerTo(narrowgate, request)
  const { status, contains } = request.expected
  const text = `${JSON.stringify([...response.headers])} ${await response.text()}`
  guard(
    response.status === status && (contains === null || text.includes(contains)),
    `answered ${response.status} ${text.slice(0, 500)}\n${narrowgate.workerd.complaints()}`,
  )
}

/** A prepared request, without the load generator, which tells nothing of the answer. */
function answerTo({ workerd }: Narrowgate, { bytes }: PreparedRequest): Promise<Response> {
  const text = new TextDecoder().decode(bytes)
  const end = text.indexOf("\r\n\r\n")
  const [line = "", ...fields] = text.slice(0, end).split("\r\n")
  const [method = "", path = ""] = line.split(" ")
  const headers = fields.map((field): [string, string] => {
    const colon = field.indexOf(":")
    return [field.slice(0, colon), field.slice(colon + 1).trim()]
  })
  return fetch(`http://127.0.0.1:${workerd.port}${path}`, {
    method,
    headers: headers.filter(([name]) => name !== "host" && name !== "content-length"),
    ...(method !== "GET" && { body: text.slice(end + 4) }),
    signal: AbortSignal.timeout(ANSWER_WITHIN_MS),
  })
}
const ANSWER_WITHIN_MS = 5_000
