import { LIMIT_KINDS } from "./kinds.ts"
import { soak } from "./soak.ts"

soak(LIMIT_KINDS)
