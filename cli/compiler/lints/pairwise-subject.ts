/**
 * Issuers whose `sub` is pairwise (OpenID Connect Core, section 8.1), if tokens for several of their clients are
 * accepted: one person is then several users, and begins a new history by another client.
 */
import type { Lint } from "./lint.ts"

/** Nothing in issuers.yaml says whether subjects are pairwise, so only providers are listed that always issue such. */
const PAIRWISE: readonly { readonly issuers: RegExp; readonly subject: string }[] = [
  // Microsoft Entra ID, versions 2.0 and 1.0, and national clouds.
  { issuers: /^https:\/\/login\.(?:microsoftonline\.(?:com|us)|partner\.microsoftonline\.cn)\//u, subject: "oid" },
  { issuers: /^https:\/\/sts\.(?:windows\.net|chinacloudapi\.cn)\//u, subject: "oid" },
]

export const pairwiseSubject: Lint = {
  name: "pairwise-subject",
  find: ({ policies: { issuers } }) =>
    issuers.value.issuers.flatMap(({ issuer = "", users }, index) => {
      const provider = PAIRWISE.find((each) => each.issuers.test(issuer))
      if (!provider || !users || users.claims.subject.join(".") !== "sub") return []
      const clients = [...new Set([...users.audiences, ...users.clients])]
      if (clients.length < 2) return []
      const message = `\`sub\` of this issuer is another one for each of \`${clients.join("`, `")}\`: one person is several users, each with a history of their own`
      const fix = `Write \`subject: ${provider.subject}\` in \`claims\`.`
      return [issuers.warning(["issuers", index, "users", "claims"], message, fix)]
    }),
}
