import { CUSTOMER_DATA_LEAVES } from "../scenarios/injection.ts"
import { LARGE_REFUND, MANY_REFUNDS } from "../scenarios/misuse.ts"
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
        "Text that an agent reads changes what it wants. Narrowgate does not see the goal, only the calls: what the task was not opened for, and what may not follow on what was read, is denied. A call that the task may make for another reason goes through.",
      reach: "limited",
      shownBy: [CUSTOMER_DATA_LEAVES],
    },
    {
      id: "ASI02",
      title: "Tool Misuse and Exploitation",
      words:
        "A tool that the agent may use is used as nobody meant it. What the policies state about arguments, numbers and order is decided for each call.",
      reach: "answered",
      shownBy: [LARGE_REFUND, MANY_REFUNDS],
    },
  ],
}
