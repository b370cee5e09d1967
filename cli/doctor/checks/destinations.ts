/** Every issuer, sink and receiver has a URL that the Worker may request. */
import { refusedDestinations } from "../../../src/core/policy/destinations.ts"
import { about, ok, problem, type Finding } from "../finding.ts"
import { withoutPolicies, type Subject } from "../subject.ts"

export function checkDestinations(subject: Subject): readonly Finding[] {
  const { body, loopback, url } = subject
  if (!body) return [withoutPolicies(subject)]
  const refused = refusedDestinations(body, loopback)
  if (refused.length === 0) return [ok("the Worker may request each issuer, sink and receiver")]
  return refused.map(({ kind, id, url: refusedUrl }) =>
    about(
      id,
      problem(
        `the Worker at ${url} never requests the ${kind} ${refusedUrl}`,
        kind === "issuer"
          ? `Name a public https URL in issuers.yaml. An identity provider on the Worker's machine is for a trial: serve --trial.`
          : `Name a public https URL, or allow \`local\` in \`outbound_networks\` of \`narrowgate serve\`.`,
      ),
    ),
  )
}
