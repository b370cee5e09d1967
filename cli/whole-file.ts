/** Files that are written whole or not at all: whoever reads one meanwhile sees the old one or the new one. */
import { rename, rm, stat, writeFile } from "node:fs/promises"
import { Failure } from "./failure.ts"

/** @param given its mode; absent: a file that is there already keeps the one it has */
export async function writeWhole(file: string, content: Uint8Array | string, given?: number): Promise<void> {
  const unfinished = `${file}.${process.pid}.part`
  try {
    const mode = given ?? (await modeOf(file))
    await writeFile(unfinished, content, mode === undefined ? {} : { mode })
    await rename(unfinished, file)
  } catch (failure) {
    await rm(unfinished, { force: true })
    const why = failure instanceof Error ? failure.message : String(failure)
    throw new Failure(`cannot write ${file}: ${why}`, "Name a file in a directory that exists and may be written.")
  }
}

async function modeOf(file: string): Promise<number | undefined> {
  return stat(file).then(
    (found) => found.mode & 0o777,
    () => undefined,
  )
}
