/** The users of the development identity provider, from the file of `--users`. */
import { readFile } from "node:fs/promises"
import { parseDocument } from "yaml"
import { z } from "zod"
import { USERS, type Users } from "../cli/remote/local-stack.ts"
import { EXIT, Failure } from "../cli/terminal/failure.ts"

const usersFile = z.record(z.string().regex(/^[\w.@+-]{1,64}$/u), z.array(z.string().min(1).max(256)).max(100))

/** A name with its groups in each line, so that policies for other groups can be tried. */
export async function readUsers(file: string | undefined): Promise<Users> {
  if (file === undefined) return USERS
  const text = await readFile(file, "utf8")
  const read = usersFile.safeParse(parseDocument(text).toJS())
  const users = new Map(Object.entries(read.success ? read.data : {}))
  if (users.size > 0) return users
  throw new Failure(
    `${file} has no users`,
    "Write a name with its groups in each line, such as `dana: [finance]`.",
    EXIT.usage,
  )
}
