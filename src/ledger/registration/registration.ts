/**
 * The registration of one client (RFC 7591): one Durable Object for each, named by the client's id. The authorization
 * endpoint and the token endpoint read it, so that no single object stands in the way of all sign-ins. It is deleted when
 * it expires or is revoked, and an unknown client has none: reading writes nothing.
 */
import type { RegistrationDefinition } from "../../core/policy/definition/registration.ts"
import { isOfClass, registeredClientId } from "../../core/policy/registered-clients.ts"
import { keepVersion } from "../../platform/storage/version.ts"
import { StoredObject } from "../../platform/storage/stored-object.ts"
import type { RequestContext } from "../../request-context.ts"

export interface ClientRegistration {
  /** What the client calls itself: an unverified claim. Null if it says nothing. */
  readonly name: string | null
  readonly redirectUris: readonly string[]
  /** Milliseconds. */
  readonly registeredAt: number
  /** Milliseconds. */
  readonly expiresAt: number
}

/** The time of a client's last token is stored once in this time at most: it need not be more exact. */
const USED_AGAIN_MS = 3_600_000

export class Registration extends StoredObject {
  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env, "Registration", "later")
  }

  async begin(registration: ClientRegistration): Promise<void> {
    keepVersion("Registration", this.ctx.storage)
    this.ctx.storage.kv.put("registration", registration)
    await this.ctx.storage.setAlarm(registration.expiresAt)
  }

  read(): ClientRegistration | null {
    const registration = this.ctx.storage.kv.get<ClientRegistration>("registration")
    return registration && Date.now() < registration.expiresAt ? registration : null
  }

  /** A token was issued to the client. */
  markUsed(): void {
    const now = Date.now()
    if (!this.read() || now - (this.usedAt() ?? 0) < USED_AGAIN_MS) return
    this.ctx.storage.kv.put("usedAt", now)
  }

  /** Milliseconds. Null: never. */
  usedAt(): number | null {
    return this.ctx.storage.kv.get<number>("usedAt") ?? null
  }

  async end(): Promise<void> {
    await this.ctx.storage.deleteAlarm()
    await this.ctx.storage.deleteAll()
  }

  protected override async onAlarm(): Promise<void> {
    await this.ctx.storage.deleteAll()
  }
}

export const registrationObject = (env: Env, id: string): DurableObjectStub<Registration> =>
  env.REGISTRATION.getByName(id)

/**
 * The registration of a client, if it has one that is neither expired nor revoked. An id of another form than ours
 * reaches no object.
 */
export async function registrationOf(
  id: string,
  definition: RegistrationDefinition | null,
  { env, config }: RequestContext,
): Promise<ClientRegistration | null> {
  return definition && isOwnClient(id, definition, config.issuer) ? registrationObject(env, id).read() : null
}

/** Whether it is an id that this Worker could have given to a client of the class. */
export function isOwnClient(id: string, definition: RegistrationDefinition, issuer: string): boolean {
  return isOfClass(definition, id) && id.startsWith(registeredClientId(issuer, definition, ""))
}
