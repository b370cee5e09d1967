/**
 * The layers of a case: what its file gives, what the test sets over that, and what the case sets over both. Each field
 * has the value of the last layer that sets it, with its place.
 */
import { suggest } from "../../src/core/encoding/nearest.ts"
import type { Problem } from "../compiler/source/problem.ts"
import type { Path, Source } from "../compiler/source/source.ts"
import type { TestQuestion, ClientText, Given } from "./schema.ts"

export interface Layer {
  readonly value: TestQuestion
  /** Where this is set. */
  readonly at: (key: keyof TestQuestion) => Path
}

export type Present<Value> = Value & ({} | null)

export interface LayerResult<Value> {
  readonly value: Value
  readonly path: Path
}

/** Ends the reading of a case: one problem in it is enough. */
export class Faulty extends Error {
  readonly problem: Problem
  constructor(problem: Problem) {
    super(problem.message)
    this.problem = problem
  }
}

/** Pairs of fields of which each one resets the other. */
const INSTEAD: Partial<Record<keyof Given, keyof Given>> = {
  agent: "chain",
  chain: "agent",
  scope: "details",
  details: "scope",
}

/** A map or a set of names. */
type KnownLayer = Pick<ReadonlyMap<string, unknown>, "has" | "keys">

export class Layers {
  /** In ascending order of precedence. */
  readonly layers: readonly Layer[]
  /** The layers of the case. */
  readonly path: Path
  readonly #source: Source<unknown>

  constructor(source: Source<unknown>, layers: readonly Layer[], path: Path) {
    this.#source = source
    this.layers = layers
    this.path = path
  }

  said<Key extends keyof TestQuestion>(key: Key): LayerResult<Present<TestQuestion[Key]>> | undefined {
    const layer = this.layers.findLast(({ value }) => value[key] !== undefined)
    const value = layer?.value[key]
    return layer && value !== undefined ? { value, path: layer.at(key) } : undefined
  }

  need<Key extends keyof TestQuestion>(
    key: Key,
    message = `there is no \`${key}\``,
    fix = "Write it.",
  ): LayerResult<Present<TestQuestion[Key]>> {
    return this.said(key) ?? this.fault(this.path, message, fix)
  }

  given<Key extends keyof Given>(key: Key): LayerResult<Present<Given[Key]>> | undefined {
    const instead = INSTEAD[key]
    const layer = this.layers.findLast(({ value: { given } }) => {
      return given && (given[key] !== undefined || (instead !== undefined && given[instead] !== undefined))
    })
    const value = layer?.value.given?.[key]
    return layer && value !== undefined ? { value, path: [...layer.at("given"), key] } : undefined
  }

  /** Merged member by member: a test about a user's session need not repeat who the user is. */
  user(): LayerResult<NonNullable<Given["user"]>> | null {
    const givens = this.layers.flatMap(({ value: { given }, at }) =>
      given?.user === undefined ? [] : [{ user: given.user, path: [...at("given"), "user"] }],
    )
    // `nobody` clears the user: earlier layers describe another one.
    const parts = givens.slice(givens.findLastIndex(({ user }) => user === null) + 1)
    const path = parts.at(-1)?.path
    if (!path) return null
    const value: NonNullable<Given["user"]> = {}
    for (const part of parts) Object.assign(value, part.user)
    return { value, path }
  }

  /** @param what the kind of thing, and the file that defines such things */
  layer(layer: KnownLayer, { value: name, path }: LayerResult<string>, what: string, file: string): void {
    if (layer.has(name)) return
    this.fault(path, `there is no ${what} \`${name}\``, suggest(name, layer.keys(), `Name one of ${file}.`))
  }

  oneOf<Word extends string>(words: readonly Word[], word: string, path: Path, what: string): Word {
    const found = words.find((each) => each === word)
    return found ?? this.fault(path, `\`${word}\` is no ${what}`, suggest(word, words, "Write a known one."))
  }

  /**
   * What is asserted of the client, by where it is set.
   * @param of the call of the query, or an earlier one with its own members
   */
  client(
    of: "question" | { readonly step: LayerResult<ClientText> | undefined },
  ): Readonly<Partial<Record<keyof ClientText, LayerResult<string>>>> {
    const given = this.layers.flatMap(({ value: { given }, at }) =>
      given?.client ? [{ value: given.client, path: [...at("given"), "client"] }] : [],
    )
    const clients = this.layers.flatMap(({ value, at }) =>
      value.client ? [{ value: value.client, path: at("client") }] : [],
    )
    const found: Partial<Record<keyof ClientText, LayerResult<string>>> = {}
    for (const { value, path } of [...given, ...(of === "question" ? clients : of.step ? [of.step] : [])]) {
      const { country, ip } = value
      if (country !== undefined) found.country = { value: country, path: [...path, "country"] }
      if (ip !== undefined) found.ip = { value: ip, path: [...path, "ip"] }
    }
    return found
  }

  fault(path: Path, message: string, fix: string): never {
    throw new Faulty(this.#source.error(path, message, fix))
  }
}
