/** approvers.yaml as a bundle has it: people by the `iss` of their tokens. */
import type { BundleBody } from "../../../src/core/policy/bundle.ts"
import type { ApprovalDefinition, Approver, Approving } from "../../../src/core/policy/definition/approvers.ts"
import type { ApproversFile, WrittenApproving } from "../schema/approvers.ts"
import type { IssuersFile } from "../schema/issuers.ts"

export function approversOf(file: ApproversFile, issuers: IssuersFile): Pick<BundleBody, "approvals" | "owners"> {
  const urls = new Map(issuers.issuers.map(({ id, issuer = "" }) => [id, issuer]))
  const toApproving = ({ issuer: id, subject, group }: WrittenApproving): Approving => {
    const issuer = urls.get(id) ?? ""
    return group === undefined ? { kind: "person", issuer, subject: subject ?? "" } : { kind: "group", issuer, group }
  }
  const toApprover = (written: ApproversFile["approvals"][number]["approvers"][number]): Approver =>
    typeof written === "string" ? { kind: written } : toApproving(written)
  const approvals = file.approvals.map((approval): ApprovalDefinition => {
    return { ...approval, approvers: approval.approvers.map(toApprover) }
  })
  const owners = Object.entries(file.owners).map(([owner, people]) => [owner, people.map(toApproving)] as const)
  return { approvals, owners: Object.fromEntries(owners) }
}
