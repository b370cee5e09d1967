/** `narrowgate build`: the bytes of a bundle, ready to be published. */
import { problemAsJson } from "../compiler/source/problem.ts"
import type { Command } from "commander"
import { jsonText } from "../terminal/escape.ts"
import { canonicalBytes, digestOf } from "../../src/core/policy/digest.ts"
import { EXIT } from "../terminal/failure.ts"
import { inPolicies } from "../terminal/options.ts"
import { compilePolicies } from "../compiler/compile.ts"
import { writeWhole } from "../terminal/atomic-write.ts"
import { summarise } from "./check.ts"

export function addBuild(program: Command): void {
  inPolicies(program.command("build"))
    .description("compile a policy directory into the body of a bundle; print its digest")
    .requiredOption("--out <FILE>", "the file to write")
    .option("--json", "print the digest, the size and the problems as JSON")
    .addHelpText(
      "after",
      "\nExample:\n  narrowgate build policies --out bundle.json\n\nNothing is written if there is any error.\n",
    )
    .action(async (directory: string, options: { out: string; json?: boolean }) => {
      const compiled = await compilePolicies(directory)
      const bytes = compiled.body && canonicalBytes(compiled.body)
      const digest = bytes && (await digestOf(bytes))
      if (bytes) await writeWhole(options.out, bytes)
      else process.exitCode = EXIT.refused
      if (options.json) {
        const { problems } = compiled
        console.log(
          jsonText({ ok: bytes !== null, digest, bytes: bytes?.length ?? null, problems: problems.map(problemAsJson) }),
        )
        return
      }
      // The digest alone on stdout, so that a script can use it.
      console.error(summarise(directory, compiled))
      if (digest !== null) console.log(digest)
    })
}
