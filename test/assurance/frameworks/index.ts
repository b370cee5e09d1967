import { AARM } from "./aarm.ts"
import type { Framework } from "./framework.ts"
import { MAESTRO } from "./maestro.ts"
import { NIST_AI_600_1, NIST_AI_RMF } from "./nist-ai-rmf.ts"
import { OWASP_AGENTIC } from "./owasp-agentic.ts"
import { OWASP_AISVS } from "./owasp-aisvs.ts"
import { OWASP_NHI } from "./owasp-nhi.ts"

/** Each has a page in docs/security/frameworks. */
export const FRAMEWORKS: readonly Framework[] = [
  OWASP_AGENTIC,
  OWASP_NHI,
  OWASP_AISVS,
  MAESTRO,
  NIST_AI_RMF,
  NIST_AI_600_1,
  AARM,
]
