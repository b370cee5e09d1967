/** How this command is called here, for commands that are printed to be run: by npx, as a script of the repository, or by its name. */
export const CALLED = called(process.argv[1] ?? "", process.env["npm_lifecycle_event"])

function called(program: string, script: string | undefined): string {
  if (/[\\/]node_modules[\\/]\.bin[\\/]narrowgate$/u.test(program)) return "npx narrowgate"
  return script === "narrowgate" && program.endsWith("narrowgate.ts") ? "npm run -s narrowgate --" : "narrowgate"
}
