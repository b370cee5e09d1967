/** `narrowgate dev` as a process: whatever ends it, nothing that it has started stays. */
import { ChildProcess, spawn } from "node:child_process"
import { subscribe, unsubscribe } from "node:diagnostics_channel"
import { once } from "node:events"
import { cp, mkdtemp, readFile, rm, writeFile } from "node:fs/promises"
import { createServer } from "node:http"
import { tmpdir } from "node:os"
import { basename, join } from "node:path"
import { createInterface } from "node:readline"
import { setTimeout as sleep } from "node:timers/promises"
import { afterAll, beforeAll, expect, it } from "vitest"
import { z } from "zod"
import { operatorToken } from "../../../cli/remote/local-stack-login.ts"
import { freePort, listen, twoFreePorts } from "../../../dev/loopback.ts"
import { startStack } from "../../../dev/stack.ts"
import { EXAMPLE } from "./own-stack.ts"
import { MAIN, run } from "./run.ts"

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
    const dev = spawn(process.execPath, args, { cwd: directory, stdio: ["ignore", "pipe", "pipe"] })
    const said: string[] = []
    let complaints = ""
    dev.stderr.setEncoding("utf8").on("data", (text: string) => (complaints += text))
    const lines = createInterface({ input: dev.stdout })
    await new Promise<void>((ready) => {
      lines.on("line", (line) => {
        said.push(line)
        if (line.startsWith("Publisher's key")) ready()
      })
    })
    expect(said.find((line) => line.startsWith("Identity provider"))).toContain(
      "alice (support), bob (engineering), olivia (operations)",
    )
    const isUp = async (): Promise<boolean> =>
      fetch(`http://127.0.0.1:${port}/healthz`).then(
        () => true,
        () => false,
      )
    expect(await isUp()).toBe(true)
    expect(complaints).toBe("")
    dev.kill(signal)
    await once(dev, "exit")
    await expect.poll(isUp, { timeout: 10_000 }).toBe(false)
  },
  STACK_MS,
)

it(
  "ends with a fix if the port of a gateway is taken, before it says that anything is ready",
  async () => {
    const [port, gateway] = [await twoFreePorts(), await freePort()]
    const taken = await listen(createServer(), gateway)
    await cp(join(EXAMPLE, "../starters/read-only"), join(directory, "mine"), { recursive: true })
    for (const file of ["catalog.yaml", "gateways.yaml"]) {
      const text = await readFile(join(directory, "mine", file), "utf8")
      await writeFile(join(directory, "mine", file), text.replaceAll("http://127.0.0.1:8080", taken.origin))
    }
    const ended = await run(directory, [
      "dev",
      "--policies",
      "mine",
      "--port",
      String(port),
      "--upstream",
      "http://127.0.0.1:1/mcp",
    ])
    await taken.close()
    expect([ended.code, ended.stdout]).toEqual([1, ""])
    expect(ended.stderr).toContain(`error: port ${gateway} is taken\n  fix: End what listens there`)
    expect(ended.stderr).toContain("give gateway edge another port: `origins` in gateways.yaml.")
    await expect(fetch(`http://127.0.0.1:${port}/healthz`)).rejects.toThrow("fetch failed")
  },
  STACK_MS,
)

it(
  "begins again without what it had stored, with the users of a file",
  async () => {
    const port = await twoFreePorts()
    const users = join(directory, "users.yaml")
    await writeFile(users, "dana: [finance]\n")
    for (const more of [[], ["--fresh", "--users", users]]) {
      const args = [MAIN, "dev", "--policies", EXAMPLE, "--port", String(port), ...more]
      const dev = spawn(process.execPath, args, { cwd: directory, stdio: ["ignore", "pipe", "ignore"] })
      const said: string[] = []
      const lines = createInterface({ input: dev.stdout })
      for await (const line of lines) {
        said.push(line)
        if (line.startsWith("Publisher's key")) break
      }
      // A second start of the same state would publish bundle 2.
      expect(said.join("\n")).toContain("(bundle 1, ")
      const token = async (name: string) =>
        run(directory, ["token", "user", "--login", name, "--url", `http://127.0.0.1:${port}`])
      const found = [(await token("dana")).code, (await token("alice")).code]
      expect(found).toEqual(more.length === 0 ? [1, 0] : [0, 1])
      dev.kill("SIGTERM")
      await once(dev, "exit")
    }
    await writeFile(users, "- dana\n")
    const refused = await run(directory, ["dev", "--policies", EXAMPLE, "--users", users])
    expect(refused).toMatchObject({
      code: 2,
      stderr: expect.stringContaining("users.yaml has no users\n  fix: Write a name"),
    })
  },
  STACK_MS,
)

it("names another port if its own is taken", async () => {
  const port = await twoFreePorts()
  const taken = await listen(createServer(), port)
  const ended = await run(directory, ["dev", "--policies", EXAMPLE, "--port", String(port)])
  await taken.close()
  expect(ended).toMatchObject({
    code: 1,
    stderr: expect.stringContaining(`or choose another one, such as --port ${port + 10}.`),
  })
  expect(ended.stderr).not.toContain("defect")
})

it(
  "answers by no earlier bundle when it starts again after an edit",
  async () => {
    const [policies, state] = [join(directory, "edited"), join(directory, "state")]
    await cp(EXAMPLE, policies, { recursive: true })
    const port = await twoFreePorts()
    const first = await startStack({ policies, port, state })
    await first.close()
    const limits = join(policies, "guardrails.yaml")
    await writeFile(limits, (await readFile(limits, "utf8")).replaceAll("limit: 3\n", "limit: 4\n"))
    const answers: unknown[] = []
    const stop = new AbortController()
    const looking = (async () => {
      while (!stop.signal.aborted) {
        const answer = await fetch(`http://127.0.0.1:${port}/readyz`).then(
          async (response) => response.json(),
          () => null,
        )
        if (answer !== null) answers.push(answer)
        await sleep(5)
      }
    })()
    const second = await startStack({ policies, port, state })
    await expect.poll(() => answers.length, { timeout: 10_000 }).toBeGreaterThan(3)
    stop.abort()
    await looking
    await second.close()
    expect(second.first.pointer?.digest).not.toBe(first.first.pointer?.digest)
    const ready = { status: "ready", bundle: second.first.pointer }
    expect(answers).toEqual(answers.map(() => ready))
  },
  STACK_MS,
)

it(
  "keeps the record of the first publication, as it replaces no runtime that has yet to send it",
  async () => {
    const port = await twoFreePorts()
    const runtimes: string[] = []
    const watch = (message: unknown): void => {
      const child: unknown = Reflect.get(Object(message), "process")
      if (child instanceof ChildProcess)
        child.once("spawn", () => {
          if (basename(child.spawnfile).startsWith("workerd")) runtimes.push(child.spawnfile)
        })
    }
    subscribe("child_process", watch)
    const stack = await startStack({ policies: EXAMPLE, port, state: join(directory, "recorded") })
    unsubscribe("child_process", watch)
    try {
      const headers = { authorization: `Bearer ${await operatorToken({ origin: stack.provider })}` }
      const published = async (): Promise<unknown> => {
        const answer = await fetch(`${stack.origin}/v1/decisions?kind=management&decision=allow`, { headers })
        const { decisions } = recordsSchema.parse(await answer.json())
        return decisions.filter(({ method, path }) => method === "POST" && path === "/v1/bundles").length
      }
      await expect.poll(published, { timeout: 10_000 }).toBe(1)
      expect(runtimes).toHaveLength(1)
    } finally {
      await stack.close()
    }
  },
  STACK_MS,
)

const recordsSchema = z.object({
  decisions: z.array(z.looseObject({ method: z.string().nullish(), path: z.string().nullish() })),
})
