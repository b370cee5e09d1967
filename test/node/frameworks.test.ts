/** `docs/security` makes no claim without a test, and every scenario of `test/assurance` is carried out. */
import { globSync } from "node:fs"
import { join } from "node:path"
import { expect, test } from "vitest"
import { splitTest } from "../../dev/reference/frameworks.ts"
import { FRAMEWORKS } from "../assurance/frameworks/index.ts"
import { DEMANDS } from "../assurance/guidance.ts"
import { ROOT } from "./bare-workerd.ts"
import { missingTests } from "./claimed-tests.ts"

const entries = FRAMEWORKS.flatMap((framework) =>
  framework.entries.map((entry) => ({ framework: framework.id, ...entry })),
)
const demonstrations = new Set(entries.flatMap(({ shownBy }) => shownBy))

/** Of the guidance. */
const demands = DEMANDS.map((demand) => ({ id: demand.title, ...demand }))

test("each entry that is not outside is shown by an attack or by a test, and each id occurs once", () => {
  const claimed = [...entries.filter(({ coverage }) => coverage !== "outside"), ...demands]
  expect(claimed.filter(({ shownBy, tests = [] }) => shownBy.length + tests.length === 0)).toEqual([])
  const ids = entries.flatMap(({ framework, id, ids: several = [id] }) => several.map((each) => `${framework} ${each}`))
  expect(ids.filter((id, at) => ids.indexOf(id) !== at)).toEqual([])
})

test("each test that an entry names exists", async () => {
  const named = [...entries, ...demands].flatMap(({ tests = [] }) => tests.map(splitTest))
  expect(named.length).toBeGreaterThan(50)
  expect(await missingTests(named.map(([file, title]) => ({ file, title })))).toEqual([])
})

test("each scenario has a name of its own, and is shown for an entry", async () => {
  const files = globSync("test/assurance/scenarios/*.ts", { cwd: ROOT })
  const defined = await Promise.all(files.map(async (file): Promise<object> => import(join(ROOT, file))))
  const scenarios = defined
    .flatMap((file) => Object.entries(file))
    .filter(([, value]) => Object.hasOwn(Object(value), "control"))
  expect(scenarios.filter(([, value]) => !demonstrations.has(value)).map(([name]) => name)).toEqual([])
  const names = scenarios.map(([, { name }]) => name)
  expect(names.length).toBeGreaterThan(25)
  expect(new Set(names).size).toBe(names.length)
})
