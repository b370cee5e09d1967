/** All attacks, by family. */
import { algorithms } from "./algorithms.ts"
import { assertions } from "./assertions.ts"
import { audiences } from "./audiences.ts"
import { authorization } from "./authorization.ts"
import { encodings } from "./encodings.ts"
import { federation } from "./federation.ts"
import { handovers } from "./handovers.ts"
import { headers } from "./headers.ts"
import { issuers } from "./issuers.ts"
import { keys } from "./keys.ts"
import { kinds } from "./kinds.ts"
import { pages } from "./pages.ts"
import { proofs } from "./proofs.ts"
import { singleUse } from "./single-use.ts"
import { stepUp } from "./step-up.ts"
import { tasks } from "./tasks.ts"
import { times } from "./times.ts"
import { workloadSubjects } from "./workloads.ts"

export const FAMILIES = {
  algorithms,
  headers,
  kinds,
  audiences,
  issuers,
  workloadSubjects,
  times,
  encodings,
  authorization,
  proofs,
  singleUse,
  assertions,
  federation,
  pages,
  stepUp,
  handovers,
  tasks,
  keys,
}
