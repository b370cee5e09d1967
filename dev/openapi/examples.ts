/** Examples of requests and their answers, by operation. The description's test holds each against its schema. */
import type { Content, Operation, Paths } from "./operation.ts"

interface Example {
  readonly request: unknown
  readonly answer?: unknown
}

const AGENT = "spiffe://example.org/agent/support"
const ALICE = "https://id.example|alice"
const TASK = "tsk_01M8815EYFQTG027QX3M0V9BK2RD5WAH4N6C"
const DECISION = "dec_01M8810Y6E649KSFRPS47B2GYM"
const AT = 1_795_565_992_000

const EXAMPLES: Readonly<Record<string, Example>> = {
  completeTask: {
    request: { reason: "The ticket is closed." },
    answer: { task: TASK, status: "completed", ended: [TASK] },
  },
  quarantineTask: {
    request: { reason: "It reads more than it should." },
    answer: { task: TASK, status: "quarantined", frozen: [TASK] },
  },
  clearLabels: {
    request: { labels: ["reads:confidential"], reason: "It has read a test record only." },
    answer: { task: TASK, cleared: ["reads:confidential"] },
  },
  answerCallApproval: { request: { approve: true, uses: 1, reason: "I know this payee." } },
  answerApproval: { request: { decision: "approve" }, answer: { task: TASK, decision: "approve" } },
  addRevocation: {
    request: { agent: AGENT, reason: "Its host is being rebuilt." },
    answer: {
      id: "swi_01M8816N3RZ5JWD8TQ2T9AS3V7",
      agent: AGENT,
      by: ALICE,
      reason: "Its host is being rebuilt.",
      at: AT,
      known: true,
      hits: { tools: null, recent: { tasks: 3, agents: 1, users: 2 } },
    },
  },
  reportRisk: {
    request: { user: ALICE, level: 60, half_life: 3600, reason: "A sign-in from an unknown place." },
    answer: { user: ALICE, level: 60, half_life: 3600 },
  },
  explain: { request: { bundle: "live", decision: DECISION } },
  compareArguments: { request: { arguments: { id: "T-1042" } }, answer: { decision: DECISION, same: true } },
  settleCall: { request: { task: TASK }, answer: { settled: true } },
  filterTools: {
    request: { jsonrpc: "2.0", id: 1, result: { tools: [{ name: "tickets.get", inputSchema: { type: "object" } }] } },
    answer: { jsonrpc: "2.0", id: 1, result: { tools: [{ name: "tickets.get", inputSchema: { type: "object" } }] } },
  },
  evaluate: {
    request: {
      subject: { type: "User", id: "alice" },
      action: { name: "read" },
      resource: { type: "Document", id: "42" },
    },
    answer: { decision: true },
  },
  token: {
    request: {
      grant_type: "urn:ietf:params:oauth:grant-type:token-exchange",
      client_assertion_type: "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
      client_assertion: "<JWT of the agent>",
      subject_token_type: "urn:ietf:params:oauth:token-type:access_token",
      subject_token: "<access token of the user>",
      purpose: "triage-ticket",
    },
    answer: {
      access_token: "<delegation token>",
      token_type: "Bearer",
      expires_in: 300,
      limited_by: "agent_life",
      task_expires_in: 1800,
      task_limited_by: "purpose_life",
      scope: "crm.tickets.get:read",
      task: TASK,
      purpose: "triage-ticket",
      issued_token_type: "urn:ietf:params:oauth:token-type:access_token",
    },
  },
  introspect: { request: { token: "<delegation token>" }, answer: { active: false } },
  revoke: { request: { token: "<delegation token>" } },
  ready: {
    request: null,
    answer: {
      status: "ready",
      bundle: { seq: 7, digest: "b94d27b9934d3e08a52e52d7da7dabfac484efe37a5380ee9088f7ace2efcde9" },
    },
  },
}

export function withExamples(paths: Paths): Paths {
  const left = new Set(Object.keys(EXAMPLES))
  const exemplified = (operation: Operation): Operation => {
    const example = EXAMPLES[operation.operationId]
    if (!example) return operation
    left.delete(operation.operationId)
    const { requestBody, responses } = operation
    const { "200": good } = responses
    return {
      ...operation,
      ...(requestBody && { requestBody: { ...requestBody, content: first(requestBody.content, example.request) } }),
      responses: {
        ...responses,
        ...(good?.content && { "200": { ...good, content: first(good.content, example.answer) } }),
      },
    }
  }
  const all = Object.fromEntries(
    Object.entries(paths).map(([path, methods]) => [
      path,
      Object.fromEntries(Object.entries(methods).map(([method, operation]) => [method, exemplified(operation)])),
    ]),
  )
  if (left.size > 0) throw new Error(`examples of no operation: ${[...left].join(", ")}`)
  return all
}

/** With the example in its first media type. */
function first(content: Content, example: unknown): Content {
  const [[type, media] = []] = Object.entries(content)
  return type === undefined || !media || example === undefined ? content : { ...content, [type]: { ...media, example } }
}
