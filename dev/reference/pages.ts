/** The pages of `docs/reference` that are made of the tables in `src`. */
import { policyFilesPage } from "../../cli/schemas/policy-files-page.ts"
import { denialsPage } from "./denials.ts"
import { recordFieldsPage } from "./record-fields.ts"

/** By their file. */
export const PAGES: ReadonlyMap<string, () => string> = new Map([
  ["docs/reference/denials.md", denialsPage],
  ["docs/reference/policy-files.md", policyFilesPage],
  ["docs/reference/record-fields.md", recordFieldsPage],
])
