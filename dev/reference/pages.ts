/** The pages that are generated from the tables and definitions of the code. */
import { policyFilesPage } from "../../cli/schemas/policy-files-page.ts"
import { commandsPage } from "./commands.ts"
import { denialsPage } from "./denials.ts"
import { frameworkPages } from "./frameworks.ts"
import { guidancePage } from "./guidance.ts"
import { limitsPage } from "./limits.ts"
import { mcpMethodsPage } from "./mcp-methods.ts"
import { metricsPage } from "./metrics.ts"
import { recordFieldsPage } from "./record-fields.ts"

/** By their file. */
export const PAGES: ReadonlyMap<string, () => string> = new Map([
  ["docs/reference/commands.md", commandsPage],
  ["docs/reference/denials.md", denialsPage],
  ["docs/reference/limits.md", limitsPage],
  ["docs/reference/mcp-methods.md", mcpMethodsPage],
  ["docs/reference/metrics.md", metricsPage],
  ["docs/reference/policy-files.md", policyFilesPage],
  ["docs/reference/record-fields.md", recordFieldsPage],
  ["docs/security/guidance.md", guidancePage],
  ...frameworkPages,
])
