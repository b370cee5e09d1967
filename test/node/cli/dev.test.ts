/** `narrowgate dev` as a process: whatever ends it, nothing that it has started stays. */
import { spawn } from "node:child_process"
import { once } from "node:events"
import { mkdtemp, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { createInterface } from "node:readline"
import { afterAll, beforeAll, expect, it } from "vitest"
import { twoFreePorts } from "../../../dev/loopback.ts"
import { EXAMPLE } from "./own-stack.ts"
import { MAIN } from "./run.ts"

const STACK_MS = 120_000

let directory = ""
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "narrowgate-dev-"))
})
afterAll(async () => rm(directory, { recursive: true, force: true, maxRetries: 3 }))

it.each(["SIGINT", "SIGQUIT", "SIGKILL"] as const)(
  "ends wholly with %s",
  async (signal) => {
    const port = await twoFreePorts()
    const args = [MAIN, "dev", "--policies", EXAMPLE, "--port", String(port)]
    const dev = spawn(process.execPath, args, { cwd: directory, stdio: ["ignore", "pipe", "inherit"] })
    const lines = createInterface({ input: dev.stdout })
    await new Promise<void>((ready) => {
      lines.on("line", (line) => line.startsWith("Publisher's key") && ready())
    })
    const isUp = async (): Promise<boolean> =>
      fetch(`http://127.0.0.1:${port}/healthz`).then(
        () => true,
        () => false,
      )
    expect(await isUp()).toBe(true)
    dev.kill(signal)
    await once(dev, "exit")
    await expect.poll(isUp, { timeout: 10_000 }).toBe(false)
  },
  STACK_MS,
)
