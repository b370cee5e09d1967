/** The pages of `docs/reference` that are made of the tables in `src`. */
import { denialsPage } from "./denials.ts"
import { recordFieldsPage } from "./record-fields.ts"

/** By their file. */
export const PAGES: ReadonlyMap<string, () => string> = new Map([
  ["docs/reference/denials.md", denialsPage],
  ["docs/reference/record-fields.md", recordFieldsPage],
])
