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
  EVERYTHING_REVOKED,
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
import { TOOLS_ARE_PROBED, QUARANTINE_IS_LEFT, REVOKED_AGENT_GOES_ON } from "../scenarios/rogue.ts"
import { TOOL_IS_CHANGED, TOOL_IS_NEW } from "../scenarios/supply.ts"
import { AGENT_APPROVES, PERSON_APPROVES_OWN, PERSON_WORKS_AS_AGENT } from "../scenarios/trust.ts"
import type { Entry, Framework } from "./framework.ts"

const NOTE =
  "No product meets this framework: its requirements are for organizations. An entry says which evidence Narrowgate gives to an organization that does it: limited means that there is evidence for a part, outside that there is none. Titles of subcategories are sentences, which are put into our words here."

/** The subcategories of a function that an authorizer gives no evidence for. */
const outside = (part: string, subcategories: readonly string[], words: string): Entry => ({
  id: `${part}, others`,
  ids: subcategories.map((number) => `${part} ${number}`),
  title: subcategories.join(", "),
  words,
  coverage: "outside",
  shownBy: [],
})

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
      coverage: "limited",
      shownBy: [DECISION_EXPLAINED, CUSTOMER_DATA_LEAVES],
    },
    {
      id: "GOVERN 1.3",
      title: "How much risk is handled follows from the tolerance",
      words: "Sensitivity, class and risk of a call decide whether it is allowed, needs an approval or is denied.",
      coverage: "limited",
      shownBy: [RISK_COUNTS, LARGE_REFUND],
    },
    {
      id: "GOVERN 1.4",
      title: "The process and its results are set by open policies",
      words: "Bundles of policies are signed, have a history, and can be looked at in the bytes that were signed.",
      coverage: "limited",
      shownBy: [DECISION_EXPLAINED],
      tests: ["test/flow/publishing.test.ts: can be looked at by operators, in the bytes that were signed"],
    },
    {
      id: "GOVERN 1.5",
      title: "Monitoring and review are planned",
      words:
        "Operators with the role for it can review records and rates. How often is for the organization to decide.",
      coverage: "limited",
      shownBy: [DENIALS_COUNTED, ROLES_APART],
    },
    {
      id: "GOVERN 1.6",
      title: "AI systems are inventoried",
      words:
        "Agents are listed with owner, purposes and last use, and no other agent works through the gateway. Systems that call nothing through it are in no list.",
      coverage: "limited",
      shownBy: [AGENTS_INVENTORIED, IDENTITY_IS_FORGED],
      tests: ["test/promises/default-deny.test.ts: unknown agent: one that is registered no more can call no more"],
    },
    {
      id: "GOVERN 1.7",
      title: "Systems are phased out safely",
      words: "An agent that is revoked gets no token and makes no call, and its records stay and are proven.",
      coverage: "limited",
      shownBy: [REVOKED_AGENT_GOES_ON, REVOKED_AT_ONCE, RECORDS_PROVEN],
    },
    {
      id: "GOVERN 2.1",
      title: "Roles and lines of communication are clear",
      words: "Operators, approvers and owners are written down, and a request without the role for it is denied.",
      coverage: "limited",
      shownBy: [ROLES_APART, AGENTS_INVENTORIED],
    },
    {
      id: "GOVERN 2.3",
      title: "Leadership answers for decisions on risk",
      words: "Publications and approvals bear the name of a person. Who leads is outside.",
      coverage: "limited",
      shownBy: [APPROVED_BY_A_PERSON],
      tests: ["test/flow/publishing.test.ts: is recorded, with the key that signed it; so is what was refused"],
    },
    {
      id: "GOVERN 3.2",
      title: "Roles of people and of AI are distinguished",
      words:
        "Agents approve nothing and manage nothing, and the person of a task does not approve its calls unless the policies say so.",
      coverage: "limited",
      shownBy: [AGENTS_MANAGE_NOTHING, AGENT_APPROVES, PERSON_APPROVES_OWN],
    },
    {
      id: "GOVERN 4.3",
      title: "Testing, incidents and sharing of information",
      words:
        "Policies have tests of their own, a candidate is tried without effect, incidents go to receivers, records are exported.",
      coverage: "limited",
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
      coverage: "limited",
      shownBy: [TOOL_IS_CHANGED, TOOL_IS_NEW],
      tests: ["test/promises/registered-clients.test.ts: never exceeds its class, whatever it asks for"],
    },
    {
      id: "GOVERN 6.2",
      title: "Failing third parties are planned for",
      words:
        "Tools of a server are suspended by one request, and if keys or sinks are unavailable, calls are denied rather than allowed.",
      coverage: "limited",
      shownBy: [REVOKED_AT_ONCE],
      tests: [
        "test/export/full-log.test.ts: calls of the class are denied once the log is nearly full, also after a crash, until the sink has caught up",
      ],
    },
    {
      id: "MAP 1.1",
      title: "Purpose and setting are understood and written down",
      words: "Each task has a registered purpose, which stands in each of its records and decides what it may call.",
      coverage: "limited",
      shownBy: [OTHER_WORK_IS_DONE, DECISION_EXPLAINED],
    },
    {
      id: "MAP 1.5",
      title: "Risk tolerances are set",
      words: "Limits are numbers: what exceeds one is denied.",
      coverage: "limited",
      shownBy: [SPLIT_REFUND, MANY_REFUNDS, MODEL_FLOOD],
    },
    {
      id: "MAP 2.1",
      title: "The tasks of the system are defined",
      words: "A purpose can have a plan, which is the order of its calls; what leaves it is denied.",
      coverage: "limited",
      shownBy: [PLAN_IS_LEFT],
    },
    {
      id: "MAP 2.2",
      title: "It is documented how people oversee it",
      words: "An approver sees the call, the rule and the chain.",
      coverage: "limited",
      shownBy: [APPROVAL_SHOWS_THE_CALL],
    },
    {
      id: "MAP 3.3",
      title: "The scope of use is specified",
      words: "The grant is the scope, and a call outside of it is denied.",
      coverage: "limited",
      shownBy: [OTHER_WORK_IS_DONE, READER_WRITES, STRANGER_IS_WRITTEN_TO],
    },
    {
      id: "MAP 3.5",
      title: "Human oversight is defined",
      words: "An approval that is pending, granted, used up or expired has an outcome of its own, with a record.",
      coverage: "limited",
      shownBy: [APPROVED_BY_A_PERSON, APPROVAL_EXPIRES],
    },
    {
      id: "MAP 4.1",
      title: "Risks of components are mapped",
      words: "Each tool has class, sensitivity and labels, and what is not in the catalog is denied.",
      coverage: "limited",
      shownBy: [TOOL_IS_NEW, CODE_IS_RUN],
    },
    {
      id: "MAP 4.2",
      title: "Controls of components are documented",
      words: "The explanation has the rules that decided, with their text, and these pages name the controls.",
      coverage: "limited",
      shownBy: [DECISION_EXPLAINED],
    },
    {
      id: "MAP 5.1",
      title: "Likelihood and size of impacts",
      words:
        "A gateway can observe without denying, and what would have been denied is recorded. Impact on people is outside.",
      coverage: "limited",
      shownBy: [],
      tests: ["test/flow/shadow.test.ts: that would refuse what is allowed refuses nothing, and is told of"],
    },
    {
      id: "MEASURE 1.1",
      title: "Metrics are chosen, and what cannot be measured is said",
      words: "Denials are counted by code, gateway and tool. These pages say of each entry what is outside.",
      coverage: "limited",
      shownBy: [DENIALS_COUNTED],
      tests: [
        "test/api/metrics.test.ts: are those of the calls, by code, gateway and tool; made-up tools make no series",
      ],
    },
    {
      id: "MEASURE 2.4",
      title: "Behaviour is monitored in production",
      words: "Each decision is recorded, and sent to the sinks of the organization.",
      coverage: "limited",
      shownBy: [DENIALS_COUNTED],
      tests: [
        "test/export/exporter.test.ts: records reach a sink in their order, in batches as long as it says, and none twice",
      ],
    },
    {
      id: "MEASURE 2.6",
      title: "The system fails safely",
      words: "If a part is unavailable, calls are denied and nothing is forwarded. The safety of the model is outside.",
      coverage: "limited",
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
      words: "Every reader can repeat these tests, fuzzing, and mutation of rules.",
      coverage: "limited",
      shownBy: [CUSTOMER_DATA_LEAVES, TOKEN_IS_COPIED, TOOLS_ARE_PROBED],
    },
    {
      id: "MEASURE 2.8",
      title: "Transparency and accountability",
      words: "Each decision has a record, a receipt and a proof, with the chain of agents and the person.",
      coverage: "limited",
      shownBy: [RECORDS_PROVEN, DECISION_EXPLAINED, PERSON_WORKS_AS_AGENT],
    },
    {
      id: "MEASURE 2.9",
      title: "The model is explained",
      words: "Decisions are explained. The model is not, and its output is not seen.",
      coverage: "limited",
      shownBy: [DECISION_EXPLAINED],
    },
    {
      id: "MEASURE 2.10",
      title: "Privacy is examined",
      words:
        "What is redacted is recorded nowhere, and a person can be erased while proofs hold. Privacy of training data is outside.",
      coverage: "limited",
      shownBy: [REDACTED_NOWHERE, PERSON_ERASED],
    },
    {
      id: "MEASURE 2.13",
      title: "It is checked whether tests and metrics work",
      words:
        "Each attack is seen to succeed once its control is taken out of the policies, or beside what is allowed, and tests of policies are tried on broken rules.",
      coverage: "limited",
      shownBy: [LARGE_REFUND],
      tests: ["test/node/cli/test-command.test.ts: lists broken rules that no test notices"],
    },
    {
      id: "MEASURE 3.1",
      title: "Known and new risks are tracked",
      words: "Denials are counted over time, storms of them end in quarantine, and drift of tools is detected.",
      coverage: "limited",
      shownBy: [DENIALS_COUNTED, QUARANTINED_WITH_NOTICE, TOOL_IS_CHANGED],
    },
    {
      id: "MEASURE 3.3",
      title: "People report and appeal",
      words:
        "A denial can name what would lift it, and a decision is explained. Reports of the people concerned are outside.",
      coverage: "limited",
      shownBy: [DECISION_EXPLAINED, APPROVED_BY_A_PERSON],
    },
    {
      id: "MEASURE 4.3",
      title: "Improvement or decline is recorded",
      words:
        "Other policies are tried on recorded calls, and a candidate on live ones, so that the difference is seen before.",
      coverage: "limited",
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
      coverage: "limited",
      shownBy: [LARGE_REFUND, QUARANTINED_WITH_NOTICE, RISK_COUNTS],
    },
    {
      id: "MANAGE 1.4",
      title: "Residual risks are documented",
      words:
        "Each entry of these pages says what is left. The residual risks of the organization's systems are its own to document.",
      coverage: "limited",
      shownBy: [],
      tests: [
        "test/node/frameworks.test.ts: each entry that is not outside is shown by an attack or by a test, and each id occurs once",
      ],
    },
    {
      id: "MANAGE 2.3",
      title: "Risks that are new",
      words: "Tools, agents, people or everything are suspended without new policies.",
      coverage: "limited",
      shownBy: [EVERYTHING_REVOKED, REVOKED_AT_ONCE],
    },
    {
      id: "MANAGE 2.4",
      title: "AI systems can be overridden, disengaged or deactivated",
      words: "Operators revoke, quarantine, release and suspend; it holds from the next call on.",
      coverage: "limited",
      shownBy: [EVERYTHING_REVOKED, REVOKED_AT_ONCE, QUARANTINED_WITH_NOTICE],
      tests: [
        "test/flow/switches.test.ts: of a thousand calls that race with it none that began after its acknowledgement succeeds",
      ],
    },
    {
      id: "MANAGE 3.1",
      title: "Third parties are monitored",
      words: "Tools of MCP servers are compared with what was reviewed, and a changed one is denied.",
      coverage: "limited",
      shownBy: [TOOL_IS_CHANGED],
      tests: ["test/probe/probe.test.ts: that changes a tool, and changes it back"],
    },
    {
      id: "MANAGE 4.1",
      title: "Monitoring after deployment",
      words:
        "Records, appeal by approval, override by revocations, events of identity providers, and change by signed policies exist.",
      coverage: "limited",
      shownBy: [REVOKED_AT_ONCE, RECORDS_PROVEN, APPROVED_BY_A_PERSON],
      tests: [
        "test/flow/signals.test.ts: ends the user's tasks and those below them on the next call, and no other's; a new session works",
      ],
    },
    {
      id: "MANAGE 4.2",
      title: "Improvement is part of updates",
      words: "Narrower policies are suggested from what was used, and tried before they are live.",
      coverage: "limited",
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
      coverage: "limited",
      shownBy: [QUARANTINED_WITH_NOTICE, RECORDS_PROVEN],
    },
    outside(
      "GOVERN",
      ["1.1", "2.2", "3.1", "4.1", "4.2", "5.1", "5.2"],
      "Law, training, diversity, culture and engagement of the people concerned: duties of an organization of which an authorizer sees nothing.",
    ),
    outside(
      "MAP",
      ["1.2", "1.3", "1.4", "1.6", "2.3", "3.1", "3.2", "3.4", "5.2"],
      "Teams, goals, value, requirements, scientific integrity, benefits, costs, skills and feedback are outside.",
    ),
    outside(
      "MEASURE",
      ["1.2", "1.3", "2.1", "2.2", "2.3", "2.5", "2.11", "2.12", "3.2", "4.1", "4.2"],
      "Assessment by others, evaluation of the model, its validity, fairness and environmental impact are outside.",
    ),
    outside(
      "MANAGE",
      ["1.1", "1.2", "2.1", "2.2", "3.2"],
      "Whether to go on, which risks come first, resources, value and pre-trained models are outside.",
    ),
  ],
}

/** Of the profile's suggested actions, those that are about what an authorizer does. */
export const NIST_AI_600_1: Framework = {
  id: "nist-ai-600-1",
  title: "NIST Generative AI Profile",
  version: "final, of July 2024, NIST AI 600-1",
  url: "https://nvlpubs.nist.gov/nistpubs/ai/NIST.AI.600-1.pdf",
  note: `${NOTE} Of the profile's suggested actions, these are the ones that an authorizer gives evidence for; all others are outside. The draft of April 2024 has the same ids with other texts.`,
  othersOutside: true,
  entries: [
    {
      id: "GV-1.2-002",
      title: "Evaluate risky capabilities and safeguards",
      words:
        "The safeguards are tested before and can be tested in use: every reader can repeat this suite. The capabilities of a model are outside.",
      coverage: "limited",
      shownBy: [CUSTOMER_DATA_LEAVES, LARGE_REFUND],
    },
    {
      id: "GV-1.3-002",
      title: "Minimum thresholds before deployment",
      words:
        "Policies that do not check are not published, nor are those whose tests fail, unless the publisher says so (`--untested`).",
      coverage: "limited",
      shownBy: [],
      tests: [
        "test/node/cli/publish.test.ts: of a directory that does not check changes nothing",
        "test/node/cli/publish.test.ts: of rules that do not decide as their tests say changes nothing, unless one says so",
      ],
    },
    {
      id: "GV-1.3-007",
      title: "A plan to halt use",
      words: "One revocation denies everything from the next call on.",
      coverage: "limited",
      shownBy: [EVERYTHING_REVOKED],
    },
    {
      id: "GV-1.4-002",
      title: "Rules of acceptable use",
      words: "What is forbidden is denied, with the message of the rule.",
      coverage: "limited",
      shownBy: [CUSTOMER_DATA_LEAVES, OTHER_WORK_IS_DONE],
    },
    {
      id: "GV-1.5-002",
      title: "After-action review",
      words: "Each decision of a task is explained from its record.",
      coverage: "limited",
      shownBy: [DECISION_EXPLAINED, RECORDS_PROVEN],
    },
    {
      id: "GV-1.5-003",
      title: "History of tests and of transparency",
      words: "Records are exported with proofs. Results of tests are for the organization to store.",
      coverage: "limited",
      shownBy: [RECORDS_PROVEN],
    },
    {
      id: "GV-1.6-001",
      title: "Systems in the inventory",
      words: "Agents are listed, and one that is not registered gets no token.",
      coverage: "limited",
      shownBy: [AGENTS_INVENTORIED, IDENTITY_IS_FORGED],
    },
    {
      id: "GV-1.6-003",
      title: "What the inventory says",
      words:
        "Owner, groups, purposes, identities and delegations of an agent. Models and where they come from are not in it.",
      coverage: "limited",
      shownBy: [AGENTS_INVENTORIED],
    },
    {
      id: "GV-1.7-001",
      title: "Deactivation",
      words: "A revocation holds from the next call on.",
      coverage: "limited",
      shownBy: [REVOKED_AT_ONCE, REVOKED_AGENT_GOES_ON],
    },
    {
      id: "GV-1.7-002",
      title: "What decommissioning considers",
      words:
        "Records remain and are proven; a preview says what a revocation would affect. Other data of the system is outside.",
      coverage: "limited",
      shownBy: [RECORDS_PROVEN, REVOKED_AT_ONCE],
      tests: ["test/api/revocation-targets.test.ts: is shown on the page before and after"],
    },
    {
      id: "GV-2.1-001",
      title: "Communication of incidents",
      words: "Receivers get a notice, and each agent has an owner.",
      coverage: "limited",
      shownBy: [QUARANTINED_WITH_NOTICE, AGENTS_INVENTORIED],
    },
    {
      id: "GV-3.2-002",
      title: "Roles for incidents and for access to tools",
      words: "Roles of operators and approvers by name are enforced.",
      coverage: "limited",
      shownBy: [ROLES_APART, APPROVED_BY_A_PERSON],
    },
    {
      id: "GV-3.2-003",
      title: "Acceptable use for each setting",
      words: "Purposes state what an agent may do, and the rest is denied.",
      coverage: "limited",
      shownBy: [OTHER_WORK_IS_DONE, PLAN_IS_LEFT],
    },
    {
      id: "GV-4.2-003",
      title: "Impacts of plugins of others",
      words: "Tools of others have a sensitivity and labels, and need them to be called.",
      coverage: "limited",
      shownBy: [TOOL_IS_NEW, TOOL_IS_CHANGED],
    },
    {
      id: "GV-4.3-002",
      title: "Contents of an incident report",
      words: "A record has id, time, agent, person, call, outcome and reason.",
      coverage: "limited",
      shownBy: [DECISION_EXPLAINED],
    },
    {
      id: "GV-6.1-005",
      title: "Changes at suppliers",
      words: "A tool that its server describes otherwise is denied until it is reviewed.",
      coverage: "limited",
      shownBy: [TOOL_IS_CHANGED],
    },
    {
      id: "GV-6.1-007",
      title: "Third parties with access",
      words: "Tools and clients are listed, and no other tool is called.",
      coverage: "limited",
      shownBy: [TOOL_IS_NEW],
      tests: ["test/promises/registered-clients.test.ts: cannot, unless the class is there, and the metadata says so"],
    },
    {
      id: "GV-6.1-009",
      title: "Embedded tools and alerts",
      words:
        "A tool that its server describes otherwise is found when the server lists it. Due diligence itself is outside.",
      coverage: "limited",
      shownBy: [TOOL_IS_CHANGED],
    },
    {
      id: "GV-6.2-003",
      title: "Incident plans for technology of others",
      words: "All tools of a server are suspended by one pattern.",
      coverage: "limited",
      shownBy: [REVOKED_AT_ONCE],
    },
    {
      id: "GV-6.2-004",
      title: "Monitoring of systems of others",
      words: "Each call to them is recorded.",
      coverage: "limited",
      shownBy: [DENIALS_COUNTED],
      tests: ["test/probe/probe.test.ts: that changes a tool, and changes it back"],
    },
    {
      id: "GV-6.2-006",
      title: "Fallback, by hand too",
      words: "A call that cannot be decided is denied with what to do, and approvers can approve single calls.",
      coverage: "limited",
      shownBy: [APPROVED_BY_A_PERSON],
      tests: ["test/promises/fail-closed.test.ts: the ledger throws"],
    },
    {
      id: "MP-1.1-003",
      title: "Foreseeable misuse",
      words: "These scenarios are cases of misuse; those of a trade are to be added by it.",
      coverage: "limited",
      shownBy: [LARGE_REFUND, CODE_IS_RUN],
    },
    {
      id: "MP-2.2-001",
      title: "Reliance on upstream data",
      words: "Labels of tools say what was read, and stand in the record.",
      coverage: "limited",
      shownBy: [DECISION_EXPLAINED, MEMORY_IS_POISONED],
    },
    {
      id: "MP-2.2-002",
      title: "External networks",
      words: "Recipients, hosts and addresses are bounded, and each outgoing call through the gateway is recorded.",
      coverage: "limited",
      shownBy: [STRANGER_IS_WRITTEN_TO],
    },
    {
      id: "MP-2.3-005",
      title: "Regular adversarial testing",
      words: "This suite runs with each change of Narrowgate.",
      coverage: "limited",
      shownBy: [CUSTOMER_DATA_LEAVES, TOOLS_ARE_PROBED],
    },
    {
      id: "MP-4.1-001",
      title: "Exposure of personal data",
      words: "What follows on reading personal data is restricted, and arguments are redacted. Answers are not read.",
      coverage: "limited",
      shownBy: [CUSTOMER_DATA_LEAVES, REDACTED_NOWHERE],
    },
    {
      id: "MP-4.1-003",
      title: "Existing governance of IT",
      words:
        "Identities come from the providers of the organization, records go to its sinks, and its security events end sessions and tasks.",
      coverage: "limited",
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
      coverage: "limited",
      shownBy: [PLAN_IS_LEFT, TEST_REACHES_PRODUCTION],
    },
    {
      id: "MP-5.1-005",
      title: "Red-teaming and faults",
      words: "Faults are injected, and calls are denied.",
      coverage: "limited",
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
      coverage: "limited",
      shownBy: [SAME_VERDICT],
    },
    {
      id: "MS-2.5-006",
      title: "Guardrails in new circumstances",
      words: "A candidate is tried on live calls without effect.",
      coverage: "limited",
      shownBy: [],
      tests: [
        "test/promises/candidate-changes-nothing.test.ts: changes no decision and no state, whatever it would have said",
      ],
    },
    {
      id: "MS-2.6-005",
      title: "Anomalies are detected and recovered from",
      words: "A storm of denials ends in quarantine, and an operator releases.",
      coverage: "limited",
      shownBy: [QUARANTINED_WITH_NOTICE, TOOLS_ARE_PROBED],
    },
    {
      id: "MS-2.6-006",
      title: "Malicious use",
      words: "A call that a planted text causes is denied if it is outside of what the task may do.",
      coverage: "limited",
      shownBy: [CUSTOMER_DATA_LEAVES, OTHER_WORK_IS_DONE],
    },
    {
      id: "MS-2.6-007",
      title: "How safeguards are circumvented",
      words: "Other spellings, copies of tokens, fresh tasks and sub-agents are tried, and denied.",
      coverage: "limited",
      shownBy: [OTHER_SPELLING, TOKEN_IS_COPIED, NEXT_TASK_SENDS, QUARANTINE_IS_LEFT],
    },
    {
      id: "MS-2.7-001",
      title: "Measures against known attacks",
      words:
        "Attacks by autonomous agents and round the controls are these scenarios. Attacks on the model are outside.",
      coverage: "limited",
      shownBy: [TOOLS_ARE_PROBED, TOKEN_IS_COPIED, TOKEN_SPANS_GATEWAYS],
    },
    {
      id: "MS-2.7-004",
      title: "Numbers of unauthorized attempts",
      words: "Denials are counted by code, agent and tool.",
      coverage: "limited",
      shownBy: [DENIALS_COUNTED],
    },
    {
      id: "MS-2.7-006",
      title: "How fast findings are acted on",
      words: "A revocation holds as soon as its request is answered. The time until a person acts is outside.",
      coverage: "limited",
      shownBy: [REVOKED_AT_ONCE],
      tests: [
        "test/flow/switches.test.ts: of a thousand calls that race with it none that began after its acknowledgement succeeds",
      ],
    },
    {
      id: "MS-2.7-007",
      title: "Red-team against prompt injection",
      words: "What injected text makes an agent call is tried, and denied if it leaves the task.",
      coverage: "limited",
      shownBy: [CUSTOMER_DATA_LEAVES, STRANGER_IS_WRITTEN_TO, PLAN_IS_LEFT],
    },
    {
      id: "MS-2.7-009",
      title: "Measures still work",
      words:
        "Records are verified, and each attack is seen to succeed without its control, if policies can take it out.",
      coverage: "limited",
      shownBy: [RECORDS_PROVEN],
    },
    {
      id: "MS-2.8-001",
      title: "Violations are counted",
      words: "Rates of denials are there by code, agent and tool, and each record names the rule.",
      coverage: "limited",
      shownBy: [DENIALS_COUNTED],
    },
    {
      id: "MS-2.8-003",
      title: "History that cannot be tampered with",
      words:
        "Records are in a tree of hashes, and a changed line is named. It is the history of decisions, not of content.",
      coverage: "limited",
      shownBy: [RECORDS_PROVEN],
    },
    {
      id: "MS-4.2-001",
      title: "Adversarial testing at intervals",
      words: "The suite can be run at any time.",
      coverage: "limited",
      shownBy: [TOOLS_ARE_PROBED],
    },
    {
      id: "MS-4.2-004",
      title: "Cases in which people or systems override the AI",
      words: "Denials, rejected approvals and revocations are recorded.",
      coverage: "limited",
      shownBy: [APPROVED_BY_A_PERSON, REVOKED_AT_ONCE, DECISION_EXPLAINED],
    },
    {
      id: "MG-1.3-002",
      title: "Whether controls work",
      words: "Metrics count what each control denies.",
      coverage: "limited",
      shownBy: [DENIALS_COUNTED],
      tests: [
        "test/api/metrics.test.ts: are those of the calls, by code, gateway and tool; made-up tools make no series",
      ],
    },
    {
      id: "MG-2.3-001",
      title: "Unforeseen uses",
      words: "A use that was not foreseen is not in the catalog, and denied; a revocation needs no deployment.",
      coverage: "limited",
      shownBy: [TOOL_IS_NEW, EVERYTHING_REVOKED],
    },
    {
      id: "MG-2.4-001",
      title: "Deactivation is communicated",
      words: "A revocation has a reason and is sent to receivers.",
      coverage: "limited",
      shownBy: [REVOKED_AT_ONCE, QUARANTINED_WITH_NOTICE],
      tests: ["test/flow/notifications.test.ts: is told when it is set and when it is lifted"],
    },
    {
      id: "MG-2.4-002",
      title: "Escalation by criteria",
      words: "A guardrail that quarantines sends a notice.",
      coverage: "limited",
      shownBy: [QUARANTINED_WITH_NOTICE],
    },
    {
      id: "MG-2.4-004",
      title: "Criteria for deactivation",
      words: "The policies have the thresholds.",
      coverage: "limited",
      shownBy: [TOOLS_ARE_PROBED, PLAN_IS_LEFT],
    },
    {
      id: "MG-3.1-001",
      title: "Own tolerance for resources of others",
      words: "Tools of others are under the same bounds, limits and ceilings.",
      coverage: "limited",
      shownBy: [TOOL_IS_NEW, MODEL_FLOOD],
    },
  ],
}
