/** The policies of a drill: a copy of the example's that can be published as it stands, because it names real places. */
import { createHash } from "node:crypto"
import { readdir, readFile, mkdir, writeFile } from "node:fs/promises"
import { join } from "node:path"
import { type Document, parseDocument, YAMLSeq } from "yaml"
import { PACKAGE } from "../../cli/package.ts"
import { developmentKey, type Origins } from "../../cli/remote/local-stack-policies.ts"

/** @param origins those that the example names → where the drill's are */
export async function copyPolicies(to: string, origins: Origins): Promise<void> {
  const example = join(PACKAGE, "policies")
  await mkdir(to)
  for (const name of await readdir(example)) {
    const text = await readFile(join(example, name), "utf8")
    const moved = [...origins].reduce((so, [written, actual]) => so.replaceAll(written, actual), text)
    await writeFile(join(to, name), moved)
  }
  await editPolicies(to, "gateways.yaml", (document) => {
    for (const [index, id] of namesIn(document, "gateways", "id").entries()) {
      const hash = createHash("sha256").update(developmentKey(id)).digest("hex")
      document.setIn(["gateways", index, "key_sha256"], [hash])
    }
  })
}

export async function editPolicies(directory: string, file: string, edit: (document: Document) => void): Promise<void> {
  const path = join(directory, file)
  const document = parseDocument(await readFile(path, "utf8"))
  edit(document)
  await writeFile(path, document.toString())
}

/** The names of a list's entries, in its order. */
export function namesIn(document: Document, list: string, member: string): readonly string[] {
  return listAt(document, [list]).items.map((_, index) => String(document.getIn([list, index, member])))
}

export function valuesAt(document: Document, path: readonly (string | number)[]): readonly string[] {
  return listAt(document, path).items.map(String)
}

function listAt(document: Document, path: readonly (string | number)[]): YAMLSeq {
  const list: unknown = document.getIn(path)
  if (!(list instanceof YAMLSeq)) throw new Error(`the example has no ${path.join(".")}`)
  return list
}

/** The path of the entry of a list that has this name. */
export function entryOf(document: Document, list: string, member: string, name: string): readonly [string, number] {
  const index = namesIn(document, list, member).indexOf(name)
  if (index === -1) throw new Error(`the example's ${list} have no ${name}`)
  return [list, index]
}
