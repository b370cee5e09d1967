/**
 * How this command is called here, for commands that are printed to be run: npm says whether it runs it as a script of the
 * repository, or as `npx` does.
 */
const CALLS: ReadonlyMap<string, string> = new Map([
  ["narrowgate", "npm run -s narrowgate --"],
  ["npx", "npx narrowgate"],
])
export const CALLED = CALLS.get(process.env["npm_lifecycle_event"] ?? "") ?? "narrowgate"
