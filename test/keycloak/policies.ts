/**
 * The example policies with the pages' entries: people come from Keycloak, and sign in there and nowhere else; and one
 * agent has an account there.
 */
import { appendFile, cp, mkdtemp, readFile, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join, resolve } from "node:path"
import { parse, stringify } from "yaml"
import { z } from "zod"

const EXAMPLE = resolve(import.meta.dirname, "../../policies")

const issuersFile = z.object({ issuers: z.array(z.looseObject({ id: z.string() })) })
const operatorsFile = z.object({ operators: z.array(z.looseObject({ issuer: z.string() })) })
const approversFile = z.object({
  approvals: z.array(z.looseObject({ approvers: z.array(z.looseObject({ issuer: z.string() })) })),
})

type Entry = Readonly<Record<string, unknown>>

const agentsFile = z.looseObject({ agents: z.array(z.looseObject({ id: z.string() })) })

/** As the one of the agent that the example has for this purpose. */
const ruleOf = (agent: unknown): string => `
@id("keycloak-account-lists-tickets")
permit (
  principal == Agent::${JSON.stringify(agent)},
  action in [Action::"read", Action::"delegate"],
  resource == Tool::"crm.tickets.list"
);
`

/** @param operator `sub` of the one who also manages */
export async function policiesWith(
  all: { readonly people: Entry; readonly accounts: Entry; readonly agent: Entry },
  operator: string,
): Promise<AsyncDisposable & { readonly path: string }> {
  const path = await mkdtemp(join(tmpdir(), "narrowgate-policies-"))
  const dispose = async (): Promise<void> => rm(path, { recursive: true, force: true })
  const edit = async (name: string, change: (file: unknown) => unknown): Promise<void> =>
    writeFile(join(path, name), stringify(change(parse(await readFile(join(path, name), "utf8")))))
  try {
    await cp(EXAMPLE, path, { recursive: true })
    await edit("issuers.yaml", (file) => {
      const issuers = issuersFile.parse(file).issuers.map(({ sign_in: _elsewhere, ...issuer }) => issuer)
      return { issuers: [...issuers, all.people, all.accounts] }
    })
    await edit("agents.yaml", (file) => {
      const { agents, ...rest } = agentsFile.parse(file)
      return { ...rest, agents: [...agents, all.agent] }
    })
    await appendFile(join(path, "support.cedar"), ruleOf(all.agent["id"]))
    await edit("operators.yaml", (file) => {
      const { operators } = operatorsFile.parse(file)
      return { operators: [...operators, { issuer: "keycloak", subject: operator, roles: ["viewer", "approver"] }] }
    })
    await edit("approvers.yaml", (file) => {
      const { approvals } = approversFile.parse(file)
      const from = (each: { readonly issuer: string }) => ({ ...each, issuer: "keycloak" })
      return { approvals: approvals.map((each) => ({ ...each, approvers: each.approvers.map(from) })) }
    })
    return { path, [Symbol.asyncDispose]: dispose }
  } catch (error) {
    await dispose()
    throw error
  }
}
