import { IDENTITY_IS_FORGED, INSTANCE_IS_SHARED, TOKEN_IS_STORED } from "../scenarios/credentials.ts"
import { CUSTOMERS_COPIED } from "../scenarios/data.ts"
import {
  DEPUTY_IS_CONFUSED,
  STRANGER_TAKES_OVER,
  SUB_AGENTS_MULTIPLY,
  SUB_AGENT_GETS_MORE,
  SUB_AGENT_SENDS,
} from "../scenarios/delegation.ts"
import {
  CUSTOMER_DATA_LEAVES,
  OTHER_WORK_IS_DONE,
  PLAN_IS_LEFT,
  STRANGER_IS_WRITTEN_TO,
} from "../scenarios/injection.ts"
import { MEMORY_IS_POISONED, NEXT_TASK_SENDS } from "../scenarios/memory.ts"
import {
  CODE_IS_RUN,
  LARGE_REFUND,
  MANY_REFUNDS,
  PATH_ESCAPES,
  READER_WRITES,
  SPLIT_REFUND,
} from "../scenarios/misuse.ts"
import { MODEL_FLOOD } from "../scenarios/models.ts"
import {
  AGENTS_MANAGE_NOTHING,
  APPROVAL_EXPIRES,
  APPROVAL_SHOWS_THE_CALL,
  APPROVED_BY_A_PERSON,
  EVERYTHING_REVOKED,
  QUARANTINED_WITH_NOTICE,
  REVOKED_AT_ONCE,
  RISK_COUNTS,
} from "../scenarios/oversight.ts"
import { DECISION_EXPLAINED, RECORDS_PROVEN, REDACTED_NOWHERE, SAME_VERDICT } from "../scenarios/records.ts"
import { REVOKED_AGENT_GOES_ON } from "../scenarios/rogue.ts"
import { TOOL_IS_CHANGED, TOOL_IS_NEW } from "../scenarios/supply.ts"
import {
  AGENT_APPROVES,
  APPROVAL_IS_USED_FOR_ANOTHER,
  PERSON_APPROVES_OWN,
  PERSON_WORKS_AS_AGENT,
} from "../scenarios/trust.ts"
import type { Framework } from "./framework.ts"
export const OWASP_AISVS: Framework = {
  id: "owasp-aisvs",
  title: "OWASP AISVS, chapter C9",
  version: "1.0 of 2026, whose ids do not move",
  url: "https://github.com/OWASP/AISVS/blob/main/1.0/en/0x10-C09-Orchestration-and-Agentic-Action.md",
  note: "All 34 requirements of C9 Orchestration & Agentic Security, with their levels; the requirements have ids and no titles, so the titles here are ours. Here answered means met, limited means met in part, and outside means not met: it is left to the agent's runtime or the tool's host. Cite as v1.0-C9.1.1; lists of the drafts have other requirements under the same numbers.",
  entries: [
    {
      id: "C9.1.1",
      title: "Level 1: quotas and time limits of each tool",
      words:
        "Calls, cost and calls in flight have limits for each tool. Processor, memory and time of execution are for the tool's host to limit.",
      coverage: "limited",
      shownBy: [MANY_REFUNDS, CUSTOMERS_COPIED],
    },
    {
      id: "C9.1.2",
      title: "Level 1: budgets of each execution",
      words:
        "The calls of a task and of all below it, the depth of delegation, money and whatever a call states can have budgets. Tokens of a model count only if a call states them.",
      coverage: "limited",
      shownBy: [MODEL_FLOOD, SUB_AGENTS_MULTIPLY, SPLIT_REFUND],
    },
    {
      id: "C9.1.3",
      title: "Level 2: one switch for all agents of a swarm",
      words:
        "One revocation denies the next call of every agent, and the end of a root task ends all below it. Calls that are in flight go on.",
      coverage: "answered",
      shownBy: [EVERYTHING_REVOKED, REVOKED_AT_ONCE],
    },
    {
      id: "C9.2.1",
      title: "Level 1: approval of high-impact actions",
      words: "A call that needs an approval, by a rule or a guardrail, is denied until an approver has approved it.",
      coverage: "answered",
      shownBy: [LARGE_REFUND, APPROVED_BY_A_PERSON, PERSON_APPROVES_OWN],
    },
    {
      id: "C9.2.2",
      title: "Level 2: the approval shows the complete parameters",
      words:
        "An approver sees every argument as it was sent. What the catalog redacts is withheld, and only its name is stated: such a parameter is approved unseen.",
      coverage: "limited",
      shownBy: [APPROVAL_SHOWS_THE_CALL, APPROVAL_IS_USED_FOR_ANOTHER],
    },
    {
      id: "C9.2.3",
      title: "Level 2: a trusted class of reversibility of each action",
      words:
        "The catalog gives each tool a class (read, write, execute), a sensitivity and labels, such as one for what cannot be undone; no caller changes them. There is no scale of reversibility of our own.",
      coverage: "limited",
      shownBy: [CODE_IS_RUN],
    },
    {
      id: "C9.2.4",
      title: "Level 2: the class is enforced",
      words: "Class, sensitivity and labels decide about each call: it is allowed, denied or needs an approval.",
      coverage: "answered",
      shownBy: [CODE_IS_RUN, CUSTOMER_DATA_LEAVES, READER_WRITES],
    },
    {
      id: "C9.2.5",
      title: "Level 2: an agent changes itself only within bounds",
      words:
        "What an agent may call stands in its grant, in its ceiling and in signed policies, none of which it can widen. Its prompt and its parameters are not seen.",
      coverage: "limited",
      shownBy: [SUB_AGENT_GETS_MORE, TOOL_IS_NEW, AGENTS_MANAGE_NOTHING],
    },
    {
      id: "C9.2.6",
      title: "Level 2: an AI review beside the deterministic gate",
      words:
        "Not met: there is no model in Narrowgate. A review of your own can report a risk, which rules read; the gate stays deterministic.",
      coverage: "outside",
      shownBy: [],
    },
    {
      id: "C9.2.7",
      title: "Level 2: that review withstands injection",
      words: "Not met, as there is no such review. The deterministic gate holds without it.",
      coverage: "outside",
      shownBy: [],
    },
    {
      id: "C9.2.8",
      title: "Level 3: approvals are bound cryptographically, for one use",
      words:
        "An approval is of one task, tool, method, path and environment and of the SHA-256 of the canonical arguments, and is used up in the same step that allows the call. It is a state of the ledger and no signed token with a nonce.",
      coverage: "limited",
      shownBy: [APPROVAL_IS_USED_FOR_ANOTHER, APPROVED_BY_A_PERSON],
    },
    {
      id: "C9.2.9",
      title: "Level 3: approvers are apart from the agent's runtime",
      words:
        "An agent's token, its identity and the session of an app cannot approve; people do, with credentials of another client.",
      coverage: "answered",
      shownBy: [AGENT_APPROVES, AGENTS_MANAGE_NOTHING],
    },
    {
      id: "C9.2.10",
      title: "Level 3: a chain needs the approval of its gravest step",
      words:
        "Labels and sequences of the whole tree raise what later calls need. A step that is still to come does not count, unless a plan states it.",
      coverage: "limited",
      shownBy: [SUB_AGENT_SENDS, PLAN_IS_LEFT],
    },
    {
      id: "C9.3.1",
      title: "Level 1: tools in a sandbox of least privilege",
      words: "Not met: it is for the tool's host. The decision is made apart from the model and the tool.",
      coverage: "outside",
      shownBy: [],
    },
    {
      id: "C9.3.2",
      title: "Level 1: tool outputs are checked against schemas",
      words: "Not met: answers of tools are not seen, except lists of tools. Arguments are checked.",
      coverage: "outside",
      shownBy: [],
    },
    {
      id: "C9.3.3",
      title: "Level 2: manifests declare privileges, limits and output checks",
      words:
        "The catalog declares the class, sensitivity, labels, cost and bounds of each tool. It declares no checks of outputs.",
      coverage: "limited",
      shownBy: [TOOL_IS_NEW, TOOL_IS_CHANGED],
    },
    {
      id: "C9.3.4",
      title: "Level 2: what manifests declare is enforced",
      words: "What the catalog declares is enforced for each call. What happens inside of the tool is not.",
      coverage: "limited",
      shownBy: [TOOL_IS_CHANGED, PATH_ESCAPES],
    },
    {
      id: "C9.3.5",
      title: "Level 2: what processes untrusted data calls no tools",
      words:
        "After a tool with a label for untrusted data, rules can deny what follows, also in other tasks of the agent. A part of the agent that never calls anything is not seen.",
      coverage: "limited",
      shownBy: [MEMORY_IS_POISONED, NEXT_TASK_SENDS],
    },
    {
      id: "C9.3.6",
      title: "Level 2: untrusted outputs are processed apart from operations",
      words: "Not met: it is the architecture of the agent. Labels limit the effect.",
      coverage: "outside",
      shownBy: [],
    },
    {
      id: "C9.3.7",
      title: "Level 2: resources that a model names are on an allow-list",
      words: "Tools are those of the catalog. Hosts, addresses, paths and values are bounded by grants.",
      coverage: "answered",
      shownBy: [STRANGER_IS_WRITTEN_TO, PATH_ESCAPES, TOOL_IS_NEW],
    },
    {
      id: "C9.3.8",
      title: "Level 3: a violation contains the tool",
      words:
        "A tool that changes is denied to all at once, and a task that violates policy is quarantined. A tool that misbehaves without changing is suspended by a person.",
      coverage: "limited",
      shownBy: [TOOL_IS_CHANGED, QUARANTINED_WITH_NOTICE, REVOKED_AT_ONCE],
    },
    {
      id: "C9.4.1",
      title: "Level 2: each agent instance has a cryptographic identity",
      words:
        "Each agent proves a cryptographic identity, except a public client (`authentication: none`, or one that registered itself), which only names itself. An instance has a key of its own if the agent's tokens are bound to keys, which is a setting (bound_key). Services see the agent and its chain in a Transaction Token.",
      coverage: "limited",
      shownBy: [IDENTITY_IS_FORGED, INSTANCE_IS_SHARED],
      tests: [
        "test/flow/transaction-tokens.test.ts: is told of to the gateway that wants it: who, for whom, what, of which task, by which decision",
      ],
    },
    {
      id: "C9.4.2",
      title: "Level 2: actions are tied to each step of the chain",
      words:
        "Record and receipt name the chain, each agent of it proven, and are signed by Narrowgate. The agent's own signature of a call (DPoP) is checked and not stored, so it is no evidence afterwards.",
      coverage: "limited",
      shownBy: [RECORDS_PROVEN, DECISION_EXPLAINED],
    },
    {
      id: "C9.4.3",
      title: "Level 3: credentials of agents rotate",
      words:
        "Delegation tokens live for minutes, and signing keys rotate by themselves. Keys of workloads are rotated by their platform, whose tokens are rejected if they live for too long.",
      coverage: "limited",
      shownBy: [TOKEN_IS_STORED],
      tests: [
        "test/flow/documents.test.ts: the JWK set holds public keys only, stable over restarts, and verifies what is issued",
      ],
    },
    {
      id: "C9.4.4",
      title: "Level 3: the agent's state is protected between calls",
      words: "Not met: the memory of an agent is its own. Narrowgate's records are protected by a tree of hashes.",
      coverage: "outside",
      shownBy: [],
    },
    {
      id: "C9.5.1",
      title: "Level 2: policies say which tools, with which values",
      words: "Grants, rules and guardrails decide about each tool and about the values of its arguments.",
      coverage: "answered",
      shownBy: [OTHER_WORK_IS_DONE, STRANGER_IS_WRITTEN_TO, LARGE_REFUND],
    },
    {
      id: "C9.5.2",
      title: "Level 2: the user's context is enforced at each call",
      words:
        "The delegation token has user, chain and scopes, and each call is decided for all of them. A service behind the gateway gets the context in a Transaction Token, and has to verify it itself.",
      coverage: "answered",
      shownBy: [DEPUTY_IS_CONFUSED, PERSON_WORKS_AS_AGENT],
      tests: [
        "test/flow/transaction-tokens.test.ts: of anywhere in a tree is one transaction, with the calling agent as workload",
      ],
    },
    {
      id: "C9.5.3",
      title: "Level 2: policy decides, and never the model",
      words: "Rules of Cedar, guardrails and grants decide. Text in a call changes nothing unless a rule reads it.",
      coverage: "answered",
      shownBy: [SAME_VERDICT],
    },
    {
      id: "C9.5.4",
      title: "Level 2: secrets are not in the model's context",
      words:
        "Agents need no credentials of services, which the gateway can add, and the agent's token is in no record and no denial. What the agent's program shows its model is not seen.",
      coverage: "limited",
      shownBy: [REDACTED_NOWHERE],
    },
    {
      id: "C9.5.5",
      title: "Level 2: delegation between agents by explicit policy",
      words: "An agent delegates to the agents that its entry names, as deep as that says, and never more than it has.",
      coverage: "answered",
      shownBy: [STRANGER_TAKES_OVER, SUB_AGENT_GETS_MORE],
    },
    {
      id: "C9.5.6",
      title: "Level 3: the current policy is evaluated at each action",
      words:
        "Each call of a task is decided by the live policies, revocations and risks, not by those of the time when the task began.",
      coverage: "answered",
      shownBy: [RISK_COUNTS, REVOKED_AT_ONCE],
      tests: ["test/flow/publishing.test.ts: decides from then on, the first one too; who, when and why are kept"],
    },
    {
      id: "C9.6.1",
      title: "Level 1: a kill switch halts inference and outputs",
      words:
        "Not met as it is written: the revocation of everything ends what agents do, that is their calls, and not what a model computes, unless the model is called through the gateway.",
      coverage: "outside",
      shownBy: [],
    },
    {
      id: "C9.6.2",
      title: "Level 2: an approval that does not come in time blocks the action",
      words: "An approval that is not given within its life can no longer be given, and the call stays denied.",
      coverage: "answered",
      shownBy: [APPROVAL_EXPIRES, LARGE_REFUND],
    },
    {
      id: "C9.6.3",
      title: "Level 3: kill commands by a channel apart from the agent",
      words:
        "Revocations are made at an API of their own with credentials of operators, and hold whatever the agent does.",
      coverage: "answered",
      shownBy: [EVERYTHING_REVOKED, REVOKED_AGENT_GOES_ON, AGENTS_MANAGE_NOTHING],
    },
  ],
}
