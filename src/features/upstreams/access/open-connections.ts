import { CLOSE_CODES } from '../../../contract/close-codes.js'
import { AccessRechecker, type AuthorisedConnection } from '../../../kernel/authz/access-rechecker.js'
import type { AccessRules, Standing } from '../../../kernel/authz/access-rules.js'
import type { ClientLocation, Credential } from '../../../kernel/authz/caller.js'
import type { FactsReader } from '../../../kernel/authz/facts-reader.js'
import type { JobLog } from '../../../kernel/jobs/schedule.js'
import type { Problem } from '../../../kernel/problems/problems.js'
import { closeCodeOf, closeForRestart } from '../../../kernel/sockets/close.js'
import type { Bus } from '../../../kernel/store/bus.js'
import type { Clock } from '../../../kernel/time/clock.js'
import type { DeclaredOperation } from '../manifest/manifest.js'

/** A relay, or a request that is being forwarded. */
export interface Closable {
  /** Closes both sides. A response has no close code: it breaks off. */
  close(code: number, reason: string): void
  /** The caller has lost access. Without this method the connection is closed with the code of the problem. */
  loseAccess?(problem: Problem): void
  /** Resolves when both sides are closed. Never rejects. */
  readonly ended: Promise<void>
}

export interface ConnectionParts {
  readonly connection: Closable
  readonly credential: Credential
  readonly location: ClientLocation
  /** The operation in the current manifest; undefined when the manifest no longer has it. */
  readonly declared: () => Pick<DeclaredOperation, 'access'> | undefined
  /** Whether the process waits for its end when it stops. Otherwise it closes the connection. */
  readonly ends_by_itself: boolean
}

/** A connection to an upstream whose caller must keep the access that the operation requires. */
class OpenConnection implements AuthorisedConnection {
  readonly credential: Credential
  readonly location: ClientLocation
  readonly conversation_id = undefined
  standing: Standing | undefined
  scopes: readonly string[] = []

  constructor(private readonly parts: ConnectionParts) {
    this.credential = parts.credential
    this.location = parts.location
  }

  /** Takes the scopes from the current manifest. Closes the connection if its operation is gone. */
  onManifestChanged(): void {
    const declared = this.parts.declared()
    if (declared === undefined) this.parts.connection.close(CLOSE_CODES.service_restart, 'the upstream changed')
    else this.scopes = declared.access.scopes
  }

  end({ problem }: { readonly problem: Problem }): void {
    const { connection } = this.parts
    if (connection.loseAccess === undefined) connection.close(closeCodeOf(problem), problem.code)
    else connection.loseAccess(problem)
  }

  /** Closes the connection because the process stops, unless it ends by itself. @returns when both sides are closed */
  async closeForRestart(): Promise<void> {
    if (this.parts.ends_by_itself) return
    closeForRestart(this.parts.connection)
    await this.parts.connection.ended
  }
}

export interface OpenConnectionsParts {
  readonly facts: FactsReader
  readonly rules: AccessRules
  readonly bus: Bus
  readonly clock: Clock
  readonly log: JobLog
}

/**
 * The open relays of this process, the responses that stay open, and the forwarded requests that take long. One closes when its caller loses access, when the
 * manifest no longer declares it, and when the process stops.
 */
export class OpenConnections {
  private readonly connections = new Set<OpenConnection>()
  private readonly rechecker: AccessRechecker<OpenConnection>

  constructor(parts: OpenConnectionsParts) {
    this.rechecker = new AccessRechecker(parts)
  }

  /** The manifest may have changed while the gateway connected to the upstream, so the operation is looked up again. */
  add(parts: ConnectionParts): void {
    const connection = new OpenConnection(parts)
    connection.onManifestChanged()
    this.connections.add(connection)
    this.rechecker.add(connection)
    void parts.connection.ended.then(() => {
      this.connections.delete(connection)
      this.rechecker.remove(connection)
    })
  }

  /** Applies a new manifest to every connection. */
  onManifestChanged(): void {
    for (const connection of this.connections) {
      connection.onManifestChanged()
      this.rechecker.recheck(connection)
    }
  }

  /** Closes all connections. Resolves when both sides of each are closed. */
  async close(): Promise<void> {
    this.rechecker.close()
    await Promise.all([...this.connections].map((connection) => connection.closeForRestart()))
  }
}
