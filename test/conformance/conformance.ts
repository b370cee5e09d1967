/**
 * Runs one folder of public vectors. Every file of it is either read by a case or set aside by name, and at least one
 * case is run, so that a vector that is new or gone fails the run.
 */
import { describe, expect, inject, test } from "vitest"
import type { z } from "zod"
import type { Deviation, Files, Folder } from "./folders.ts"

export function conformance(folder: Folder, register: (cases: Cases) => void): void {
  describe(folder, () => {
    const vectors = inject("vectors")
    if (!vectors) {
      test.skip("skipped: CONFORMANCE_VECTORS names no directory of vectors", () => undefined)
      return
    }
    const cases = new Cases(folder, vectors[folder] ?? {})
    register(cases)
    test("every file of the folder is known, and some case is run", () => {
      expect(cases.unknown).toEqual([])
      expect(cases.count).toBeGreaterThan(0)
    })
  })
}

export class Cases {
  readonly #folder: Folder
  readonly #files: Files
  readonly #known = new Set<string>()
  #count = 0

  constructor(folder: Folder, files: Files) {
    this.#folder = folder
    this.#files = files
  }

  get count(): number {
    return this.#count
  }

  get unknown(): readonly string[] {
    return Object.keys(this.#files).filter((path) => !this.#known.has(path))
  }

  get paths(): readonly string[] {
    return Object.keys(this.#files)
  }

  text(path: string): string {
    const text = this.#files[path]
    if (text === undefined) throw new Error(`the vectors lack ${this.#folder}/${path}`)
    this.#known.add(path)
    return text
  }

  json<T>(path: string, schema: z.ZodType<T>): T {
    return schema.parse(JSON.parse(this.text(path)))
  }

  /** Files that hold no vector. */
  setAside(...paths: readonly string[]): void {
    for (const path of paths) this.text(path)
  }

  /** @param run returns where we mean to differ; throws where we differ otherwise */
  case(name: string, run: () => Promise<readonly Deviation[] | void>): void {
    this.#count += 1
    const folder = this.#folder
    test(name, async ({ task }) => {
      const meta = { folder, deviations: [] as readonly Deviation[] }
      task.meta.conformance = meta
      meta.deviations = (await run()) ?? []
    })
  }
}
