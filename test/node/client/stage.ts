/** Agents of the local stack, with the client that they would import. */
import { login, workloadIdentity } from "../../../cli/remote/local-stack-login.ts"
import { CONSOLE_CLIENT } from "../../../cli/remote/local-stack.ts"
import {
  fromPrivateKey,
  openTask,
  type ConsentRequest,
  type Identity,
  type OpenTaskOptions,
  type Task,
} from "../../../client/index.ts"
import { ROBOT, startStage, type Stage } from "../interop/robot.ts"

export const SUPPORT = "spiffe://example.org/agent/support"
export const RESEARCHER = "spiffe://example.org/agent/researcher"
export const NIGHTLY = "spiffe://example.org/agent/nightly"
export const VAULT = "spiffe://example.org/agent/vault"

export interface Agents extends Stage {
  /** As SPIRE would prove an agent. */
  readonly svid: (id: string) => Identity
  readonly robot: Identity
  readonly session: (user: string, secondFactor?: boolean) => Promise<string>
  /** A task of the support agent for alice, unless it says otherwise. */
  readonly open: (options?: Partial<OpenTaskOptions>) => Promise<Task>
  readonly decide: (approval: { readonly task: string; readonly id: string }, approve: boolean) => Promise<void>
  /** alice answers what `onConsent` got. */
  readonly consent: (request: Pick<ConsentRequest, "url">, decision: "approve" | "reject") => Promise<void>
}

export async function startAgents(): Promise<Agents> {
  const stage = await startStage()
  const { provider, origin } = stage.stack
  const svid =
    (id: string): Identity =>
    async ({ audience }) =>
      workloadIdentity({ origin: provider, id, audience })
  const session = async (user: string, secondFactor = false): Promise<string> =>
    (await login({ origin: provider, user, secondFactor })).access_token
  const answer = async (user: string, path: string, body: object): Promise<void> => {
    const { access_token } = await login({ origin: provider, user, client: CONSOLE_CLIENT })
    const headers = { authorization: `Bearer ${access_token}`, "content-type": "application/json" }
    const { status } = await fetch(origin + path, { method: "POST", headers, body: JSON.stringify(body) })
    if (status !== 200) throw new Error(`${path} was answered by ${status}`)
  }
  return {
    ...stage,
    svid,
    robot: fromPrivateKey({ agent: ROBOT, key: { ...stage.privateJwk, alg: "ES256" } }),
    session,
    open: async (options = {}) =>
      openTask({
        issuer: origin,
        identity: svid(SUPPORT),
        session: async () => session("alice"),
        resource: stage.edge.origin,
        keepAlive: false,
        ...options,
      }),
    decide: async ({ task, id }, approve) => answer("olivia", `/v1/tasks/${task}/approvals/${id}`, { approve }),
    consent: async ({ url }, decision) =>
      answer("alice", new URL(url).pathname.replace("/console/", "/v1/"), { decision }),
  }
}
