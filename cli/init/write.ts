/** Writes a policy directory whole or not at all, and never over an existing one. */
import { randomUUID } from "node:crypto"
import { lstat, mkdir, rename, rm, writeFile } from "node:fs/promises"
import { basename, dirname, join, resolve } from "node:path"
import { EXIT, Failure } from "../terminal/failure.ts"
import { compilePolicies } from "../compiler/compile.ts"
import { reportProblems } from "../compiler/report.ts"
import { SCHEMAS_DIRECTORY, writeSchemas } from "../schemas/directory.ts"

/** Before any request or prompt. */
export async function refuseExisting(directory: string): Promise<void> {
  const isThere = await lstat(directory).then(
    () => true,
    () => false,
  )
  if (!isThere) return
  const fix = "Name another directory: `narrowgate init DIR`. To add a server to policies, use `narrowgate import`."
  throw new Failure(`${directory} is there already`, fix, EXIT.usage)
}

export async function writeDirectory(directory: string, files: ReadonlyMap<string, string>): Promise<void> {
  const target = resolve(directory)
  await mkdir(dirname(target), { recursive: true })
  const unfinished = join(dirname(target), `.${basename(target)}.${randomUUID()}.part`)
  await mkdir(unfinished)
  try {
    for (const [name, text] of files) await writeFile(join(unfinished, name), text, { flag: "wx" })
    await writeSchemas(join(unfinished, SCHEMAS_DIRECTORY))
    const compiled = await compilePolicies(unfinished)
    if (compiled.problems.length > 0) throw unusable(directory, reportProblems(directory, compiled))
    // Another process may have made it meanwhile; a rename would replace only an empty directory.
    await refuseExisting(directory)
    await rename(unfinished, target)
  } catch (failure) {
    await rm(unfinished, { recursive: true, force: true })
    throw failure
  }
}

function unusable(directory: string, report: string): Failure {
  return new Failure(`${directory} is not written, as it would not check:\n\n${report}`, "Change what the options say.")
}
