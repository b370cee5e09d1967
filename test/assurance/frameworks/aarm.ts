import { INSTANCE_IS_SHARED, TOKEN_IS_STORED } from "../scenarios/credentials.ts"
import {
  DEPUTY_IS_CONFUSED,
  SUB_AGENT_GETS_MORE,
  SUB_AGENT_GOES_ON,
  SUB_AGENT_SENDS,
  SUB_AGENTS_MULTIPLY,
} from "../scenarios/delegation.ts"
import { TEST_REACHES_PRODUCTION } from "../scenarios/environments.ts"
import {
  CUSTOMER_DATA_LEAVES,
  OTHER_WORK_IS_DONE,
  PLAN_IS_LEFT,
  STRANGER_IS_WRITTEN_TO,
} from "../scenarios/injection.ts"
import { MEMORY_IS_POISONED, NEXT_TASK_SENDS } from "../scenarios/memory.ts"
import { LARGE_REFUND, MANY_REFUNDS, READER_WRITES } from "../scenarios/misuse.ts"
import { REVOKED_AGENT_GOES_ON } from "../scenarios/rogue.ts"
import { TOOL_IS_NEW } from "../scenarios/supply.ts"
import { APPROVAL_IS_USED_FOR_ANOTHER } from "../scenarios/trust.ts"
import type { Framework } from "./framework.ts"

export const AARM: Framework = {
  id: "aarm",
  title: "Autonomous Action Runtime Management (AARM)",
  version: "1.0, of February 2026",
  url: "https://aarm.dev/spec",
  note: "Narrowgate is tested against these requirements and threats. It is not AARM-conformant, and does not say so: R4, which is mandatory, is met in part, and so are others.",
  entries: [
    {
      id: "R1",
      title: "Pre-execution interception",
      words:
        "Each call is decided before it reaches the service, and no failure allows one. That holds for what passes a gateway: a call around it is not seen.",
      coverage: "answered",
      shownBy: [TOOL_IS_NEW],
      tests: [
        "test/promises/fail-closed.test.ts: the ledger does not answer in time",
        "test/node/dev/gateway.test.ts: a dead authorizer fails closed",
      ],
    },
    {
      id: "R2",
      title: "Context accumulation",
      words:
        "What a task and its tree have done counts when the next call is decided: labels of what was read, counts, sums, order. What is not in the catalog is denied, and each tool states how sensitive it is. The user's own words are not stored, only the purpose.",
      coverage: "limited",
      shownBy: [CUSTOMER_DATA_LEAVES, NEXT_TASK_SENDS, MANY_REFUNDS],
      tests: [
        "test/promises/chain-over-http.test.ts: what one branch has read, another may not send: the tree has one history",
      ],
    },
    {
      id: "R3",
      title: "Policy evaluation with intent alignment",
      words:
        "Rules, bounds on arguments and guardrails decide; the intent is what was declared, a purpose and its plan. Met in part: no intent is read from natural language, and what is ambiguous is denied, not deferred.",
      coverage: "limited",
      shownBy: [PLAN_IS_LEFT, OTHER_WORK_IS_DONE, STRANGER_IS_WRITTEN_TO],
    },
    {
      id: "R4",
      title: "Five authorization decisions",
      words:
        "Met in part. ALLOW, DENY and STEP_UP exist: a call that needs an approval is denied with the URL of its approval, and then made again. MODIFY and DEFER do not exist: no call is changed, and none waits; both take a proxy of our own, which there is not yet.",
      coverage: "limited",
      shownBy: [LARGE_REFUND, APPROVAL_IS_USED_FOR_ANOTHER],
    },
    {
      id: "R5",
      title: "Tamper-evident receipts",
      words:
        "Each decision has a record in a Merkle log and a signed receipt that is verified offline. Met in part: a receipt names no person, has a keyed hash instead of arguments, and says how a call ended only if the gateway reports it.",
      coverage: "limited",
      shownBy: [],
      tests: [
        "test/flow/receipts.test.ts: there is no receipt until a checkpoint covers the record; then it proves the record offline, and names no person",
        "test/core/proof/check-export.test.ts: records between two sections that are not there are named",
      ],
    },
    {
      id: "R6",
      title: "Identity binding",
      words:
        "A record has the person, the chain of agents, task, gateway and policies of a call; an identity that is unproven, revoked or expired is denied. A public client has proven only that it has the code or the refresh token of its task. A single instance of an agent is distinguished only if its tokens are bound to its key.",
      coverage: "limited",
      shownBy: [DEPUTY_IS_CONFUSED, INSTANCE_IS_SHARED, REVOKED_AGENT_GOES_ON],
      tests: [
        "test/promises/record-tells.test.ts: a chain is told from root to caller, with the agent that policy stopped",
      ],
    },
    {
      id: "R7",
      title: "Semantic distance tracking",
      words:
        "Not met. No model takes part in a decision, so nothing measures how far an action is from a request. The nearest there is: plans, sequences and guardrails against deviations, which are exact.",
      coverage: "outside",
      shownBy: [],
    },
    {
      id: "R8",
      title: "Telemetry export",
      words:
        "Records go to OpenTelemetry, OCSF, S3 and files as they arise, filtered by kind and log; what a sink does not take waits, as long as its log has room. Earlier ones are exported in batches.",
      coverage: "answered",
      shownBy: [],
      tests: [
        "test/collectors/collector.test.ts: OpenTelemetry's collector has every record, each once, with its place in the log",
        "test/collectors/collector.test.ts: OCSF's own schema finds nothing wrong with any event",
      ],
    },
    {
      id: "R9",
      title: "Least privilege enforcement",
      words:
        "A credential is issued when a task begins, for that task alone and for minutes, with no more than it requests. It is one for the task, not for each action; an upstream can have a Transaction Token for each.",
      coverage: "answered",
      shownBy: [READER_WRITES, TOKEN_IS_STORED],
      tests: [
        "test/flow/transaction-tokens.test.ts: is told of to the gateway that wants it: who, for whom, what, of which task, by which decision",
      ],
    },
    {
      id: "T1",
      title: "Prompt Injection",
      words:
        "Planted orders make the agent do what an attacker wants. The orders are not seen; calls outside grant, bounds and rules are denied.",
      coverage: "limited",
      shownBy: [OTHER_WORK_IS_DONE, STRANGER_IS_WRITTEN_TO],
    },
    {
      id: "T2",
      title: "Confused Deputy",
      words:
        "A user makes an agent do what they may not do themselves. Rules must permit the person and each agent of the chain.",
      coverage: "answered",
      shownBy: [DEPUTY_IS_CONFUSED],
    },
    {
      id: "T3",
      title: "Data Exfiltration",
      words:
        "What a task has read leaves by a permitted call. Labels stop it in the task, in its tree and, for an hour unless the catalog says otherwise, in the agent's next tasks. What the agent sends without a gateway is not seen, nor what is hidden in a call that is permitted.",
      coverage: "limited",
      shownBy: [CUSTOMER_DATA_LEAVES, SUB_AGENT_SENDS, NEXT_TASK_SENDS],
    },
    {
      id: "T4",
      title: "Goal Hijacking",
      words: "The goal is replaced during the work. The goal is not seen; calls of another kind of work are denied.",
      coverage: "limited",
      shownBy: [PLAN_IS_LEFT, OTHER_WORK_IS_DONE],
    },
    {
      id: "T5",
      title: "Memory Poisoning",
      words:
        "Stored state steers later decisions. A rule denies the writing of untrusted text into the memory, if the memory is a tool; its contents are not judged.",
      coverage: "limited",
      shownBy: [MEMORY_IS_POISONED, NEXT_TASK_SENDS],
    },
    {
      id: "T6",
      title: "Intent Drift",
      words:
        "Steps that are each permitted lead away from what was requested. Plans, numbers of calls, sums and the life of a task bound how far. Nothing measures the drift itself.",
      coverage: "limited",
      shownBy: [PLAN_IS_LEFT, SUB_AGENTS_MULTIPLY, MANY_REFUNDS],
    },
    {
      id: "T7",
      title: "Cross-Agent Propagation",
      words:
        "What is wrong in one agent spreads to others. Labels count in the whole tree, a sub-agent has no more than the agent above, and the end of the root ends all. Messages between agents are not seen.",
      coverage: "limited",
      shownBy: [SUB_AGENT_SENDS, SUB_AGENT_GETS_MORE, SUB_AGENT_GOES_ON],
    },
    {
      id: "T8",
      title: "Over-Privileged Credentials",
      words:
        "A credential opens more than the task needs. The person's session may do everything; the task's token may do what was requested.",
      coverage: "answered",
      shownBy: [READER_WRITES, OTHER_WORK_IS_DONE],
    },
    {
      id: "T9",
      title: "Side-Channel Leakage",
      words:
        "Information leaks by logs, errors or behaviour. No record, denial or receipt has what the catalog redacts, or a token, and a task that is not there is answered like that of another client. Differences in time are not levelled.",
      coverage: "limited",
      shownBy: [],
      tests: [
        "test/promises/record-keeps-secrets.test.ts: wherever an argument stands that the catalog redacts, its value is nowhere in the record",
        "test/flow/tasks.test.ts: nobody else, and what there is and what there is not look alike",
      ],
    },
    {
      id: "T10",
      title: "Environmental Manipulation",
      words:
        "The surroundings are falsified, so that right reasoning does harm. The environment of a call comes from the gateway's registration, not from the caller. A wrong fact in a service's answer is not seen.",
      coverage: "limited",
      shownBy: [TEST_REACHES_PRODUCTION],
    },
    {
      id: "T11",
      title: "Malicious Tool Output",
      words:
        "A tool's answer steers the next calls. Answers are not read; a task that has called a tool with the label of untrusted text may do less from then on.",
      coverage: "limited",
      shownBy: [MEMORY_IS_POISONED, CUSTOMER_DATA_LEAVES],
    },
  ],
}
