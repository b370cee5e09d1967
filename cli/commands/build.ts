/** `narrowgate build`: the bytes of a bundle, ready to be published. */
import { rename, writeFile } from "node:fs/promises"
import type { Command } from "commander"
import { canonicalBytes, digestOf } from "../../src/policy/digest.ts"
import { EXIT, Failure } from "../failure.ts"
import { compilePolicies } from "../policies/compile.ts"
import { summarise } from "./check.ts"

export function addBuild(program: Command): void {
  program
    .command("build")
    .description("compile a policy directory into the body of a bundle; print its digest")
    .argument("[DIR]", "the policy directory", "policies")
    .requiredOption("--out <FILE>", "where to write the bundle")
    .option("--json", "print digest, size and problems as JSON")
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
        console.log(JSON.stringify({ ok: bytes !== null, digest, bytes: bytes?.length ?? null, problems }, null, 2))
        return
      }
      // The digest alone on stdout, so that a script can take it.
      console.error(summarise(directory, compiled))
      if (digest !== null) console.log(digest)
    })
}

/** Whole or not at all: whoever reads the file meanwhile sees the old one or the new one. */
async function writeWhole(file: string, bytes: Uint8Array): Promise<void> {
  const unfinished = `${file}.${process.pid}.part`
  try {
    await writeFile(unfinished, bytes)
    await rename(unfinished, file)
  } catch (failure) {
    const why = failure instanceof Error ? failure.message : String(failure)
    throw new Failure(`cannot write ${file}: ${why}`, "Name a file in a directory that exists and may be written.")
  }
}
