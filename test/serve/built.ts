/** Builds the package, once for all files: its command is what is tried, as it is installed. */
import { execFile } from "node:child_process"
import { join } from "node:path"
import { promisify } from "node:util"

const ROOT = join(import.meta.dirname, "../..")

export default async function build(): Promise<void> {
  await promisify(execFile)(process.execPath, [join(ROOT, "dev/pack.ts")], { cwd: ROOT })
}
