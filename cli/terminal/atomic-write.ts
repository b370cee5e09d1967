/** Files that are written whole or not at all: a concurrent reader sees the old file or the new one. */
import { randomUUID } from "node:crypto"
import { open, rename, rm, stat } from "node:fs/promises"
import { Failure } from "./failure.ts"

/** @param given its mode; absent: an existing file keeps its own */
export async function writeWhole(file: string, content: Uint8Array | string, given?: number): Promise<void> {
  // Nobody can predict the name, so nobody can place a link there that leads elsewhere.
  const unfinished = `${file}.${randomUUID()}.part`
  try {
    const mode = given ?? (await modeOf(file))
    await writeNew(unfinished, content, mode)
    await rename(unfinished, file)
  } catch (failure) {
    await rm(unfinished, { force: true })
    const why = failure instanceof Error ? failure.message : String(failure)
    throw new Failure(`cannot write ${file}: ${why}`, "Name a file in a directory that exists and may be written.")
  }
}

/** Fails if something is there already. */
async function writeNew(file: string, content: Uint8Array | string, mode: number | undefined): Promise<void> {
  const handle = await open(file, "wx", mode)
  try {
    // The mode that `open` was given is reduced by the umask.
    if (mode !== undefined) await handle.chmod(mode)
    await handle.writeFile(content)
  } finally {
    await handle.close()
  }
}

async function modeOf(file: string): Promise<number | undefined> {
  return stat(file).then(
    (found) => found.mode & 0o777,
    () => undefined,
  )
}
