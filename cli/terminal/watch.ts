/** Work that is repeated whenever a file below a directory changes. */
import { readdir, stat } from "node:fs/promises"
import { join } from "node:path"
import { setTimeout as sleep } from "node:timers/promises"

const LOOK_EVERY_MS = 300
/** Several files are often written together; they are complete once nothing has changed for so long. Milliseconds. */
const SETTLED_MS = 100

/**
 * Calls back after each edit below `directory`, one call at a time, until aborted. It polls instead of watching,
 * because a file that an editor replaces by renaming is a different file to a watcher.
 * @param first work that is done before: edits during that work are not missed
 */
export async function onEdit(
  directory: string,
  signal: AbortSignal,
  work: () => Promise<void>,
  first: () => Promise<void> = async () => undefined,
): Promise<void> {
  let last = await fingerprint(directory)
  await first()
  while (!signal.aborted) {
    await pause(LOOK_EVERY_MS, signal)
    if ((await fingerprint(directory)) === last) continue
    last = await settled(directory, signal)
    if (!signal.aborted) await work()
  }
}

async function settled(directory: string, signal: AbortSignal): Promise<string> {
  let found = await fingerprint(directory)
  for (let before = ""; before !== found && !signal.aborted;) {
    before = found
    await pause(SETTLED_MS, signal)
    found = await fingerprint(directory)
  }
  return found
}

async function pause(milliseconds: number, signal: AbortSignal): Promise<void> {
  await sleep(milliseconds, undefined, { signal }).catch(() => undefined)
}

/** Names, sizes and times of all files; empty for a moment while a file is being replaced. */
async function fingerprint(directory: string): Promise<string> {
  try {
    const names = (await readdir(directory, { recursive: true })).toSorted()
    const files = names.map(async (name) => {
      const { size, mtimeMs } = await stat(join(directory, name))
      return `${name} ${size} ${mtimeMs}`
    })
    return (await Promise.all(files)).join("\n")
  } catch {
    return ""
  }
}
