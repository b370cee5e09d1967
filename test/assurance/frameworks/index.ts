import type { Framework } from "./framework.ts"
import { MAESTRO } from "./maestro.ts"
import { OWASP_AGENTIC } from "./owasp-agentic.ts"

/** Each has a page in docs/security/frameworks. */
export const FRAMEWORKS: readonly Framework[] = [OWASP_AGENTIC, MAESTRO]
