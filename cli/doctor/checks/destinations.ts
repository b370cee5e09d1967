/** Every issuer, sink and receiver has a URL that the Worker may request. */
import { refusedDestinations } from "../../../src/core/policy/destinations.ts"
import { CALLED } from "../../terminal/program-name.ts"
import { about, ok, problem, skipped, type Finding } from "../finding.ts"
import { isAlive, withoutPolicies, type Subject } from "../subject.ts"

export async function checkDestinations(subject: Subject): Promise<readonly Finding[]> {
  const { body, loopback, url, get } = subject
  if (!body) return [withoutPolicies(subject)]
  if (!isAlive(await get(new URL("/healthz", url)))) return [skipped(`no Worker answers at ${url}`)]
  const refused = refusedDestinations(body, loopback)
  if (refused.length === 0) return [ok("the Worker may request each issuer, sink and receiver")]
  return refused.map(({ kind, id, url: refusedUrl }) =>
    about(
      id,
      problem(
        `the Worker at ${url} never requests the ${kind} ${refusedUrl}`,
        kind === "issuer"
          ? `Name a public https URL in issuers.yaml. An identity provider on the Worker's machine is for a trial: ${CALLED} serve --trial.`
          : `Name a public https URL, or allow \`local\` in \`outbound_networks\` of \`${CALLED} serve\`.`,
      ),
    ),
  )
}
