import {
  IDENTITY_IS_FORGED,
  INSTANCE_IS_SHARED,
  PIPELINE_POSES_AS_ANOTHER,
  TOKEN_IS_COPIED,
} from "../scenarios/credentials.ts"
import { CUSTOMERS_COPIED, KNOWLEDGE_POISONED } from "../scenarios/data.ts"
import {
  DEPUTY_IS_CONFUSED,
  STRANGER_TAKES_OVER,
  SUB_AGENTS_MULTIPLY,
  SUB_AGENT_GETS_MORE,
  SUB_AGENT_SENDS,
} from "../scenarios/delegation.ts"
import { TEST_REACHES_PRODUCTION, TOKEN_SPANS_GATEWAYS } from "../scenarios/environments.ts"
import {
  CUSTOMER_DATA_LEAVES,
  OTHER_WORK_IS_DONE,
  PLAN_IS_LEFT,
  STRANGER_IS_WRITTEN_TO,
} from "../scenarios/injection.ts"
import { MEMORY_IS_POISONED, NEXT_TASK_SENDS } from "../scenarios/memory.ts"
import {
  CALLS_ARE_REPEATED,
  CODE_IS_RUN,
  LARGE_REFUND,
  MANY_REFUNDS,
  PATH_ESCAPES,
  READER_WRITES,
  SPLIT_REFUND,
} from "../scenarios/misuse.ts"
import { MODEL_FLOOD, OTHER_SPELLING } from "../scenarios/models.ts"
import {
  AGENTS_MANAGE_NOTHING,
  QUARANTINED_WITH_NOTICE,
  REVOKED_AT_ONCE,
  RISK_COUNTS,
  ROLES_APART,
} from "../scenarios/oversight.ts"
import {
  AGENTS_INVENTORIED,
  DECISION_EXPLAINED,
  DENIALS_COUNTED,
  PERSON_ERASED,
  RECORDS_PROVEN,
  REDACTED_NOWHERE,
  SAME_VERDICT,
} from "../scenarios/records.ts"
import { TOOLS_ARE_PROBED, REVOKED_AGENT_GOES_ON } from "../scenarios/rogue.ts"
import { TOOL_IS_CHANGED, TOOL_IS_NEW } from "../scenarios/supply.ts"
import { AGENT_APPROVES } from "../scenarios/trust.ts"
import type { Framework } from "./framework.ts"

export const MAESTRO: Framework = {
  id: "maestro",
  title: "CSA MAESTRO",
  version: "article of 2025-02-06, without a version",
  url: "https://cloudsecurityalliance.org/blog/2025/02/06/agentic-ai-threat-modeling-framework-maestro",
  note: "MAESTRO names its threats and gives them no ids. The ids here are ours: the layer, and the place of the threat in it; cite the name. Some reproductions of the article have a further threat in layer 2, Model Inversion/Extraction, which is outside here. Layers 1, 2 and 4 are mostly about models, stores and hosts, of which an authorizer sees the calls alone.",
  entries: [
    {
      id: "L1.1",
      title: "Adversarial Examples",
      words:
        "Input is made so that the model errs. The error is not seen; the call that comes of it is decided as any other, and is denied if it is outside the task's grant or the rules.",
      coverage: "limited",
      shownBy: [CUSTOMER_DATA_LEAVES, STRANGER_IS_WRITTEN_TO],
    },
    {
      id: "L1.2",
      title: "Model Stealing",
      words:
        "A model is copied by many queries. If the model is a tool behind the gateway, windows and budgets limit how much it answers. Slow copying within the limits is allowed.",
      coverage: "limited",
      shownBy: [MODEL_FLOOD],
    },
    {
      id: "L1.3",
      title: "Backdoor Attacks",
      words:
        "A trigger is hidden in the model. Nothing of that is seen; a call that the trigger causes is denied if it is outside grant and rules.",
      coverage: "limited",
      shownBy: [OTHER_WORK_IS_DONE, LARGE_REFUND],
    },
    {
      id: "L1.4",
      title: "Membership Inference Attacks",
      words:
        "An attacker finds out whose data has trained the model. It is about the model's answers, which an authorizer does not see. The limits of L1.2 remain.",
      coverage: "outside",
      shownBy: [],
    },
    {
      id: "L1.5",
      title: "Data Poisoning (Training Phase)",
      words: "Bad data goes into training. That is before any call; for its effect see L1.3.",
      coverage: "outside",
      shownBy: [],
    },
    {
      id: "L1.6",
      title: "Reprogramming Attacks",
      words:
        "A model is put to another use. A task is for one registered purpose: the tools of another one are not in its grant. Another use with the same tools is allowed, unless a plan states their order.",
      coverage: "limited",
      shownBy: [OTHER_WORK_IS_DONE, PLAN_IS_LEFT],
      tests: [
        "test/flow/task-lives.test.ts: a call out of order is a deviation, and freezes the task until an operator releases it",
      ],
    },
    {
      id: "L1.7",
      title: "Denial of Service (DoS) Attacks",
      words:
        "Costly queries exhaust the model. A budget of its tokens holds for all tasks of a person together, as long as the model is called through the gateway and the call states how much it may write.",
      coverage: "limited",
      shownBy: [MODEL_FLOOD],
    },
    {
      id: "L2.1",
      title: "Data Poisoning",
      words:
        "Data that agents believe is made bad. Writing to such a store can need a person, or be denied after untrusted reading. What is written from outside the gateway, or approved in error, is not seen.",
      coverage: "limited",
      shownBy: [KNOWLEDGE_POISONED, MEMORY_IS_POISONED],
    },
    {
      id: "L2.2",
      title: "Data Exfiltration",
      words:
        "Data is taken out. What an agent has read decides what it may send, in all of its tasks for this person and in those of its sub-agents, for an hour after it was read or as long as the catalog says, and in the same tree to its end. An agent that waits for longer sends it in a new task. Data that leaves without a call, as in the agent's own answer, is not seen.",
      coverage: "limited",
      shownBy: [CUSTOMER_DATA_LEAVES, NEXT_TASK_SENDS, SUB_AGENT_SENDS, STRANGER_IS_WRITTEN_TO],
    },
    {
      id: "L2.3",
      title: "Denial of Service on Data Infrastructure",
      words:
        "Stores are overloaded. Windows, budgets and limits of calls in flight hold before a store is reached; load from elsewhere is the store's.",
      coverage: "answered",
      shownBy: [CUSTOMERS_COPIED, CALLS_ARE_REPEATED],
      tests: ["test/flow/calls-under-way.test.ts: are no more at once than there may be, until one is settled"],
    },
    {
      id: "L2.4",
      title: "Data Tampering",
      words:
        "Data is changed at rest or on its way. An agent that may read may not therefore write. Changes beside the gateway are not seen, except of Narrowgate's own records, of which a changed line is named.",
      coverage: "limited",
      shownBy: [READER_WRITES, RECORDS_PROVEN],
    },
    {
      id: "L2.5",
      title: "Compromised RAG Pipelines",
      words:
        "What is retrieved was planted. Writing into the store is controlled, the tool that reads it is pinned, and its label restricts what may follow. The planted text itself is not seen.",
      coverage: "limited",
      shownBy: [KNOWLEDGE_POISONED, MEMORY_IS_POISONED, TOOL_IS_CHANGED],
      tests: [
        "test/flow/tool-changed.test.ts: is denied everywhere within a lease, and allowed again when the server goes back",
      ],
    },
    {
      id: "L3.1",
      title: "Compromised Framework Components",
      words:
        "A library of the agent's framework is bad. What it calls with the task's token is decided like every call of the task; a token that is bound to a key is of no use without the key. A library inside the agent's process may have both.",
      coverage: "limited",
      shownBy: [OTHER_WORK_IS_DONE, TOKEN_IS_COPIED],
      tests: ["test/flow/token-exchange.test.ts: with a proof the token is bound, and opens nothing without it"],
    },
    {
      id: "L3.2",
      title: "Backdoor Attacks",
      words: "A hidden entry in the framework makes calls of its own. They have the grant of the task, and no more.",
      coverage: "limited",
      shownBy: [PLAN_IS_LEFT, CUSTOMERS_COPIED],
    },
    {
      id: "L3.3",
      title: "Input Validation Attacks",
      words:
        "Input is read in two ways. A call that could be read in more than one way is denied: in its path, its body, the names of its arguments, its headers.",
      coverage: "answered",
      shownBy: [OTHER_SPELLING, PATH_ESCAPES],
      tests: [
        "test/gateway/paths.test.ts: what the URL says and what the gateway repeats must lead to one place",
        "test/gateway/argument-names.test.ts: and no spelling passes that some upstream takes for it",
      ],
    },
    {
      id: "L3.4",
      title: "Supply Chain Attacks",
      words:
        "A dependency of the framework is bad. See L3.1 for what runs in the agent; a tool of an MCP server that changes after its review is denied.",
      coverage: "limited",
      shownBy: [OTHER_WORK_IS_DONE, TOOL_IS_CHANGED],
      tests: ["test/flow/tool-changed.test.ts: is recorded with both hashes, and explained"],
    },
    {
      id: "L3.5",
      title: "Denial of Service on Framework APIs",
      words:
        "The framework's API is flooded. Narrowgate's own stays available: if an agent calls too fast, or opens too many tasks, that agent alone is denied. The framework's is not ours.",
      coverage: "limited",
      shownBy: [SUB_AGENTS_MULTIPLY],
      tests: [
        "test/promises/neighbours-not-starved.test.ts: tasks, another opens a task and calls; the first can again as one of its own ends",
      ],
    },
    {
      id: "L3.6",
      title: "Framework Evasion",
      words:
        "The agent goes round the controls of its framework. The decision is made outside of its process, at the gateway, by code that no prompt reaches. A service that can be reached without the gateway has to authorize by itself.",
      coverage: "answered",
      shownBy: [SAME_VERDICT, AGENTS_MANAGE_NOTHING],
    },
    {
      id: "L4.1",
      title: "Compromised Container Images",
      words:
        "Bad code is in the image. A workload gets a token only by an identity that is registered for it; bad code with that identity has what the identity has, and no more.",
      coverage: "limited",
      shownBy: [OTHER_WORK_IS_DONE, IDENTITY_IS_FORGED],
      tests: ["test/promises/default-deny.test.ts: unknown agent: one that is registered no more can call no more"],
    },
    {
      id: "L4.2",
      title: "Orchestration Attacks",
      words:
        "The orchestrator is taken over. Identities of another trust domain, or forged ones, open nothing. A true identity that it gives to a bad workload is not noticed; an operator can revoke it.",
      coverage: "limited",
      shownBy: [IDENTITY_IS_FORGED, PIPELINE_POSES_AS_ANOTHER, REVOKED_AT_ONCE],
      tests: ["test/credentials/spiffe-id.test.ts: the trust domain of a SPIFFE ID"],
    },
    {
      id: "L4.3",
      title: "Infrastructure-as-Code (IaC) Manipulation",
      words:
        "Deployment scripts are changed. Policies are live only with the signature of a publisher, and no older ones after newer ones; without them calls are denied. The scripts of others, and who holds the publisher's key, are outside.",
      coverage: "limited",
      shownBy: [],
      tests: [
        "test/flow/publishing.test.ts: under a number that was used, or a lower one; who asks is told which there is",
        "test/flow/bundle-store.test.ts: KV throws or hangs: as if nothing were there",
      ],
    },
    {
      id: "L4.4",
      title: "Denial of Service (DoS) Attacks",
      words:
        "Infrastructure is overloaded. If Narrowgate or a part of it is unavailable, calls are denied and never allowed: that is safe, and the work stops.",
      coverage: "limited",
      shownBy: [],
      tests: ["test/promises/fail-closed.test.ts: the ledger does not answer in time"],
    },
    {
      id: "L4.5",
      title: "Resource Hijacking",
      words:
        "Stolen computing is used for other ends. Budgets bound what calls cost. Computing without calls is not seen.",
      coverage: "limited",
      shownBy: [MODEL_FLOOD, CODE_IS_RUN],
    },
    {
      id: "L4.6",
      title: "Lateral Movement",
      words:
        "From one host to others. A token is for one audience and for the environments of its grant, and for no other gateway.",
      coverage: "answered",
      shownBy: [TOKEN_SPANS_GATEWAYS, TEST_REACHES_PRODUCTION],
      tests: [
        "test/promises/audience-as-consented.test.ts: a task's token is issued only for an audience that the task was opened for",
      ],
    },
    {
      id: "L5.1",
      title: "Manipulation of Evaluation Metrics",
      words:
        "Results of an evaluation are bent. Figures of Narrowgate come from its records, and no agent can report a risk or change one. Other evaluations are not ours.",
      coverage: "limited",
      shownBy: [AGENTS_MANAGE_NOTHING, DENIALS_COUNTED],
    },
    {
      id: "L5.2",
      title: "Compromised Observability Tools",
      words:
        "Monitoring is taken over. It cannot rewrite what was recorded without detection: each export, and what a sink has stored in the format of records, is verified by the public keys alone. That an operator looks away is not noticed.",
      coverage: "answered",
      shownBy: [RECORDS_PROVEN],
    },
    {
      id: "L5.3",
      title: "Denial of Service on Evaluation Infrastructure",
      words:
        "Evaluation is overloaded. If a sink is slow or unavailable, records wait; if they cannot wait any longer, calls of the classes that a sink names are denied rather than lost to it.",
      coverage: "answered",
      shownBy: [],
      tests: [
        "test/export/full-log.test.ts: calls of the class are denied once the log is nearly full, also after a crash, until the sink has caught up",
      ],
    },
    {
      id: "L5.4",
      title: "Evasion of Detection",
      words:
        "Acts are spread so that nothing alerts. Limits count for a person and an agent over all their tasks, so that small steps add up. What stays below every limit is not seen.",
      coverage: "limited",
      shownBy: [MANY_REFUNDS, SPLIT_REFUND, CUSTOMERS_COPIED, NEXT_TASK_SENDS],
    },
    {
      id: "L5.5",
      title: "Data Leakage through Observability",
      words:
        "Logs show what they should not. Redacted arguments and tokens are in no record, notice, denial or receipt. An argument that the catalog does not redact is in the record if a rule reads it.",
      coverage: "answered",
      shownBy: [REDACTED_NOWHERE],
    },
    {
      id: "L5.6",
      title: "Poisoning Observability Data",
      words:
        "False entries hide the truth. No client can have a record made in the name of another one, and lines that are added to an export are named.",
      coverage: "answered",
      shownBy: [RECORDS_PROVEN],
      tests: [
        "test/promises/no-record-in-anothers-name.test.ts: is recorded with the name that it claims, as a claim",
        "test/promises/dead-token-proves-nothing.test.ts: is not taken for its agent's, however many calls it makes, and crowds out none of theirs",
      ],
    },
    {
      id: "L6.1",
      title: "Security Agent Data Poisoning",
      words:
        "Bad data misleads agents that guard others. Narrowgate decides by no model. Risks come from operators and registered streams alone, about the subjects that the stream may name; a false report from one of them counts.",
      coverage: "limited",
      shownBy: [AGENTS_MANAGE_NOTHING, RISK_COUNTS],
    },
    {
      id: "L6.2",
      title: "Evasion of Security AI Agents",
      words:
        "A guarding agent is talked into seeing nothing. Here rules decide, and no text in a call changes which rule holds, unless the rule reads it.",
      coverage: "answered",
      shownBy: [SAME_VERDICT],
    },
    {
      id: "L6.3",
      title: "Compromised Security AI Agents",
      words:
        "A guarding agent is taken over. It is an agent like others: it ends no revocation, releases no task and approves nothing, unless an operator's credentials are given to it.",
      coverage: "answered",
      shownBy: [AGENTS_MANAGE_NOTHING, AGENT_APPROVES, ROLES_APART],
    },
    {
      id: "L6.4",
      title: "Regulatory Non-Compliance by AI Security Agents",
      words:
        "Rules on privacy are broken. A person can be erased, and what is redacted is not recorded. Which law holds, and what a guarding agent does besides, is outside.",
      coverage: "limited",
      shownBy: [PERSON_ERASED, REDACTED_NOWHERE],
    },
    {
      id: "L6.5",
      title: "Bias in Security AI Agents",
      words:
        "Some are treated unfairly. The same call for two people of the same groups has the same verdict, by a rule that the record names. A rule may be unfair.",
      coverage: "limited",
      shownBy: [SAME_VERDICT],
    },
    {
      id: "L6.6",
      title: "Lack of Explainability in Security AI Agents",
      words:
        "The reasons of a decision are unclear. Each decision names its rule or guardrail, and is explained from its record.",
      coverage: "answered",
      shownBy: [DECISION_EXPLAINED],
    },
    {
      id: "L6.7",
      title: "Model Extraction of AI Security Agents",
      words:
        "Their logic is learnt by queries. An agent gets a code and no evidence, and one that probes is quarantined. An agent that probes slowly learns the policies.",
      coverage: "limited",
      shownBy: [TOOLS_ARE_PROBED, QUARANTINED_WITH_NOTICE],
      tests: [
        "test/flow/comparisons.test.ts: is no oracle: after ten guesses at one record nobody is told more of it that day",
      ],
    },
    {
      id: "L7.1",
      title: "Compromised Agents",
      words:
        "Bad agents are among the good. One that is not registered gets no token, and a registered one is suspended from the next call on. Until then it has what its task has.",
      coverage: "limited",
      shownBy: [IDENTITY_IS_FORGED, REVOKED_AGENT_GOES_ON, QUARANTINED_WITH_NOTICE],
    },
    {
      id: "L7.2",
      title: "Agent Impersonation",
      words:
        "One agent poses as another. An agent proves a cryptographic identity, and claims alone prove nothing. A public client only names itself, so another program that its person starts and consents to can pose as it; the page says that it has proven nothing.",
      coverage: "limited",
      shownBy: [IDENTITY_IS_FORGED, PIPELINE_POSES_AS_ANOTHER],
      tests: ["test/credentials/attacks.test.ts: a token of each kind is offered at the doors of all the others"],
    },
    {
      id: "L7.3",
      title: "Agent Identity Attack",
      words:
        "The identity itself is attacked. An agent's own assertions and proofs are used once, tokens live for minutes, and agents and keys can be revoked. An attacker with the agent's private key is the agent until then.",
      coverage: "limited",
      shownBy: [TOKEN_IS_COPIED, INSTANCE_IS_SHARED, REVOKED_AGENT_GOES_ON],
      tests: [
        "test/credentials/dpop.test.ts: fresh for a minute, and remembered at least as long",
        "test/credentials/attacks.test.ts: single use under a race",
      ],
    },
    {
      id: "L7.4",
      title: "Agent Tool Misuse",
      words:
        "Tools are used to do harm. See ASI02: what policies state about arguments, numbers and order is decided. What no policy states is not denied.",
      coverage: "limited",
      shownBy: [LARGE_REFUND, MANY_REFUNDS, CODE_IS_RUN, PATH_ESCAPES],
    },
    {
      id: "L7.5",
      title: "Agent Goal Manipulation",
      words: "The goal is changed. See ASI01: goals are not seen, calls are.",
      coverage: "limited",
      shownBy: [CUSTOMER_DATA_LEAVES, PLAN_IS_LEFT],
    },
    {
      id: "L7.6",
      title: "Marketplace Manipulation",
      words:
        "Ratings and rankings are false. They are outside; an agent or a tool that is not registered has no authority here, however it is rated.",
      coverage: "outside",
      shownBy: [],
    },
    {
      id: "L7.7",
      title: "Integration Risks",
      words:
        "Parts do not fit together safely. At the seam between gateway and service, what could be read in two ways is denied. Flaws inside of services are theirs.",
      coverage: "limited",
      shownBy: [OTHER_SPELLING],
      tests: [
        "test/gateway/paths.test.ts: a request with a gateway's key gets a 2xx from the authorization paths only",
      ],
    },
    {
      id: "L7.8",
      title: "Horizontal/Vertical Solution Vulnerabilities",
      words:
        "Flaws of a trade or a function. Rules of a trade can be written as limits and approvals; which ones are needed is the company's to say.",
      coverage: "limited",
      shownBy: [LARGE_REFUND, SPLIT_REFUND],
    },
    {
      id: "L7.9",
      title: "Repudiation",
      words:
        "An agent denies what it did. A receipt names the agent and the call, and is verified by the public keys alone. It proves what Narrowgate decided; the agent's own signature of a call (DPoP) is checked and not stored. The record of a read may be lost in a crash, unless a sink says otherwise (full).",
      coverage: "limited",
      shownBy: [RECORDS_PROVEN],
    },
    {
      id: "L7.10",
      title: "Compromised Agent Registry",
      words:
        "The list of agents is altered. It is part of the signed policies, and every agent in it is listed with its owner. A client that registers itself has no more than its class.",
      coverage: "answered",
      shownBy: [AGENTS_INVENTORIED],
      tests: [
        "test/promises/registered-clients.test.ts: never exceeds its class, whatever it asks for",
        "test/flow/publishing.test.ts: is recorded, with the key that signed it; so is what was refused",
      ],
    },
    {
      id: "L7.11",
      title: "Malicious Agent Discovery",
      words:
        "Bad agents are put forward, good ones hidden. An agent delegates only to the agents that its entry names. How agents find each other is outside.",
      coverage: "limited",
      shownBy: [STRANGER_TAKES_OVER, TOOL_IS_NEW],
      tests: ["test/promises/nobody-gains.test.ts: depth and delegates are each giver's own word"],
    },
    {
      id: "L7.12",
      title: "Agent Pricing Model Manipulation",
      words:
        "Prices are abused. Sums of cost and of amounts have budgets over all tasks; prices themselves are outside.",
      coverage: "limited",
      shownBy: [MODEL_FLOOD, SPLIT_REFUND],
    },
    {
      id: "L7.13",
      title: "Inaccurate Agent Capability Description",
      words:
        "A description says what is not so. The catalog counts, and not what a tool says of itself; a description that changes is denied until it is reviewed. A description that was false from the beginning is for the reviewer.",
      coverage: "limited",
      shownBy: [TOOL_IS_CHANGED],
      tests: ["test/flow/tool-changed.test.ts: is recorded with both hashes, and explained"],
    },
    {
      id: "X.1",
      title: "Supply Chain Attacks",
      words:
        "A part that is bad in one layer harms others. Tools are pinned and policies are signed; a part that does harm under an unchanged description is not noticed.",
      coverage: "limited",
      shownBy: [TOOL_IS_CHANGED, TOOL_IS_NEW],
      tests: [
        "test/flow/tool-changed.test.ts: is denied everywhere within a lease, and allowed again when the server goes back",
      ],
    },
    {
      id: "X.2",
      title: "Lateral Movement",
      words:
        "From one layer into the next. A token that is tried at other tools, gateways and environments is denied each time, and a guardrail quarantines its task after some denials.",
      coverage: "answered",
      shownBy: [TOOLS_ARE_PROBED, TOKEN_SPANS_GATEWAYS, TEST_REACHES_PRODUCTION],
    },
    {
      id: "X.3",
      title: "Privilege Escalation",
      words:
        "Rights of one layer are used in another. A sub-agent has no more than the one above it, and neither has more than its person: every principal of the chain has to be permitted.",
      coverage: "answered",
      shownBy: [SUB_AGENT_GETS_MORE, DEPUTY_IS_CONFUSED, READER_WRITES],
      tests: [
        "test/promises/chain-over-http.test.ts: three hops down a call passes if and only if every level covers it and policy permits everyone",
      ],
    },
    {
      id: "X.4",
      title: "Data Leakage",
      words:
        "Data of one layer shows in another. Labels of what was read go with the agent, into other tasks and to sub-agents, for an hour unless the catalog says otherwise, and for a day at most. Two agents that share no tree share no labels.",
      coverage: "limited",
      shownBy: [NEXT_TASK_SENDS, SUB_AGENT_SENDS],
      tests: ["test/promises/history-not-laundered.test.ts: by the task above, if a sub-agent has read"],
    },
    {
      id: "X.5",
      title: "Goal Misalignment Cascades",
      words:
        "A wrong goal spreads from agent to agent. The goal is not seen; what spreads has the root's grant at most, and ends with the root.",
      coverage: "limited",
      shownBy: [SUB_AGENT_GETS_MORE, SUB_AGENTS_MULTIPLY, REVOKED_AT_ONCE],
      tests: ["test/promises/ended-is-ended.test.ts: whatever tree, exactly the task and those below it end"],
    },
  ],
}
