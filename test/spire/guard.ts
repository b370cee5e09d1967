/**
 * A process that outlives a run, to end what the run has left behind. Its standard input closes when the run is over,
 * however it ended: a run that is killed ends nothing itself. To the run belongs whoever inherited its TMPDIR. Linux
 * only; elsewhere nothing is found.
 */
import { readdir, readFile, rm } from "node:fs/promises"
import { setTimeout as sleep } from "node:timers/promises"

const END_WITHIN_MS = 2_000
const LOOK_EVERY_MS = 50

const [directory = ""] = process.argv.slice(2)
await new Promise((resolve) => process.stdin.once("close", resolve).resume())
if (await end("SIGTERM")) await end("SIGKILL")
await rm(directory, { recursive: true, force: true })

/** @returns whether any are left */
async function end(signal: NodeJS.Signals): Promise<boolean> {
  const asked = new Set<number>()
  for (const until = Date.now() + END_WITHIN_MS; Date.now() < until; await sleep(LOOK_EVERY_MS)) {
    const left = await processes()
    if (left.length === 0) return false
    for (const pid of left.filter((each) => !asked.has(each))) {
      asked.add(pid)
      ask(pid, signal)
    }
  }
  return true
}

function ask(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal)
  } catch {
    // It has ended meanwhile.
  }
}

async function processes(): Promise<number[]> {
  const pids = (await readdir("/proc").catch(() => [])).map(Number).filter(Number.isInteger)
  const belongs = async (pid: number): Promise<boolean> => {
    const environment = await readFile(`/proc/${pid}/environ`, "utf8").catch(() => "")
    return environment.split("\0").includes(`TMPDIR=${directory}`)
  }
  const known = await Promise.all(pids.map(async (pid) => ({ pid, belongs: await belongs(pid) })))
  return known.filter(({ belongs }) => belongs).map(({ pid }) => pid)
}
