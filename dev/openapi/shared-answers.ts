/** Answers that several operations give stand in the components, once. */
import type { Answer, Operation, Paths } from "./operation.ts"

type Ref = { readonly $ref: string }
type Shared = Omit<Operation, "responses"> & { readonly responses: Readonly<Record<string, Answer | Ref>> }
export type SharedPaths = Readonly<Record<string, Readonly<Record<string, Shared>>>>

export function shareAnswers(paths: Paths): {
  readonly paths: SharedPaths
  readonly responses: Readonly<Record<string, Answer>>
} {
  const operations = Object.values(paths).flatMap((methods) => Object.values(methods))
  const all = operations.flatMap(({ responses }) => Object.entries(responses))
  const uses = Map.groupBy(all, ([status, answer]) => status + JSON.stringify(answer))
  const names = new Map<string, string>()
  const responses: Record<string, Answer> = {}
  for (const [key, [first, ...others]] of uses) {
    if (!first || others.length === 0) continue
    const [status, answer] = first
    if (Number(status) < 400) continue
    const name = nameOf(status, answer, responses)
    names.set(key, name)
    responses[name] = answer
  }
  const shared = ([status, answer]: readonly [string, Answer]): readonly [string, Answer | Ref] => {
    const name = names.get(status + JSON.stringify(answer))
    return [status, name === undefined ? answer : { $ref: `#/components/responses/${name}` }]
  }
  const ofMethods = (methods: Paths[string]) =>
    Object.fromEntries(
      Object.entries(methods).map(([method, operation]) => [
        method,
        { ...operation, responses: Object.fromEntries(Object.entries(operation.responses).map(shared)) },
      ]),
    )
  return {
    paths: Object.fromEntries(Object.entries(paths).map(([path, methods]) => [path, ofMethods(methods)])),
    responses,
  }
}

/** By the codes that it names, or in words. */
function nameOf(status: string, { description }: Answer, taken: Readonly<Record<string, Answer>>): string {
  const codes = Array.from(description.matchAll(/`([a-z_]+)`/gu), ([, code = ""]) => code)
  const words = codes.length > 0 ? codes : [...description.toLowerCase().matchAll(/[a-z]+/gu)].map(([word]) => word)
  const name = [status, ...words].join(".")
  return name in taken ? `${name}.${Object.keys(taken).length}` : name
}
