import { TOKEN_IS_COPIED } from "../scenarios/credentials.ts"
import {
  DEPUTY_IS_CONFUSED,
  STRANGER_TAKES_OVER,
  SUB_AGENT_GETS_MORE,
  SUB_AGENT_GOES_ON,
  SUB_AGENTS_MULTIPLY,
  TOKEN_IS_PASSED_OFF,
} from "../scenarios/delegation.ts"
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
  SPLIT_REFUND,
} from "../scenarios/misuse.ts"
import { TOOLS_ARE_PROBED, QUARANTINE_IS_LEFT, REVOKED_AGENT_GOES_ON } from "../scenarios/rogue.ts"
import { TOOL_IS_CHANGED, TOOL_IS_NEW } from "../scenarios/supply.ts"
import { AGENT_APPROVES, APPROVAL_IS_USED_FOR_ANOTHER, PERSON_APPROVES_OWN } from "../scenarios/trust.ts"
import type { Framework } from "./framework.ts"

export const OWASP_AGENTIC: Framework = {
  id: "owasp-agentic",
  title: "OWASP Top 10 for Agentic Applications",
  version: "2026, of December 2025",
  url: "https://genai.owasp.org/resource/owasp-top-10-for-agentic-applications-for-2026/",
  entries: [
    {
      id: "ASI01",
      title: "Agent Goal Hijack",
      words:
        "Text that an agent reads changes what it wants. Narrowgate does not see the goal, only the calls: what the task was not opened for, what its plan does not have, and what may not follow on what was read, is denied. A call that the task may make for a good reason is allowed for a bad one, too.",
      coverage: "limited",
      shownBy: [CUSTOMER_DATA_LEAVES, STRANGER_IS_WRITTEN_TO, OTHER_WORK_IS_DONE, PLAN_IS_LEFT],
    },
    {
      id: "ASI02",
      title: "Tool Misuse and Exploitation",
      words:
        "A tool that the agent may use is used for harm. What the policies state about arguments, numbers, sums and order is decided for each call, also across tasks. What no policy states is not denied.",
      coverage: "limited",
      shownBy: [LARGE_REFUND, MANY_REFUNDS, SPLIT_REFUND],
      tests: ["test/promises/owasp-agentic.test.ts: a mailing list is not worked off by one task after the other"],
    },
    {
      id: "ASI03",
      title: "Identity and Privilege Abuse",
      words:
        "Delegation, inherited rights and stored credentials give an agent more than its task needs. A sub-task never has more than the task above it, rules must permit the person and each agent of the chain, a bound token needs its key, and each call is decided on what holds at that moment. A token that is not bound, which is the default, is accepted from every client that has it, for its minutes; a public client only names itself.",
      coverage: "limited",
      shownBy: [SUB_AGENT_GETS_MORE, DEPUTY_IS_CONFUSED, TOKEN_IS_COPIED],
      tests: [
        "test/promises/nobody-gains.test.ts: three hops down, a call passes only if every level by itself covers it",
      ],
    },
    {
      id: "ASI04",
      title: "Agentic Supply Chain Vulnerabilities",
      words:
        "A tool or a server of others is bad, or becomes so. What is not in the catalog cannot be called, and a tool whose description has changed is denied until it is reviewed. A server that does harm behind an unchanged description is not noticed, nor is a bad library inside the agent.",
      coverage: "limited",
      shownBy: [TOOL_IS_CHANGED, TOOL_IS_NEW],
    },
    {
      id: "ASI05",
      title: "Unexpected Code Execution (RCE)",
      words:
        "Text ends up executed. To execute is an action class of its own, which no right to read or write includes, and paths are bounded by what they mean. Code that the agent runs in its own process passes no gateway: that takes a sandbox.",
      coverage: "limited",
      shownBy: [CODE_IS_RUN, PATH_ESCAPES],
    },
    {
      id: "ASI06",
      title: "Memory & Context Poisoning",
      words:
        "What is stored now steers a later session. After a task has read untrusted text, a rule denies it to write into the memory, and labels go along into the agent's other tasks, for an hour unless the catalog says otherwise. The contents of a memory are not judged, and one that is no tool behind a gateway is not seen.",
      coverage: "limited",
      shownBy: [MEMORY_IS_POISONED, NEXT_TASK_SENDS],
      tests: [
        "test/promises/history-not-laundered.test.ts: in a task that is opened once the other has ended, nor after the ledger has died",
      ],
    },
    {
      id: "ASI07",
      title: "Insecure Inter-Agent Communication",
      words:
        "Messages between agents are forged or replayed. Authority passes from agent to agent only if a list says so, only downwards, and from a bound token only by a hand-over that the giving agent signs, once. Messages between agents are not seen.",
      coverage: "limited",
      shownBy: [STRANGER_TAKES_OVER, TOKEN_IS_PASSED_OFF],
      tests: [
        "test/flow/token-exchange.test.ts: goes to another agent with a hand-over by its key, to that agent's key, and to no more than it had",
      ],
    },
    {
      id: "ASI08",
      title: "Cascading Failures",
      words:
        "One fault spreads over agents faster than operators notice it. Calls of all sub-agents count for the task at the root, the same call again and again is denied, and the end of a task ends all below it. Wrong data that permitted calls pass on is not seen.",
      coverage: "limited",
      shownBy: [SUB_AGENTS_MULTIPLY, CALLS_ARE_REPEATED, SUB_AGENT_GOES_ON],
      tests: [
        "test/promises/owasp-agentic.test.ts: sub-agents that fan out and retry use up what the tree has, and no more; whoever goes on is frozen",
      ],
    },
    {
      id: "ASI09",
      title: "Human-Agent Trust Exploitation",
      words:
        "People trust an agent too much. An approver approves one call with its arguments, not what the agent says about it; no agent can approve, and no user for their own task unless the policies say so. An approver who approves the very call that an attacker wants is not prevented from it.",
      coverage: "limited",
      shownBy: [AGENT_APPROVES, APPROVAL_IS_USED_FOR_ANOTHER, PERSON_APPROVES_OWN],
    },
    {
      id: "ASI10",
      title: "Rogue Agents",
      words:
        "An agent leaves its role. A task of one that probes is quarantined, and the agent cannot go on in a fresh task; an operator revokes an agent, a person or everything at once. An agent that does harm within what it may do, at an inconspicuous pace, is not noticed.",
      coverage: "limited",
      shownBy: [TOOLS_ARE_PROBED, QUARANTINE_IS_LEFT, REVOKED_AGENT_GOES_ON],
      tests: ["test/promises/owasp-agentic.test.ts: one that goes round in a circle is ended, for good"],
    },
  ],
}
