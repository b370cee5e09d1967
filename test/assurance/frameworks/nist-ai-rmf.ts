import { IDENTITY_IS_FORGED, PIPELINE_POSES_AS_ANOTHER, TOKEN_IS_COPIED } from "../scenarios/credentials.ts"
import { TEST_REACHES_PRODUCTION, TOKEN_SPANS_GATEWAYS } from "../scenarios/environments.ts"
import {
  CUSTOMER_DATA_LEAVES,
  OTHER_WORK_IS_DONE,
  PLAN_IS_LEFT,
  STRANGER_IS_WRITTEN_TO,
} from "../scenarios/injection.ts"
import { MEMORY_IS_POISONED, NEXT_TASK_SENDS } from "../scenarios/memory.ts"
import { CODE_IS_RUN, LARGE_REFUND, MANY_REFUNDS, READER_WRITES, SPLIT_REFUND } from "../scenarios/misuse.ts"
import { MODEL_FLOOD, OTHER_SPELLING } from "../scenarios/models.ts"
import {
  AGENTS_MANAGE_NOTHING,
  APPROVAL_EXPIRES,
  APPROVAL_SHOWS_THE_CALL,
  APPROVED_BY_A_PERSON,
  EVERYTHING_SUSPENDED,
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
import { DOORS_ARE_TRIED, QUARANTINE_IS_LEFT, STOPPED_AGENT_GOES_ON } from "../scenarios/rogue.ts"
import { TOOL_IS_CHANGED, TOOL_IS_NEW } from "../scenarios/supply.ts"
import { AGENT_APPROVES, PERSON_APPROVES_OWN, PERSON_WORKS_AS_AGENT } from "../scenarios/trust.ts"
import type { Framework } from "./framework.ts"
const NOTE =
  "No product meets this framework: it asks organizations for what they do. An entry says which evidence Narrowgate gives to an organization that does it: limited means that there is evidence for a part, outside that there is none. Titles of subcategories are sentences, which are put into our words here."

export const NIST_AI_RMF: Framework = {
  id: "nist-ai-rmf",
  title: "NIST AI Risk Management Framework",
  version: "1.0 of January 2023, NIST AI 100-1",
  url: "https://nvlpubs.nist.gov/nistpubs/ai/NIST.AI.100-1.pdf",
  note: NOTE,
  entries: [
    {
      id: "GOVERN 1.2",
      title: "Policies contain what makes AI trustworthy",
      words: "A written policy decides each call, and the record names the rule and the digest of the policies.",
      reach: "limited",
      shownBy: [DECISION_EXPLAINED, CUSTOMER_DATA_LEAVES],
    },
    {
      id: "GOVERN 1.3",
      title: "How much risk is handled follows from the tolerance",
      words: "Sensitivity, class and risk of a call decide whether it is allowed, left to people or denied.",
      reach: "limited",
      shownBy: [RISK_COUNTS, LARGE_REFUND],
    },
    {
      id: "GOVERN 1.4",
      title: "The process and its results are set by open policies",
      words: "Bundles of policies are signed, have a history, and can be looked at in the bytes that were signed.",
      reach: "limited",
      shownBy: [DECISION_EXPLAINED],
      tests: ["test/flow/publishing.test.ts: can be looked at by operators, in the bytes that were signed"],
    },
    {
      id: "GOVERN 1.5",
      title: "Monitoring and review are planned",
      words:
        "Records and rates are there to be reviewed, by people with the role for it. How often is the organization's to say.",
      reach: "limited",
      shownBy: [DENIALS_COUNTED, ROLES_APART],
    },
    {
      id: "GOVERN 1.6",
      title: "AI systems are inventoried",
      words:
        "Agents are listed with owner, purposes and last use, and no other agent works through the gateway. Systems that call nothing through it are in no list.",
      reach: "limited",
      shownBy: [AGENTS_INVENTORIED, IDENTITY_IS_FORGED],
      tests: ["test/promises/default-deny.test.ts: unknown agent: one that is registered no more can call no more"],
    },
    {
      id: "GOVERN 1.7",
      title: "Systems are phased out safely",
      words: "An agent that is suspended gets no token, its tasks end, and its records stay and are proven.",
      reach: "limited",
      shownBy: [STOPPED_AGENT_GOES_ON, REVOKED_AT_ONCE, RECORDS_PROVEN],
    },
    {
      id: "GOVERN 2.1",
      title: "Roles and lines of communication are clear",
      words: "Operators, approvers and owners are written down, and whoever lacks a role is denied.",
      reach: "limited",
      shownBy: [ROLES_APART, AGENTS_INVENTORIED],
    },
    {
      id: "GOVERN 2.3",
      title: "Leadership answers for decisions on risk",
      words: "Publications and approvals bear the name of a person. Who leads is outside.",
      reach: "limited",
      shownBy: [APPROVED_BY_A_PERSON],
      tests: ["test/flow/publishing.test.ts: is recorded, with the key that signed it; so is what was refused"],
    },
    {
      id: "GOVERN 3.2",
      title: "Roles of people and of AI are told apart",
      words:
        "Agents approve of nothing and manage nothing, and the person of a task does not approve of its calls unless the policies say so.",
      reach: "limited",
      shownBy: [AGENTS_MANAGE_NOTHING, AGENT_APPROVES, PERSON_APPROVES_OWN],
    },
    {
      id: "GOVERN 4.3",
      title: "Testing, incidents and sharing of information",
      words:
        "Policies have tests of their own, a candidate is tried without effect, incidents go to receivers, records are exported.",
      reach: "limited",
      shownBy: [QUARANTINED_WITH_NOTICE, RECORDS_PROVEN],
      tests: [
        "test/promises/candidate-changes-nothing.test.ts: changes no decision and no state, whatever it would have said",
      ],
    },
    {
      id: "GOVERN 6.1",
      title: "Policies cover third parties",
      words:
        "Tools of others are in the catalog with class and sensitivity, and pinned; clients that register themselves have a ceiling.",
      reach: "limited",
      shownBy: [TOOL_IS_CHANGED, TOOL_IS_NEW],
      tests: ["test/promises/registered-clients.test.ts: never exceeds its class, whatever it asks for"],
    },
    {
      id: "GOVERN 6.2",
      title: "Failing third parties are planned for",
      words:
        "Tools of a server are suspended by one request, and if keys or sinks are out of reach, calls are denied rather than allowed.",
      reach: "limited",
      shownBy: [REVOKED_AT_ONCE],
      tests: [
        "test/export/full-log.test.ts: calls of the class are denied once the log is nearly full, also after a crash, until the sink has caught up",
      ],
    },
    {
      id: "MAP 1.1",
      title: "Purpose and setting are understood and written down",
      words: "Each task has a registered purpose, which stands in each of its records and decides what it may call.",
      reach: "limited",
      shownBy: [OTHER_WORK_IS_DONE, DECISION_EXPLAINED],
    },
    {
      id: "MAP 1.5",
      title: "Risk tolerances are set",
      words: "Limits are numbers: what exceeds one is denied.",
      reach: "limited",
      shownBy: [SPLIT_REFUND, MANY_REFUNDS, MODEL_FLOOD],
    },
    {
      id: "MAP 2.1",
      title: "The tasks of the system are defined",
      words: "A purpose can have a plan, which is the order of its calls; what leaves it is denied.",
      reach: "limited",
      shownBy: [PLAN_IS_LEFT],
    },
    {
      id: "MAP 2.2",
      title: "It is documented how people oversee it",
      words: "Who approves sees the call, the rule and the chain.",
      reach: "limited",
      shownBy: [APPROVAL_SHOWS_THE_CALL],
    },
    {
      id: "MAP 3.3",
      title: "The scope of use is specified",
      words: "The grant is the scope, and a call outside of it is denied.",
      reach: "limited",
      shownBy: [OTHER_WORK_IS_DONE, READER_WRITES, STRANGER_IS_WRITTEN_TO],
    },
    {
      id: "MAP 3.5",
      title: "Human oversight is defined",
      words: "An approval that is pending, granted, used up or expired has an outcome of its own, with a record.",
      reach: "limited",
      shownBy: [APPROVED_BY_A_PERSON, APPROVAL_EXPIRES],
    },
    {
      id: "MAP 4.1",
      title: "Risks of components are mapped",
      words: "Each tool has class, sensitivity and labels, and what is not in the catalog is denied.",
      reach: "limited",
      shownBy: [TOOL_IS_NEW, CODE_IS_RUN],
    },
    {
      id: "MAP 4.2",
      title: "Controls of components are documented",
      words: "The rules that decided are shown with their text, and these pages name the controls.",
      reach: "limited",
      shownBy: [DECISION_EXPLAINED],
    },
    {
      id: "MAP 5.1",
      title: "Likelihood and size of impacts",
      words:
        "A gateway can observe without denying, and what would have been denied is recorded. Impact on people is outside.",
      reach: "limited",
      shownBy: [],
      tests: ["test/flow/shadow.test.ts: that would refuse what is allowed refuses nothing, and is told of"],
    },
    {
      id: "MEASURE 1.1",
      title: "Metrics are chosen, and what cannot be measured is said",
      words: "Denials are counted by code, gateway and tool. These pages say of each entry what is outside.",
      reach: "limited",
      shownBy: [DENIALS_COUNTED],
      tests: [
        "test/api/metrics.test.ts: are those of the calls, by code, gateway and tool; made-up tools make no series",
      ],
    },
    {
      id: "MEASURE 2.4",
      title: "Behaviour is monitored in production",
      words: "Each decision is recorded, and sent to the sinks of the organization.",
      reach: "limited",
      shownBy: [DENIALS_COUNTED],
      tests: [
        "test/export/exporter.test.ts: records reach a sink in their order, in batches as long as it says, and none twice",
      ],
    },
    {
      id: "MEASURE 2.6",
      title: "The system fails safely",
      words:
        "If a part is out of reach, calls are denied and nothing is forwarded. The safety of the model is outside.",
      reach: "limited",
      shownBy: [],
      tests: [
        "test/promises/fail-closed.test.ts: the ledger throws",
        "test/promises/fail-closed.test.ts: the ledger does not answer in time",
        "test/flow/switches.test.ts: that cannot be asked about lets nobody through",
      ],
    },
    {
      id: "MEASURE 2.7",
      title: "Security and resilience are evaluated",
      words: "These tests, fuzzing, and mutation of rules can be repeated by anybody.",
      reach: "limited",
      shownBy: [CUSTOMER_DATA_LEAVES, TOKEN_IS_COPIED, DOORS_ARE_TRIED],
    },
    {
      id: "MEASURE 2.8",
      title: "Transparency and accountability",
      words: "Each decision has a record, a receipt and a proof, with the chain of agents and the person.",
      reach: "limited",
      shownBy: [RECORDS_PROVEN, DECISION_EXPLAINED, PERSON_WORKS_AS_AGENT],
    },
    {
      id: "MEASURE 2.9",
      title: "The model is explained",
      words: "Decisions are explained. The model is not, and its output is not seen.",
      reach: "limited",
      shownBy: [DECISION_EXPLAINED],
    },
    {
      id: "MEASURE 2.10",
      title: "Privacy is examined",
      words:
        "What is redacted is recorded nowhere, and a person can be erased while proofs hold. Privacy of training data is outside.",
      reach: "limited",
      shownBy: [REDACTED_NOWHERE, PERSON_ERASED],
    },
    {
      id: "MEASURE 2.13",
      title: "It is checked whether tests and metrics work",
      words:
        "Each scenario is seen to succeed once its control is taken out, and tests of policies are tried on broken rules.",
      reach: "limited",
      shownBy: [LARGE_REFUND],
      tests: ["test/node/cli/test-command.test.ts: lists broken rules that no test notices"],
    },
    {
      id: "MEASURE 3.1",
      title: "Known and new risks are tracked",
      words: "Denials are counted over time, storms of them end in quarantine, and drift of tools is detected.",
      reach: "limited",
      shownBy: [DENIALS_COUNTED, QUARANTINED_WITH_NOTICE, TOOL_IS_CHANGED],
    },
    {
      id: "MEASURE 3.3",
      title: "People report and appeal",
      words:
        "A denial can name what would lift it, and a decision is explained. Reports of those concerned are outside.",
      reach: "limited",
      shownBy: [DECISION_EXPLAINED, APPROVED_BY_A_PERSON],
    },
    {
      id: "MEASURE 4.3",
      title: "Improvement or decline is recorded",
      words:
        "Other policies are tried on recorded calls, and a candidate on live ones, so that the difference is known before.",
      reach: "limited",
      shownBy: [],
      tests: [
        "test/node/replay/replay.test.ts: as it did, under the bundle that decided it",
        "test/flow/shadow.test.ts: that would refuse what is allowed refuses nothing, and is told of",
      ],
    },
    {
      id: "MANAGE 1.3",
      title: "Responses to high risks are planned",
      words: "A rule or a guardrail states what follows: denial, approval, quarantine, or the end of the task.",
      reach: "limited",
      shownBy: [LARGE_REFUND, QUARANTINED_WITH_NOTICE, RISK_COUNTS],
    },
    {
      id: "MANAGE 1.4",
      title: "Residual risks are documented",
      words:
        "Each entry of these pages says what is left. The residual risks of the organization's systems are its own to document.",
      reach: "limited",
      shownBy: [],
      tests: [
        "test/node/frameworks.test.ts: each entry that is not outside is shown by an attack or by a test, and each id occurs once",
      ],
    },
    {
      id: "MANAGE 2.3",
      title: "Risks that were not known before",
      words: "Tools, agents, people or everything are suspended without new policies.",
      reach: "limited",
      shownBy: [EVERYTHING_SUSPENDED, REVOKED_AT_ONCE],
    },
    {
      id: "MANAGE 2.4",
      title: "Somebody can override, disengage or deactivate",
      words: "Operators revoke, quarantine, release and suspend; it holds from the next call on.",
      reach: "limited",
      shownBy: [EVERYTHING_SUSPENDED, REVOKED_AT_ONCE, QUARANTINED_WITH_NOTICE],
      tests: [
        "test/flow/switches.test.ts: of a thousand calls that race with it none that began after its acknowledgement succeeds",
      ],
    },
    {
      id: "MANAGE 3.1",
      title: "Third parties are monitored",
      words: "Tools of MCP servers are compared with what was reviewed, and a changed one is denied.",
      reach: "limited",
      shownBy: [TOOL_IS_CHANGED],
      tests: ["test/probe/probe.test.ts: that changes a tool, and changes it back"],
    },
    {
      id: "MANAGE 4.1",
      title: "Monitoring after deployment",
      words:
        "Records, appeal by approval, override by switches, events of identity providers, and change by signed policies are there.",
      reach: "limited",
      shownBy: [REVOKED_AT_ONCE, RECORDS_PROVEN, APPROVED_BY_A_PERSON],
      tests: [
        "test/flow/signals.test.ts: ends the user's tasks and those below them on the next call, and no other's; a new session works",
      ],
    },
    {
      id: "MANAGE 4.2",
      title: "Improvement is part of updates",
      words: "Narrower policies are suggested from what was used, and tried before they are live.",
      reach: "limited",
      shownBy: [],
      tests: [
        "test/node/suggest/suggestion.test.ts: the scopes cover exactly what was used, and none of them can be left out",
      ],
    },
    {
      id: "MANAGE 4.3",
      title: "Incidents are communicated and recovered from",
      words:
        "A quarantine and a revocation are sent to receivers; an operator releases; records are exported and verified.",
      reach: "limited",
      shownBy: [QUARANTINED_WITH_NOTICE, RECORDS_PROVEN],
    },
    {
      id: "GOVERN, others",
      title: "1.1, 2.2, 3.1, 4.1, 4.2, 5.1, 5.2",
      words:
        "Law, training, diversity, culture and engagement of those concerned: duties of an organization of which an authorizer sees nothing.",
      reach: "outside",
      shownBy: [],
    },
    {
      id: "MAP, others",
      title: "1.2, 1.3, 1.4, 1.6, 2.3, 3.1, 3.2, 3.4, 5.2",
      words:
        "Teams, goals, value, requirements, scientific integrity, benefits, costs, skills and feedback are outside.",
      reach: "outside",
      shownBy: [],
    },
    {
      id: "MEASURE, others",
      title: "1.2, 1.3, 2.1, 2.2, 2.3, 2.5, 2.11, 2.12, 3.2, 4.1, 4.2",
      words:
        "Assessment by others, evaluation of the model, its validity, fairness and environmental impact are outside.",
      reach: "outside",
      shownBy: [],
    },
    {
      id: "MANAGE, others",
      title: "1.1, 1.2, 2.1, 2.2, 3.2",
      words: "Whether to go on, which risks come first, resources, value and pre-trained models are outside.",
      reach: "outside",
      shownBy: [],
    },
  ],
}

/** Of the profile's suggested actions, those that are about what an authorizer does. */
export const NIST_AI_600_1: Framework = {
  id: "nist-ai-600-1",
  title: "NIST Generative AI Profile",
  version: "final, of July 2024, NIST AI 600-1",
  url: "https://nvlpubs.nist.gov/nistpubs/ai/NIST.AI.600-1.pdf",
  note: `${NOTE} Of the profile's suggested actions, these are the ones that an authorizer gives evidence for; all others are outside. The draft of April 2024 has the same ids with other texts.`,
  entries: [
    {
      id: "GV-1.2-002",
      title: "Evaluate risky capabilities and safeguards",
      words:
        "The safeguards are tested before and can be tested in use: anybody can repeat this suite. The capabilities of a model are outside.",
      reach: "limited",
      shownBy: [CUSTOMER_DATA_LEAVES, LARGE_REFUND],
    },
    {
      id: "GV-1.3-002",
      title: "Minimum thresholds before deployment",
      words: "Policies that do not check, or whose tests fail, are not published.",
      reach: "limited",
      shownBy: [],
      tests: [
        "test/node/cli/publish.test.ts: of a directory that does not check changes nothing",
        "test/node/cli/publish.test.ts: of rules that do not decide as their tests say changes nothing, unless one says so",
      ],
    },
    {
      id: "GV-1.3-007",
      title: "A plan to halt use",
      words: "One switch denies everything from the next call on.",
      reach: "limited",
      shownBy: [EVERYTHING_SUSPENDED],
    },
    {
      id: "GV-1.4-002",
      title: "Rules of acceptable use",
      words: "What is forbidden is denied, with the message of the rule.",
      reach: "limited",
      shownBy: [CUSTOMER_DATA_LEAVES, OTHER_WORK_IS_DONE],
    },
    {
      id: "GV-1.5-002",
      title: "After-action review",
      words: "Each decision of a task is explained from its record.",
      reach: "limited",
      shownBy: [DECISION_EXPLAINED, RECORDS_PROVEN],
    },
    {
      id: "GV-1.5-003",
      title: "History of tests and of transparency",
      words: "Records are exported with proofs. Results of tests are for the organization to store.",
      reach: "limited",
      shownBy: [RECORDS_PROVEN],
    },
    {
      id: "GV-1.6-001",
      title: "Systems in the inventory",
      words: "Agents are listed, and one that is not registered gets no token.",
      reach: "limited",
      shownBy: [AGENTS_INVENTORIED, IDENTITY_IS_FORGED],
    },
    {
      id: "GV-1.6-003",
      title: "What the inventory says",
      words:
        "Owner, groups, purposes, identities and delegations of an agent. Models and where they come from are not in it.",
      reach: "limited",
      shownBy: [AGENTS_INVENTORIED],
    },
    {
      id: "GV-1.7-001",
      title: "Deactivation",
      words: "A revocation holds from the next call on.",
      reach: "limited",
      shownBy: [REVOKED_AT_ONCE, STOPPED_AGENT_GOES_ON],
    },
    {
      id: "GV-1.7-002",
      title: "What decommissioning heeds",
      words:
        "Records remain and are proven; a preview says what a switch would affect. Other data of the system is outside.",
      reach: "limited",
      shownBy: [RECORDS_PROVEN, REVOKED_AT_ONCE],
      tests: ["test/api/revocation-targets.test.ts: is shown on the page before and after"],
    },
    {
      id: "GV-2.1-001",
      title: "Communication of incidents",
      words: "Receivers get a notice, and each agent has an owner.",
      reach: "limited",
      shownBy: [QUARANTINED_WITH_NOTICE, AGENTS_INVENTORIED],
    },
    {
      id: "GV-3.2-002",
      title: "Roles for incidents and for access to tools",
      words: "Roles of operators and approvers by name are enforced.",
      reach: "limited",
      shownBy: [ROLES_APART, APPROVED_BY_A_PERSON],
    },
    {
      id: "GV-3.2-003",
      title: "Acceptable use for each setting",
      words: "Purposes state what an agent may do, and the rest is denied.",
      reach: "limited",
      shownBy: [OTHER_WORK_IS_DONE, PLAN_IS_LEFT],
    },
    {
      id: "GV-4.2-003",
      title: "Impacts of plugins of others",
      words: "Tools of others have a sensitivity and labels, and need them to be called.",
      reach: "limited",
      shownBy: [TOOL_IS_NEW, TOOL_IS_CHANGED],
    },
    {
      id: "GV-4.3-002",
      title: "Contents of an incident report",
      words: "A record has id, time, agent, person, call, outcome and reason.",
      reach: "limited",
      shownBy: [DECISION_EXPLAINED],
    },
    {
      id: "GV-6.1-005",
      title: "Changes at suppliers",
      words: "A tool that its server describes otherwise is denied until it is reviewed.",
      reach: "limited",
      shownBy: [TOOL_IS_CHANGED],
    },
    {
      id: "GV-6.1-007",
      title: "Third parties with access",
      words: "Tools and clients are listed, and no other tool is called.",
      reach: "limited",
      shownBy: [TOOL_IS_NEW],
      tests: ["test/promises/registered-clients.test.ts: cannot, unless the class is there, and the metadata says so"],
    },
    {
      id: "GV-6.1-009",
      title: "Embedded tools and alerts",
      words:
        "A tool that its server describes otherwise is found when the server lists it. Due diligence itself is outside.",
      reach: "limited",
      shownBy: [TOOL_IS_CHANGED],
    },
    {
      id: "GV-6.2-003",
      title: "Incident plans for technology of others",
      words: "All tools of a server are suspended by one pattern.",
      reach: "limited",
      shownBy: [REVOKED_AT_ONCE],
    },
    {
      id: "GV-6.2-004",
      title: "Monitoring of systems of others",
      words: "Records tell of each call to them.",
      reach: "limited",
      shownBy: [DENIALS_COUNTED],
      tests: ["test/probe/probe.test.ts: that changes a tool, and changes it back"],
    },
    {
      id: "GV-6.2-006",
      title: "Fallback, by hand too",
      words: "A call that cannot be decided is denied with what to do, and people can approve of single calls.",
      reach: "limited",
      shownBy: [APPROVED_BY_A_PERSON],
      tests: ["test/promises/fail-closed.test.ts: the ledger throws"],
    },
    {
      id: "MP-1.1-003",
      title: "Foreseeable misuse",
      words: "These scenarios are cases of misuse; those of a trade are to be added by it.",
      reach: "limited",
      shownBy: [LARGE_REFUND, CODE_IS_RUN],
    },
    {
      id: "MP-2.2-001",
      title: "Reliance on upstream data",
      words: "Labels of tools say what was read, and stand in the record.",
      reach: "limited",
      shownBy: [DECISION_EXPLAINED, MEMORY_IS_POISONED],
    },
    {
      id: "MP-2.2-002",
      title: "External networks",
      words: "Recipients, hosts and addresses are bounded, and each outgoing call through the gateway is recorded.",
      reach: "limited",
      shownBy: [STRANGER_IS_WRITTEN_TO],
    },
    {
      id: "MP-2.3-005",
      title: "Regular adversarial testing",
      words: "This suite runs with each change of Narrowgate.",
      reach: "limited",
      shownBy: [CUSTOMER_DATA_LEAVES, DOORS_ARE_TRIED],
    },
    {
      id: "MP-4.1-001",
      title: "Exposure of personal data",
      words: "What follows on reading personal data is restricted, and arguments are redacted. Answers are not read.",
      reach: "limited",
      shownBy: [CUSTOMER_DATA_LEAVES, REDACTED_NOWHERE],
    },
    {
      id: "MP-4.1-003",
      title: "Existing governance of IT",
      words:
        "Identities come from the providers of the organization, records go to its sinks, and its security events are obeyed.",
      reach: "limited",
      shownBy: [PIPELINE_POSES_AS_ANOTHER],
      tests: [
        "test/flow/signals.test.ts: ends the user's tasks and those below them on the next call, and no other's; a new session works",
      ],
    },
    {
      id: "MP-4.1-008",
      title: "Use in a new domain",
      words:
        "A tool outside the plan or an environment outside the grant is denied. A new subject of conversation is not seen.",
      reach: "limited",
      shownBy: [PLAN_IS_LEFT, TEST_REACHES_PRODUCTION],
    },
    {
      id: "MP-5.1-005",
      title: "Red-teaming and faults",
      words: "Faults are injected, and calls are denied.",
      reach: "limited",
      shownBy: [],
      tests: [
        "test/promises/fail-closed.test.ts: an allow that cannot be written down is no allow, and is not counted",
        "test/promises/any-step.test.ts: whatever step the objects die at, limits hold, what was allowed is recorded once, and what ended stays ended",
      ],
    },
    {
      id: "MP-5.1-006",
      title: "Threats and weaknesses",
      words: "These pages say for each threat what is left.",
      reach: "limited",
      shownBy: [SAME_VERDICT],
    },
    {
      id: "MS-2.5-006",
      title: "Guardrails in new circumstances",
      words: "A candidate is tried on live calls without effect.",
      reach: "limited",
      shownBy: [],
      tests: [
        "test/promises/candidate-changes-nothing.test.ts: changes no decision and no state, whatever it would have said",
      ],
    },
    {
      id: "MS-2.6-005",
      title: "Anomalies are detected and recovered from",
      words: "A storm of denials ends in quarantine, and an operator releases.",
      reach: "limited",
      shownBy: [QUARANTINED_WITH_NOTICE, DOORS_ARE_TRIED],
    },
    {
      id: "MS-2.6-006",
      title: "Malicious use",
      words: "A call that a planted text causes is denied if it is outside of what the task may do.",
      reach: "limited",
      shownBy: [CUSTOMER_DATA_LEAVES, OTHER_WORK_IS_DONE],
    },
    {
      id: "MS-2.6-007",
      title: "How safeguards are circumvented",
      words: "Other spellings, copies of tokens, fresh tasks and sub-agents are tried, and denied.",
      reach: "limited",
      shownBy: [OTHER_SPELLING, TOKEN_IS_COPIED, NEXT_TASK_SENDS, QUARANTINE_IS_LEFT],
    },
    {
      id: "MS-2.7-001",
      title: "Measures against known attacks",
      words:
        "Attacks by autonomous agents and round the controls are these scenarios. Attacks on the model are outside.",
      reach: "limited",
      shownBy: [DOORS_ARE_TRIED, TOKEN_IS_COPIED, TOKEN_SPANS_GATEWAYS],
    },
    {
      id: "MS-2.7-004",
      title: "Numbers of unauthorized attempts",
      words: "Denials are counted by code, agent and tool.",
      reach: "limited",
      shownBy: [DENIALS_COUNTED],
    },
    {
      id: "MS-2.7-006",
      title: "How fast findings are acted on",
      words: "A switch holds when it answers. The time until a person acts is outside.",
      reach: "limited",
      shownBy: [REVOKED_AT_ONCE],
      tests: [
        "test/flow/switches.test.ts: of a thousand calls that race with it none that began after its acknowledgement succeeds",
      ],
    },
    {
      id: "MS-2.7-007",
      title: "Red-team against prompt injection",
      words: "What injected text makes an agent call is tried, and denied where it leaves the task.",
      reach: "limited",
      shownBy: [CUSTOMER_DATA_LEAVES, STRANGER_IS_WRITTEN_TO, PLAN_IS_LEFT],
    },
    {
      id: "MS-2.7-009",
      title: "Measures still work",
      words: "Records are verified, and each scenario is seen to succeed without its control.",
      reach: "limited",
      shownBy: [RECORDS_PROVEN],
    },
    {
      id: "MS-2.8-001",
      title: "Violations are counted",
      words: "Rates of denials are there by code, agent and tool, and each record names the rule.",
      reach: "limited",
      shownBy: [DENIALS_COUNTED],
    },
    {
      id: "MS-2.8-003",
      title: "History that cannot be tampered with",
      words:
        "Records are in a tree of hashes, and a changed line is named. It is the history of decisions, not of content.",
      reach: "limited",
      shownBy: [RECORDS_PROVEN],
    },
    {
      id: "MS-4.2-001",
      title: "Adversarial testing at intervals",
      words: "The suite can be run at any time.",
      reach: "limited",
      shownBy: [DOORS_ARE_TRIED],
    },
    {
      id: "MS-4.2-004",
      title: "Where people or systems override the AI",
      words: "Denials, rejected approvals and revocations are recorded.",
      reach: "limited",
      shownBy: [APPROVED_BY_A_PERSON, REVOKED_AT_ONCE, DECISION_EXPLAINED],
    },
    {
      id: "MG-1.3-002",
      title: "Whether controls work",
      words: "Metrics count what each control denies.",
      reach: "limited",
      shownBy: [DENIALS_COUNTED],
      tests: [
        "test/api/metrics.test.ts: are those of the calls, by code, gateway and tool; made-up tools make no series",
      ],
    },
    {
      id: "MG-2.3-001",
      title: "Unforeseen uses",
      words: "What nobody foresaw is not in the catalog, and denied; a switch needs no deployment.",
      reach: "limited",
      shownBy: [TOOL_IS_NEW, EVERYTHING_SUSPENDED],
    },
    {
      id: "MG-2.4-001",
      title: "Deactivation is communicated",
      words: "A switch has a reason and is sent to receivers.",
      reach: "limited",
      shownBy: [REVOKED_AT_ONCE, QUARANTINED_WITH_NOTICE],
      tests: ["test/flow/notifications.test.ts: is told when it is set and when it is lifted"],
    },
    {
      id: "MG-2.4-002",
      title: "Escalation by criteria",
      words: "A guardrail that quarantines sends a notice.",
      reach: "limited",
      shownBy: [QUARANTINED_WITH_NOTICE],
    },
    {
      id: "MG-2.4-004",
      title: "Criteria for deactivation",
      words: "Thresholds stand in the policies.",
      reach: "limited",
      shownBy: [DOORS_ARE_TRIED, PLAN_IS_LEFT],
    },
    {
      id: "MG-3.1-001",
      title: "Own tolerance for resources of others",
      words: "Tools of others are under the same bounds, limits and ceilings.",
      reach: "limited",
      shownBy: [TOOL_IS_NEW, MODEL_FLOOD],
    },
  ],
}
