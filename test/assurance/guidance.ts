/** What guidance on agents demands of authorization, demand by demand, and what meets it here. */
import type { Entry } from "./frameworks/framework.ts"
import {
  IDENTITY_IS_FORGED,
  INSTANCE_IS_SHARED,
  PIPELINE_POSES_AS_ANOTHER,
  TASK_IS_COMPLETED,
  TOKEN_IS_COPIED,
  TOKEN_IS_STORED,
} from "./scenarios/credentials.ts"
import {
  DEPUTY_IS_CONFUSED,
  STRANGER_TAKES_OVER,
  SUB_AGENT_GETS_MORE,
  SUB_AGENT_GOES_ON,
  SUB_AGENT_SENDS,
} from "./scenarios/delegation.ts"
import { TEST_REACHES_PRODUCTION, TOKEN_SPANS_GATEWAYS } from "./scenarios/environments.ts"
import { CUSTOMER_DATA_LEAVES, OTHER_WORK_IS_DONE, PLAN_IS_LEFT } from "./scenarios/injection.ts"
import { MEMORY_IS_POISONED, NEXT_TASK_SENDS } from "./scenarios/memory.ts"
import { CODE_IS_RUN, READER_WRITES } from "./scenarios/misuse.ts"
import {
  AGENTS_MANAGE_NOTHING,
  APPROVAL_EXPIRES,
  APPROVAL_SHOWS_THE_CALL,
  APPROVED_BY_A_PERSON,
  EVERYTHING_REVOKED,
  REVOKED_AT_ONCE,
  RISK_COUNTS,
  ROLES_APART,
} from "./scenarios/oversight.ts"
import { TOOLS_ARE_PROBED, QUARANTINE_IS_LEFT, REVOKED_AGENT_GOES_ON } from "./scenarios/rogue.ts"
import { APPROVAL_IS_USED_FOR_ANOTHER } from "./scenarios/trust.ts"

export interface Demand extends Pick<Entry, "title" | "words" | "shownBy" | "tests"> {
  /** What falls short, as sentences. */
  readonly short: string
  /** Pages that say how: paths from docs/, with anchors, by their names. */
  readonly pages: Readonly<Record<string, string>>
}

export const DEMANDS: readonly Demand[] = [
  {
    title: "Short-lived credentials for each task",
    words:
      "An agent trades its identity and the session of its person for a token of one task. The token is valid for minutes and has the scopes that were requested, within what purpose, ceiling, parent and rules permit.",
    short:
      "The credential is for a task and not for a single call. A service behind the gateway can have a Transaction Token for each call, if its gateway passes one on.",
    pages: {
      "How a grant is narrowed": "guides/policies.md#how-a-grant-is-narrowed",
      "POST /oauth/token": "guides/http.md#post-oauthtoken",
    },
    shownBy: [TOKEN_IS_STORED, OTHER_WORK_IS_DONE],
    tests: ["test/flow/token-exchange.test.ts: renewals never outlive task and session"],
  },
  {
    title: "Each tool call is decided on live context",
    words:
      "The gateway has each call authorized. What decides is what holds at that moment: policies, revocations, risk, what the task and its tree have done, and the arguments of this call.",
    short:
      "A call that does not pass a gateway is not decided, and what a tool answers is not read. A revocation reaches every isolate before its request is answered; the end of one within two seconds.",
    pages: { "A call": "architecture.md#the-way-of-a-call", Guardrails: "guides/guardrails.md" },
    shownBy: [RISK_COUNTS, REVOKED_AT_ONCE, CUSTOMER_DATA_LEAVES],
    tests: ["test/flow/publishing.test.ts: decides from then on, the first one too; who, when and why are kept"],
  },
  {
    title: "Reading, writing and executing apart",
    words:
      "Each tool of the catalog has one of these classes, a scope names tool and class, and rules are written for each class.",
    short: "The class is what the catalog says. A tool that writes when it is called to read is not noticed.",
    pages: { "Tools of the catalog": "guides/policies.md#tools", Rules: "guides/policies.md#cedar" },
    shownBy: [READER_WRITES, CODE_IS_RUN],
  },
  {
    title: "Revoked on completion or deviation",
    words:
      "A task ends when its agent completes it, when its plan is finished, or when its life has ended; its tokens and all tasks below it end with it. A task that leaves its plan, changes its country or runs into many denials is quarantined or ends, as the policies say.",
    short:
      "An agent that does not complete its task has it until the end of its life, which the purpose states. A deviation that no plan and no guardrail describes is not seen.",
    pages: {
      "A plan": "guides/policies.md#a-plan",
      "What follows": "guides/guardrails.md#what-follows",
      "How authority ends": "concepts.md#how-authority-ends",
    },
    shownBy: [TASK_IS_COMPLETED, PLAN_IS_LEFT, TOOLS_ARE_PROBED, QUARANTINE_IS_LEFT],
    tests: ["test/flow/task-lives.test.ts: a finished plan ends the task, its subtree with it"],
  },
  {
    title: "Workload identity",
    words:
      "An agent proves who it is by a SPIFFE identity, a token of the platform that it runs on, or its own key. For such an agent, a claim without proof is rejected.",
    short:
      "A public client (`authentication: none`, or one that registered itself) only names itself: any program that a person starts and consents to can pose as it. A program that can use the private key or the platform's identity of an agent is that agent.",
    pages: {
      "Agent authentication": "guides/http.md#agent-authentication",
      Identities: "guides/policies.md#identities",
    },
    shownBy: [IDENTITY_IS_FORGED, PIPELINE_POSES_AS_ANOTHER],
    tests: [
      "test/credentials/agent-identity.test.ts: with the issuer, subject and claims of one registered agent proves it",
    ],
  },
  {
    title: "Approval, and delegation for a limited time",
    words:
      "A rule or a guardrail requires an approval of a call. Approvers see the call whole but for what the catalog redacts. They approve it for as many uses as they say and approvers.yaml allows (`uses`; one by default), and for as long as that file says. A sub-task has no more than the task above it, and no longer.",
    short:
      "A call that needs an approval is denied and made again: it does not wait. Arguments that the catalog redacts are approved unseen. An approver who approves the wrong call is not prevented from it.",
    pages: {
      Approvals: "guides/approvals.md",
      Consent: "guides/consent.md",
      "Sub-agents": "guides/agents.md#sub-agents",
    },
    shownBy: [
      APPROVED_BY_A_PERSON,
      APPROVAL_SHOWS_THE_CALL,
      APPROVAL_EXPIRES,
      APPROVAL_IS_USED_FOR_ANOTHER,
      SUB_AGENT_GETS_MORE,
    ],
    tests: [
      "test/promises/nobody-gains.test.ts: a child's life and that of its token never pass its parent's, the session's, nor the agent's",
    ],
  },
  {
    title: "No shared static credential",
    words:
      "No password and no shared key proves an agent, only signed assertions that expire. Tokens can be bound to a key of each instance, so that a copy is of no use.",
    short:
      "A public client (`authentication: none`, or one that registered itself) proves nothing: it has the task that a person consented to by a code with PKCE, and goes on by a refresh token, which is changed at each use and gives the task to every client that has it, unless it is bound to a key. Binding is a setting of the agent (bound_key) or a rule; without it a token is accepted from every client that has it, for its minutes and at its one audience. Gateways prove themselves by keys that do not expire.",
    pages: { "Bound calls": "guides/http.md#bound-calls-dpop", "Bound tasks": "guides/agents.md#bound-tasks" },
    shownBy: [TOKEN_IS_COPIED, INSTANCE_IS_SHARED, IDENTITY_IS_FORGED],
    tests: ["test/flow/token-exchange.test.ts: with a proof the token is bound, and opens nothing without it"],
  },
  {
    title: "No inheritance of the user's entitlements or session",
    words:
      "The session that an app passes to an agent is a token for Narrowgate: it is traded for a token of the task, is accepted for no tool behind a gateway and manages nothing. Rules have to permit the person and each agent of the chain, so that an agent has neither what only its person may do nor what only it may.",
    short:
      "A session that a service accepts by itself, past the gateway, still opens that service: give agents a token whose only audience is Narrowgate.",
    pages: {
      Concepts: "concepts.md#what-an-agent-works-with",
      "What a session gives": "guides/identity-providers/README.md#what-a-session-gives",
    },
    shownBy: [DEPUTY_IS_CONFUSED, OTHER_WORK_IS_DONE, AGENTS_MANAGE_NOTHING],
  },
  {
    title: "No long-lived token that spans tools and environments",
    words:
      "A token is for one audience, for the tools of its task and for the environments of its purpose, which the gateway states and not the caller.",
    short: "Tools behind one audience share the token of the task, each within its scopes.",
    pages: { Audience: "guides/http.md#audience", "gateways.yaml": "guides/policies.md#gatewaysyaml" },
    shownBy: [TOKEN_SPANS_GATEWAYS, TEST_REACHES_PRODUCTION, TOKEN_IS_STORED],
  },
  {
    title: "One agent's output becomes another's input without trust growing",
    words:
      "Labels of what was read count for the whole tree of tasks and go with the agents into their other tasks, for an hour or as the catalog says. A sub-agent never has more than the agent above it, and rules are evaluated for each agent of the chain.",
    short:
      "Labels say what was called, not what an answer contained. Two agents of one person that share no tree share no labels: deny that by a rule, or have the one delegate to the other.",
    pages: { Labels: "guides/policies.md#labels", "Whose calls count": "guides/guardrails.md#whose-calls-count" },
    shownBy: [SUB_AGENT_SENDS, NEXT_TASK_SENDS, MEMORY_IS_POISONED, SUB_AGENT_GETS_MORE, STRANGER_TAKES_OVER],
    tests: ["test/promises/history-not-laundered.test.ts: by the task above, if a sub-agent has read"],
  },
  {
    title: "Isolation, and points of revocation",
    words:
      "Each person has a ledger of their own, in which no agent can block another one. A token, a task with all below it, an agent, a person, all people of an identity provider, tools, a signing key and everything can be revoked, by people whose credentials no agent has.",
    short: "Isolation of processes, networks and memory is for the platform. Calls in flight go on.",
    pages: {
      Revocations: "guides/http.md#v1revocations",
      "Where it is kept": "concepts.md#where-it-is-kept",
      Signals: "guides/signals.md",
    },
    shownBy: [REVOKED_AT_ONCE, EVERYTHING_REVOKED, REVOKED_AGENT_GOES_ON, SUB_AGENT_GOES_ON, ROLES_APART],
    tests: [
      "test/flow/one-ledger.test.ts: has the trees of all their agents, and another person's has none of them",
      "test/promises/neighbours-not-starved.test.ts: an agent that calls without end is told to slow down, by name, and no other waits for it",
    ],
  },
  {
    title: "Overhead is kept low",
    words:
      "A call costs one request to one ledger; keys, policies and revocations are cached in the isolate. On one machine that is two to six milliseconds at the median.",
    short:
      "The figures are measured by a benchmark and asserted by no test. The way to the ledger's region comes on top.",
    pages: { "What asking adds": "guides/gateways/README.md#what-asking-adds", Costs: "reference/costs.md" },
    shownBy: [],
    tests: [
      "test/flow/tool-changed.test.ts: costs no question more: a warm isolate asks the switchboard for the lease alone",
    ],
  },
]
