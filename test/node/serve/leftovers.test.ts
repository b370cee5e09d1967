/** What killed backups have left beside a file is removed; what others have put there is not touched, nor followed. */
import { existsSync } from "node:fs"
import { mkdir, mkdtemp, readdir, rm, symlink } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, beforeAll, expect, test } from "vitest"
import { removeLeftovers } from "../../../serve/backup-command.ts"

let place: string
beforeAll(async () => {
  place = await mkdtemp(join(tmpdir(), "narrowgate-leftovers-"))
})
afterAll(async () => rm(place, { recursive: true, force: true }))

test("in a directory where others can write, such as /tmp", async () => {
  const [shared, victim] = [join(place, "shared"), join(place, "victim")]
  await mkdir(shared)
  await mkdir(victim)
  const name = (what: string): string => join(shared, `.narrowgate-backup-${what}`)
  await mkdir(name("left"), { mode: 0o700 })
  await symlink(victim, name("link"))
  // As of somebody else: a file of any name would be made by who runs the backup.
  await mkdir(name("open"), { mode: 0o755 })
  await symlink(join(victim, "nologin"), join(name("open"), "lock"))
  await removeLeftovers(shared)
  expect(await readdir(victim)).toEqual([])
  expect((await readdir(shared)).toSorted()).toEqual([".narrowgate-backup-link", ".narrowgate-backup-open"])
  expect(existsSync(join(victim, "nologin"))).toBe(false)
})
