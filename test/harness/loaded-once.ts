/**
 * The Worker's module is loaded once. The runner's plugin asks for it before each request and before each call of an
 * object, by way of another object: two more requests, which take longer than most calls themselves. Here no test loads
 * the Worker again, so its module is at hand, and an object that has been made needs none.
 */
import { createRequire } from "node:module"
import * as main from "../../src/index.ts"

declare const __vitest_mocker__: { readonly moduleRunner: { import(id: string): Promise<unknown> } }

/** By this the plugin makes an object, if it has none, and finds its methods. */
const MAKE = "kEnsureInstance"
type Make = (this: object) => Promise<unknown>

let isDone = false

/** Files of tests share the isolate, and what is done here is done for all of them. */
export function loadOnce(): void {
  if (isDone) return
  isDone = true
  const runner = __vitest_mocker__.moduleRunner
  const load = runner.import.bind(runner)
  runner.import = async (id) => (id.endsWith("/src/index.ts") ? main : load(id))
  const classes = Object.values<{ readonly prototype: object }>(createRequire("/")("__VITEST_POOL_WORKERS_USER_OBJECT"))
  const known = classes.filter(({ prototype }) => makeOnce(prototype))
  if (known.length === 0) throw new Error("the runner's plugin makes objects in another way: this file is out of date")
}

function makeOnce(prototype: object): boolean {
  const key = Object.getOwnPropertySymbols(prototype).find(({ description }) => description === MAKE)
  if (!key) return false
  const make: Make = Reflect.get(prototype, key)
  const made = new WeakMap<object, unknown>()
  const once: Make = async function (this) {
    if (!made.has(this)) made.set(this, await make.call(this))
    return made.get(this)
  }
  return Reflect.set(prototype, key, once)
}
