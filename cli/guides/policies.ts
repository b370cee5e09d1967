/** A policy directory, as the commands that print configurations need it. */
import { parsePolicies, type Policies } from "../compiler/model/policies.ts"
import { readPolicies } from "../compiler/model/read-directory.ts"
import { CALLED } from "../terminal/program-name.ts"
import { Failure } from "../terminal/failure.ts"

export async function policiesIn(directory: string): Promise<Policies> {
  const { texts, problems: missing } = await readPolicies(directory)
  const { policies, problems } = parsePolicies(texts)
  if (policies) return policies
  const [first] = [...missing, ...problems]
  throw new Failure(`${directory}: ${first?.message ?? "a file is missing"}`, `\`${CALLED} check\` shows all problems.`)
}
