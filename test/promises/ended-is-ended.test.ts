import fc from "fast-check"
import { describe, expect, test, vi } from "vitest"
import { childForm, openChild, openTask, postForm, type OpenTask } from "../harness/agents.ts"
import { publish, yard } from "../harness/bundles.ts"
import { yardForEach } from "../harness/each-test.ts"
import { callWith } from "../harness/gateways.ts"
import { forgetCaches, killObjects } from "../harness/isolate.ts"
import { callsOf, evict } from "../harness/ledgers.ts"
import { bearerOf, complete, manage } from "../harness/management.ts"
import { liftWhole, stop } from "../harness/switches.ts"

yardForEach()

const codeOf = async ({ token }: OpenTask, path = "/files"): Promise<string> => (await callWith(token, path)).code

/** A root with two children, one of which has a child of its own. */
async function family() {
  const root = await openTask("first")
  const left = await openChild(root.token, "second")
  const right = await openChild(root.token, "second")
  const below = await openChild(left.token, "third")
  return { root, left, right, below }
}

describe("ended is ended", () => {
  test.each([
    ["a leaf", "below", ["below"]],
    ["a parent in the middle: its subtree, not its siblings", "left", ["left", "below"]],
    ["the root: all", "root", ["root", "left", "right", "below"]],
  ] as const)("ending %s", async (_what, which, dead) => {
    const tasks = await family()
    for (const task of Object.values(tasks)) expect(await codeOf(task)).toBe("ok")
    const ended = await complete(tasks[which].task, `Bearer ${tasks[which].token}`)
    expect(ended).toEqual(dead.map((name) => tasks[name].task).toSorted())
    for (const [name, task] of Object.entries(tasks)) {
      expect(await codeOf(task), name).toBe(dead.some((each) => each === name) ? "invalid_token" : "ok")
    }
  })

  test("whatever tree, exactly the task and those below it end", async () => {
    const shape = fc.tuple(fc.array(fc.nat(), { maxLength: 5 }), fc.nat())
    const property = fc.asyncProperty(shape, async ([parents, chosen]) => {
      const agents = ["first", "second", "third", "fourth"]
      const tasks: OpenTask[] = [await openTask("first")]
      for (const index of parents) {
        const parent = tasks[index % tasks.length]
        const depth = parent ? parent.task.split(".").length : 9
        if (parent && depth < 4) tasks.push(await openChild(parent.token, agents[depth] ?? ""))
      }
      const victim = tasks[chosen % tasks.length]
      if (!victim) return
      await complete(victim.task, await bearerOf("operator"))
      for (const task of tasks) {
        const below = task.task === victim.task || task.task.startsWith(`${victim.task}.`)
        expect(await codeOf(task)).toBe(below ? "invalid_token" : "ok")
      }
    })
    await fc.assert(property, { seed: 20261125, numRuns: 15 })
  })

  test.each(["agent", "operator"])(
    "a call that races the end by the %s is admitted before the answer or not at all",
    async (who) => {
      // With both, a thousand calls.
      for (let round = 0; round < 17; round++) {
        const task = await openTask("first")
        const child = await openChild(task.token, "second")
        let acknowledged = false
        const late: string[] = []
        const ask = async (pause: number): Promise<void> => {
          await new Promise((resolve) => setTimeout(resolve, pause))
          const began = acknowledged
          const code = await codeOf(pause % 2 === 0 ? task : child)
          if (began) late.push(code)
        }
        const by = who === "agent" ? `Bearer ${task.token}` : await bearerOf("operator")
        const end = async (): Promise<void> => {
          await new Promise((resolve) => setTimeout(resolve, 4))
          await complete(task.task, by)
          acknowledged = true
        }
        await Promise.all([end(), ...Array.from({ length: 30 }, async (_, index) => ask(index))])
        const counted = await callsOf(task.task)
        expect(late.length).toBeGreaterThan(0)
        expect(new Set(late)).toEqual(new Set(["invalid_token"]))
        expect(await codeOf(task)).toBe("invalid_token")
        expect(await callsOf(task.task)).toBe(counted)
      }
    },
  )

  test("survives eviction and crash", async () => {
    const { root, left, right, below } = await family()
    await complete(left.task, `Bearer ${left.token}`)
    await killObjects()
    expect([await codeOf(left), await codeOf(below), await codeOf(right)]).toEqual([
      "invalid_token",
      "invalid_token",
      "ok",
    ])
    await evict(root.task)
    expect([await codeOf(left), await codeOf(below), await codeOf(root)]).toEqual([
      "invalid_token",
      "invalid_token",
      "ok",
    ])
  })

  test("an ended task gives no new token and no child, also through a descendant's token", async () => {
    const { root, left, below } = await family()
    await complete(left.task, `Bearer ${left.token}`)
    for (const [parent, agent] of [
      [left, "second"],
      [left, "third"],
      [below, "third"],
      [below, "fourth"],
    ] as const) {
      const { refused } = await postForm(await childForm(parent.token, agent))
      expect(refused).toMatchObject({ error: "invalid_request", error_description: "The parent task has ended." })
    }
    expect((await postForm(await childForm(root.token, "second"))).status).toBe(200)
  })

  describe("a gateway's retry of the call that finished a plan", () => {
    const list = async ({ token }: OpenTask, id = "r1", path = "/files") =>
      callWith(token, path, { headers: { "X-Request-Id": id } })
    const asOperator = async (path: string, body: unknown = null): Promise<void> => {
      const { status } = await manage("POST", path, await bearerOf("operator"), {}, body)
      expect(status).toBe(200)
    }

    /** A root, its child and a child of that, of which `planned` has the plan that one call of the last one finishes. */
    async function lineOf(planned: "root" | "middle" | "leaf") {
      const body = await yard()
      const agents = body.agents.map((agent) => ({ ...agent, purposes: [...agent.purposes, "strict"] }))
      await publish({ ...body, agents }, 2)
      forgetCaches()
      const asked = (which: typeof planned) => (which === planned ? { purpose: "strict" } : {})
      const root = await openTask("first", asked("root"))
      const middle = await openChild(root.token, "second", asked("middle"))
      const leaf = await openChild(middle.token, "third", asked("leaf"))
      return { root, middle, leaf }
    }

    test.each(["root", "middle", "leaf"] as const)("is allowed where the plan is that of the %s", async (planned) => {
      const { leaf } = await lineOf(planned)
      const first = await list(leaf)
      const again = await list(leaf)
      expect([first.code, again.code, again.decision]).toEqual(["ok", "ok", first.decision])
      expect((await list(leaf, "r2")).code).toBe("invalid_token")
    })

    test.each(
      (["root", "middle", "leaf"] as const).flatMap((planned) =>
        (["root", "middle", "leaf"] as const).flatMap((ended) =>
          (["complete", "revocation", "quarantine"] as const).map((how) => [planned, ended, how] as const),
        ),
      ),
    )("is denied where the plan is that of the %s and an end of the %s was acknowledged since: %s", async (...of) => {
      const [planned, which, how] = of
      const tasks = await lineOf(planned)
      expect((await list(tasks.leaf)).code).toBe("ok")
      const { task } = tasks[which]
      if (how === "revocation") await asOperator("/v1/revocations", { task })
      else await asOperator(`/v1/tasks/${task}/${how}`)
      expect((await list(tasks.leaf)).code).toBe("invalid_token")
    })

    test("is denied where the root's own agent has ended it since", async () => {
      const { root, leaf } = await lineOf("leaf")
      expect((await list(leaf)).code).toBe("ok")
      await complete(root.task, `Bearer ${root.token}`)
      expect((await list(leaf)).code).toBe("invalid_token")
    })

    test("is denied once its agent, its user or everything is stopped", async () => {
      const stops = [
        { kind: "agent", agent: "spiffe://example.org/agent/first" },
        { kind: "user", user: "https://idp.test|alice" },
        { kind: "everything" },
      ] as const
      for (const stopped of stops) {
        const { leaf } = await lineOf("root")
        expect((await list(leaf)).code).toBe("ok")
        const id = await stop(stopped)
        expect((await list(leaf)).code).toBe("invalid_token")
        await liftWhole(id)
      }
    })

    test("is denied of another call, though that was allowed before the plan was finished", async () => {
      const task = await openTask("first", { purpose: "any-order" })
      expect((await list(task, "r1", "/files/a")).code).toBe("ok")
      expect((await list(task, "r1", "/files/a")).code).toBe("ok")
      expect((await list(task, "r2")).code).toBe("ok")
      expect((await list(task, "r3", "/files/b")).code).toBe("ok")
      expect((await list(task, "r1", "/files/a")).code).toBe("invalid_token")
      expect((await list(task, "r3", "/files/b")).code).toBe("ok")
    })
  })

  test("an expired task is ended, whatever its children's tokens say", async () => {
    const start = Date.now()
    vi.useFakeTimers({ toFake: ["Date"] })
    vi.setSystemTime(start)
    const root = await openTask("first", { purpose: "errand", scope: "files.*:read" })
    const child = await openChild(root.token, "second", { purpose: "work" })
    vi.setSystemTime(start + 119_000)
    expect([await codeOf(root, "/files/a"), await codeOf(child, "/files/a")]).toEqual(["ok", "ok"])
    vi.setSystemTime(start + 121_000)
    expect([await codeOf(root, "/files/a"), await codeOf(child, "/files/a")]).toEqual([
      "invalid_token",
      "invalid_token",
    ])
  })
})
