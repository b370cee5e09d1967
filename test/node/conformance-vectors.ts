/**
 * Before the conformance run: public vectors stay in the directory that CONFORMANCE_VECTORS names. They are read from
 * there and handed to workerd, which has no file system.
 */
import { readdirSync, readFileSync } from "node:fs"
import { join, relative, sep } from "node:path"
import type { TestProject } from "vitest/node"
import { FOLDERS, type Files, type Folder } from "../conformance/folders.ts"
import { prepareCedar } from "./cedar-vectors.ts"

/** The policies of Cedar's vectors are lowered here, as they are when a bundle is built: workerd never parses one. */
const PREPARED: Readonly<Partial<Record<Folder, (files: Files) => Files>>> = { cedar: prepareCedar }

function filesOf(root: string): Files {
  const entries = readdirSync(root, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile())
  const paths = entries.map(({ parentPath, name }) => join(parentPath, name)).toSorted()
  return Object.fromEntries(
    paths.map((path) => [relative(root, path).replaceAll(sep, "/"), readFileSync(path, "utf8")] as const),
  )
}

export default function provideVectors(project: TestProject): void {
  const directory = process.env["CONFORMANCE_VECTORS"] ?? ""
  if (directory === "") return project.provide("vectors", null)
  const folders = FOLDERS.map((folder) => {
    const files = filesOf(join(directory, folder))
    return [folder, PREPARED[folder]?.(files) ?? files] as const
  })
  project.provide("vectors", Object.fromEntries(folders))
}
